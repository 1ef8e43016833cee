"""What a customer buys next, from the order of its baskets: sequence models and their scores of products and offers.

What belongs here: baskets in time, SASRec and BERT4Rec, next-item metrics and the baselines that they are measured
against. What does not: rankers of offers (they take `next_item_score` as one more feature), features, candidates.
"""
