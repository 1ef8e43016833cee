"""Which policy chooses each algorithm's ten: by score, by money, or by a draw."""

from __future__ import annotations

from datetime import date

from duckdb import ColumnExpression, ConstantExpression

from metro_assets.config import Selection
from metro_assets.selection.by_value import choose_by_value
from metro_assets.selection.greedy import choose_greedily
from metro_assets.selection.thompson import choose_by_sampling
from metro_assets.sql import Relation, query
from metro_assets.vocabulary import Algorithm


def choose(eligible: Relation, run_date: date, settings: Selection, seed: int, threads: int) -> Relation:
    """One row per customer, algorithm and rank: offer_id, score, value_ron and propensity.

    Parameters
    ----------
    eligible : customer_id, algorithm, offer_id, score, value_ron, log_odds_sd and category of every pair that no rule
        forbids.
    """
    algorithm = ColumnExpression("algorithm")
    explores = algorithm == ConstantExpression(str(Algorithm.THOMPSON))
    counts_money = algorithm == ConstantExpression(str(Algorithm.UPLIFT))
    return query(
        __package__,
        "chosen",
        by_score=choose_greedily(eligible.filter(~(explores | counts_money)), settings),
        by_value=choose_by_value(eligible.filter(counts_money), settings),
        sampled=choose_by_sampling(eligible.filter(explores), run_date, settings, seed, threads),
    )
