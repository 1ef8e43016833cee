"""Thompson sampling on a warehouse: the belief as an order, what waiting for rewards costs, how much is explored."""
