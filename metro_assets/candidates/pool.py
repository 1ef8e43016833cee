"""The pool: what the strategies found, each offer once, at most so many per customer, with its rank in each."""

from __future__ import annotations

from datetime import date

import duckdb

from metro_assets.candidates.market import Market
from metro_assets.candidates.strategies import STRATEGIES
from metro_assets.config import Candidates
from metro_assets.sql import Relation, query, stored, union, values


def pool(market: Market, run_date: date, settings: Candidates) -> Relation:
    """One row per customer and candidate, with `<strategy>_rank`, null where a strategy did not find it or is off.

    The cap keeps the best ranks in any strategy; ties by the sum of its ranks, then by offer id.
    """
    found = union(
        [
            retrieve(market, run_date, settings).project(
                duckdb.ColumnExpression("customer_id"),
                duckdb.ColumnExpression("offer_id"),
                duckdb.ConstantExpression(strategy.value).alias("strategy"),
                duckdb.ColumnExpression("rank"),
            )
            for strategy, retrieve in STRATEGIES.items()
            if strategy in settings.strategies
        ]
    )
    united = stored(query(__package__, "united", found=found))
    return query(__package__, "candidate_pool", united=united, parameters=values(pool_cap=settings.pool_cap))
