"""The policy of incremental margin: the offers that add most RON first, under the greedy policy's own limits."""

from __future__ import annotations

from metro_assets.config import Selection
from metro_assets.selection.greedy import choose_greedily
from metro_assets.sql import Relation, query


def choose_by_value(eligible: Relation, settings: Selection) -> Relation:
    """One row per customer, algorithm and rank (1 is the best): offer_id, score and value_ron; ties by offer id.

    A slate is filled whatever the values: an offer that costs more than it adds comes last, not never. Offers whose
    value is unknown come after all others, by their score.

    Parameters
    ----------
    eligible : customer_id, algorithm, offer_id, score, value_ron and category of every pair that no rule forbids.
    """
    preferred = query(__package__, "preferred_by_value", eligible=eligible)
    return query(__package__, "by_value", chosen=choose_greedily(preferred, settings), eligible=eligible)
