"""The features of customers, offers and pairs, as known at a moment: for serving and for training alike.

What belongs here: what events say of a customer or an offer before a date. What does not: which offers are retrieved,
how they are ranked, and any label.

One definition, two uses. A *moment* is a customer at the opening of a date. The formulas (`customer_features.sql`,
`pair_features.sql`, `offers.py`) read window sums per moment and never ask where the moment comes from: the daily
tables have every customer on the run date, training rows the customers and days of many impressions in one pass.
"""
