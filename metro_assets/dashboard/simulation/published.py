"""A customer's morning as it was published: what a simulation is compared with, looked up rather than computed."""

from __future__ import annotations

import duckdb
import polars as pl

from metro_assets.dashboard.simulation.everybody import Everybody
from metro_assets.dashboard.simulation.history import History
from metro_assets.dashboard.simulation.morning import Clock, Morning
from metro_assets.dashboard.simulation.scorers import Scoring
from metro_assets.ranking.examples import with_customer_codes, with_next_item
from metro_assets.ranking.scoring import with_margins
from metro_assets.selection.rules import judged_candidates
from metro_assets.selection.slates import RECOMMENDATION_COLUMNS
from metro_assets.sql import few_rows_on, query
from metro_assets.vocabulary import CUSTOMER_FEATURES, MARGIN_FEATURES, NEXT_ITEM_FEATURE


def published_morning(
    everybody: Everybody, connection: duckdb.DuckDBPyConnection, history: History, scoring: Scoring
) -> Morning:
    """The morning by the tables of the run date; they are sorted by customer, so a lookup reads a block of each.

    Parameters
    ----------
    connection : to read the tables with.
    """
    run_date, settings, clock = everybody.run_date, everybody.settings, Clock()
    own = duckdb.ColumnExpression("customer_id") == duckdb.ConstantExpression(history.customer_id)
    by = duckdb.ColumnExpression("algorithm") == duckdb.ConstantExpression(scoring.algorithm)

    def rows(table: str, of_algorithm: bool = False) -> pl.DataFrame:
        found = everybody.warehouse.read(connection, table, [run_date], allow_missing=True)
        frame: pl.DataFrame = found.filter(own & by if of_algorithm else own).pl()
        return frame

    slate = rows("recommendations", of_algorithm=True).select(RECOMMENDATION_COLUMNS).sort("rank")
    short = rows("recommendation_shortfalls", of_algorithm=True)
    features = rows("customer_features").select("customer_id", *CUSTOMER_FEATURES)
    wanted = scoring.scorer.feature_names if scoring.scorer is not None else ()
    with everybody.opening() as opening, few_rows_on(opening.cursor):
        customer = opening.rows(history.customer)
        pairs = opening.rows(rows("interaction_features").drop("run_date"))
        if NEXT_ITEM_FEATURE in wanted:
            pairs = with_next_item(pairs, opening.rows(rows("next_item_scores").drop("run_date")))
        if set(MARGIN_FEATURES) & set(wanted):
            pairs = with_margins(pairs, opening.rows(rows("candidate_margins").drop("run_date")))
        judged = judged_candidates(
            opening.rows(rows("scored_candidates", of_algorithm=True).drop("run_date")),
            opening.table("offers"),
            customer,
            opening.rows(history.impressions),
            opening.rows(history.redemptions),
            run_date,
            settings.selection,
        )
        candidates = query(
            __package__,
            "described_candidates",
            pool=opening.rows(rows("candidate_pool")),
            pairs=pairs,
            of_customer=with_customer_codes(opening.rows(features), customer),
            of_offers=opening.table("coded_offers"),
            judged=judged,
        ).pl()
    clock.stop("published")
    return Morning(
        features=next(features.select(CUSTOMER_FEATURES).iter_rows(named=True), {}),
        bought=rows("customer_products"),
        candidates=candidates,
        slate=slate,
        shortfall=short["reason"][0] if len(short) else None,
        milliseconds=clock.found,
    )
