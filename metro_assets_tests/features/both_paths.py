"""The features of every customer and offer, by the daily tables and by training examples, agreeing bit for bit."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import polars as pl
from polars.testing import assert_frame_equal

from metro_assets.config import Features
from metro_assets.features.customers import features_of_customers, moments_of_day, purchases_by_product, spend_at
from metro_assets.features.offers import features_of_offers
from metro_assets.features.pairs import features_of_pairs, sums_at
from metro_assets.features.training import History, Served, examples, examples_as_served
from metro_assets.features.windows import known_before
from metro_assets.sql import dated, on_date, query
from metro_assets.vocabulary import CUSTOMER_FEATURES, RANKING_FEATURES
from metro_assets_tests.frames import (
    DAY,
    Row,
    connection,
    customer,
    impression,
    offer,
    offer_product,
    orders_of,
    product,
    relation,
)

Tables = dict[str, Sequence[Row]]
PAIR = ["customer_id", "offer_id"]
PROBES = 1_000_000
"""First id of the impressions that show every offer to every customer, so that each pair is a training example."""


def tables(**given: Sequence[Row]) -> Tables:
    """Rows per table; unless given, a customer, a product, an offer of it on `DAY`, and the orders of the lines."""
    rows: Tables = {
        "customers": [customer()],
        "products": [product()],
        "offers": [offer()],
        "offer_products": [offer_product()],
        "daily_prices": [],
        "order_items": [],
        "impressions": [],
        "redemptions": [],
    }
    rows |= given
    return {"orders": orders_of(rows["order_items"])} | rows


def relations(database: duckdb.DuckDBPyConnection, rows: Tables) -> History:
    return History(**{table: relation(database, table, rows[table]) for table in rows})


def probed(rows: Tables, days: Iterable[date]) -> Tables:
    """The tables with every customer shown every offer that is live on the days."""
    pairs = [
        {"run_date": live["run_date"], "customer_id": buyer["customer_id"], "offer_id": live["offer_id"]}
        for day in days
        for live in rows["offers"]
        for buyer in rows["customers"]
        if live["run_date"] == day
    ]
    probes = [impression(PROBES + number, **pair) for number, pair in enumerate(pairs)]
    return rows | {"impressions": [*rows["impressions"], *probes]}


def served_on(history: History, day: date, settings: Features) -> Served:
    """The daily tables that their assets make for the run date; no value is rounded."""
    bought = purchases_by_product(history.order_items, history.customers, day, settings)
    moments = moments_of_day(history.customers, day, settings)
    spend = spend_at(bought, history.products, day)
    of_offers = features_of_offers(
        on_date(history.offers, day),
        history.offers,
        on_date(history.offer_products, day),
        on_date(history.daily_prices, day),
        history.products,
        history.order_items,
        history.impressions,
        history.redemptions,
        settings,
    )
    of_offers = of_offers.drop("category", "valid_to_date").rename({"as_of_date": "run_date"})  # read by the query
    return Served(
        customer_products=dated(bought, day),
        customer_features=dated(
            features_of_customers(moments, spend, history.orders).select("customer_id", *CUSTOMER_FEATURES), day
        ),
        offer_features=history.offers.query("_", "from of_offers"),
    )


def daily(history: History, served: Served, day: date, settings: Features) -> pl.DataFrame:
    """One row per customer and live offer with what the daily assets make for the run date."""
    live = on_date(history.offers, day)
    moments = moments_of_day(history.customers, day, settings)
    of_pairs = features_of_pairs(
        moments.set_alias("moments").join(live.select("offer_id").set_alias("live"), "true"),
        moments,
        sums_at(
            day,
            moments,
            served.customer_products,
            on_date(history.offer_products, day),
            history.products,
            history.customers,
        ),
        known_before(history.redemptions, day, settings.window_days),
        history.customers,
        query("metro_assets.features", "described_offers", offers=live, offer_features=served.offer_features),
        settings,
    )
    return (
        of_pairs.pl()
        .join(served.customer_features.pl().drop("run_date"), on="customer_id")
        .join(served.offer_features.pl().drop("run_date"), on="offer_id")
        .sort(PAIR)
    )


def as_served(history: History, served: Served, day: date, settings: Features) -> pl.DataFrame:
    """The training examples of what was shown on the day, from its daily tables."""
    return examples_as_served(history, served, day + timedelta(days=1), settings).pl().sort("impression_id")


def trained(history: History, days: Iterable[date], settings: Features) -> pl.DataFrame:
    """The training examples of what was shown on the days, made in one pass."""
    run_dates = [day + timedelta(days=1) for day in days]
    return examples(history, run_dates, settings).pl().sort("impression_id")


def features(day: date = DAY, settings: Features = Features(), **given: Sequence[Row]) -> dict[tuple[int, int], Row]:  # noqa: B008
    """Features of each customer and live offer by their ids, once both paths have given the same."""
    with connection() as database:
        history = relations(database, probed(tables(**given), [day]))
        tables_of_day = served_on(history, day, settings)
        served, kept = (path(history, tables_of_day, day, settings) for path in (daily, as_served))
        learned = trained(history, [day], settings)
    assert_frame_equal(learned, kept, check_exact=True)
    assert_same_features(served, learned.filter(pl.col("impression_id") >= PROBES))
    return {(row["customer_id"], row["offer_id"]): row for row in served.iter_rows(named=True)}


def assert_same_features(served: pl.DataFrame, learned: pl.DataFrame) -> None:
    """Each pair has the same features in both, as the examples store them: single precision."""
    columns = [*PAIR, *(pl.col(name).cast(pl.Float32) for name in RANKING_FEATURES)]
    assert_frame_equal(served.select(columns).sort(PAIR), learned.select(columns).sort(PAIR), check_exact=True)


def only(found: dict[tuple[int, int], Row]) -> dict[str, Any]:
    """The one pair's features."""
    [row] = found.values()
    return row
