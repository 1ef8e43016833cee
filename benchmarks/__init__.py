"""Speed at full size, and ratios against a bare peer in the same run. `make bench` runs `__main__`."""
