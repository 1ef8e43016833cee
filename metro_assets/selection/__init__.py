"""From scored candidates to each customer's ten offers: the rules, the policies, the price tag, the reason in words.

What belongs here: which of the scored offers a customer gets and what the tag says. What does not: scoring, and where
the offers are read from.
"""
