"""Which policy chooses each algorithm's ten: by score, by money, or by a draw."""

from __future__ import annotations

from metro_assets.config import Selection
from metro_assets.selection.greedy import choose_greedily
from metro_assets.sql import Relation


def choose(eligible: Relation, settings: Selection) -> Relation:
    """One row per customer, algorithm and rank: offer_id, score, value_ron and propensity.

    Parameters
    ----------
    eligible : customer_id, algorithm, offer_id, score, value_ron, log_odds_sd and category of every pair that no rule
        forbids.
    """
    return choose_greedily(eligible, settings).select("*, null::float as value_ron, 1.0::float as propensity")
