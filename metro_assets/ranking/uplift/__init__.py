"""Learning what an offer changes: who buys because it was shown, from customers drawn at random to see it or not.

What belongs here: outcomes of randomised moments, the four learners, the choice between them, the expected incremental
margin. What does not: which moments are examples (given), the rules of the ten offers.
"""
