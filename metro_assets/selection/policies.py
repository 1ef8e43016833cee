"""Which policy chooses each algorithm's ten: by score, by money, or by a draw."""

from __future__ import annotations

import duckdb

from metro_assets.config import Selection
from metro_assets.selection.by_value import choose_by_value
from metro_assets.selection.greedy import choose_greedily
from metro_assets.sql import Relation
from metro_assets.vocabulary import Algorithm

BY_VALUE = Algorithm.UPLIFT


def choose(eligible: Relation, settings: Selection) -> Relation:
    """One row per customer, algorithm and rank: offer_id, score, value_ron and propensity.

    Parameters
    ----------
    eligible : customer_id, algorithm, offer_id, score, value_ron, log_odds_sd and category of every pair that no rule
        forbids.
    """
    algorithm, by_value = duckdb.ColumnExpression("algorithm"), duckdb.ConstantExpression(str(BY_VALUE))
    chosen = choose_greedily(eligible.filter(algorithm != by_value), settings).select("*, null::float as value_ron")
    valued = choose_by_value(eligible.filter(algorithm == by_value), settings)
    return chosen.union(valued.select(*chosen.columns)).select("*, 1.0::float as propensity")
