"""The success table: what phase 2 was to reach, measured anew on several worlds by one command."""
