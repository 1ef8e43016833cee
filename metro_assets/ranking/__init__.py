"""Learning P(redemption) from impressions: examples in time windows, rankers behind one protocol, a choice, scores.

What belongs here: fitting, calibrating, choosing and scoring. What does not: features (given), rules of the ten offers.
"""
