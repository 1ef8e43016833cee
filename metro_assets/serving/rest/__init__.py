"""REST over the published recommendations: `metro serve`. Never imports Dagster, never waits for a run.

What belongs here: addresses, keys, errors, logs, metrics. What does not: a query (`queries.py`), a pipeline rule.
"""
