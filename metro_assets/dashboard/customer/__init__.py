"""One business: who it is, what it buys and when, its offers by every algorithm, and what kept the others out."""
