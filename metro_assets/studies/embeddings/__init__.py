"""The embedding channel measured on a warehouse: what it adds to the pool, what its vectors know, what it costs."""
