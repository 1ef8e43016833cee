"""The folder's tables as the features stage reads them: events with their day, offers on the days that they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from metro_assets.features.training import History
from metro_assets.sql import Relation, query, stored
from metro_assets.storage.contract import PARTITION_COLUMN, RECORDED_COLUMN, contract

MOMENTS = {"orders": "ordered_at", "impressions": "shown_at", "redemptions": "redeemed_at"}
"""Tables of events and the column that says when each happened."""
EXACT_POLICY = "mailed"
"""Policy of impressions that are known coupon by coupon; of the others only the pool is known."""


@dataclass(frozen=True)
class Campaign:
    """A campaign: its days, both inclusive, and whether it is known which coupons each household was mailed."""

    campaign_id: int
    first_date: date
    last_date: date
    is_exact: bool


def history_of(folder: Path, connection: duckdb.DuckDBPyConnection) -> History:
    """The tables of the folder; an absent optional column is null, an event became known on its own day."""
    files = {path.stem: connection.read_parquet(str(path)) for path in sorted(folder.glob("*.parquet"))}
    events = {
        table: files[table].select(f"*, {moment}::date as {PARTITION_COLUMN}, {moment}::date as {RECORDED_COLUMN}")
        for table, moment in MOMENTS.items()
    }
    tables = {
        **events,
        "customers": files["customers"],
        "products": files["products"],
        "offers": query(__package__, "live_offers", offers=files["offers"]),
        "offer_products": query(
            __package__, "announced_products", offers=files["offers"], offer_products=files["offer_products"]
        ),
        "order_items": query(__package__, "dated_lines", order_items=files["order_items"], orders=events["orders"]),
        "daily_prices": connection.sql(f"select null::date as {PARTITION_COLUMN} limit 0"),
    }
    return History(**{table: stored(_completed(table, rows)) for table, rows in tables.items()})


def campaigns_of(history: History) -> list[Campaign]:
    """The campaigns in the order of their first day; an offer's number begins with its campaign's."""
    rows = query(__package__, "campaigns", offers=history.offers, impressions=history.impressions).fetchall()
    return [Campaign(number, first, last, policy == EXACT_POLICY) for number, first, last, policy in rows]


def _completed(table: str, rows: Relation) -> Relation:
    """The rows with the contract's columns and types; what they lack is null."""
    promised = contract(table)
    columns = [
        f"{column.name if column.name in rows.columns else 'null'}::{column.type} as {column.name}"
        for column in promised.columns
    ]
    if promised.is_partitioned:
        columns.append(PARTITION_COLUMN)
    return rows.select(", ".join(columns))
