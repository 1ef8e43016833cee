"""What the ten offers would be if a customer were another: the morning's own functions on a changed history.

`scenario` says what is changed, `history` is what one customer did, `changes` rewrites it, `everybody` keeps what
belongs to all customers as it stood that morning, `morning` calls the stages' functions for the one, `differences`
says what moved and why, `typical` finds the customer who stands for a segment. No feature, score or rule is defined
here: they are the stages'.
"""
