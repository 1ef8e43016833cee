"""Pages for people over what was published: any business, its ten offers, why, and what another algorithm would do.

What belongs here: pages, their texts, charts and live recomputation. What does not: a query of the API (`serving`), a
rule, a feature or a score (their stages, whose functions are called here). Only the command imports it: it hands the
pages to the service, which knows nothing of them.
"""
