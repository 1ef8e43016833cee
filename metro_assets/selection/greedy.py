"""The greedy policy: the best scores first, at most so many of one category."""

from __future__ import annotations

from metro_assets.config import Selection
from metro_assets.sql import Relation, query, values


def choose_greedily(eligible: Relation, settings: Selection) -> Relation:
    """One row per customer, algorithm and rank (1 is the best): offer_id and score; ties by offer id.

    Parameters
    ----------
    eligible : customer_id, algorithm, offer_id, score and category of every pair that no rule forbids.
    """
    limits = values(maximum_per_category=settings.maximum_per_category, slate_size=settings.slate_size)
    return query(__package__, "greedy", eligible=eligible, parameters=limits)
