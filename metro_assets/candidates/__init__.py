"""Candidates: from all live offers to the at most 200 per customer that a ranker scores.

What belongs here: cheap retrieval strategies with one signature, and the pool that unites them. What does not: the
learnt score, and the rules of a slate. Retrieval keeps an offer from a customer only where it could never be shown:
another store, not in the audience of a listed offer, a personal offer without any consent. Selection checks the rest:
redeemed often enough, shown often enough, the channel's consent.
"""
