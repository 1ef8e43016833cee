"""What one customer did before a morning, as frames in the types of the data contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import polars as pl

from metro_assets.config import Settings
from metro_assets.selection.rules import WEEK_DAYS
from metro_assets.sql import Relation
from metro_assets.storage.tables import Warehouse


@dataclass(frozen=True)
class History:
    """One customer and their events of the days that a morning looks back on; rows as in the tables."""

    customer: pl.DataFrame
    """The row of `customers`."""
    orders: pl.DataFrame
    lines: pl.DataFrame
    """The rows of `order_items`."""
    redemptions: pl.DataFrame
    impressions: pl.DataFrame
    web_visits: pl.DataFrame

    @property
    def customer_id(self) -> int:
        """Number of the customer."""
        return int(self.customer["customer_id"][0])


def read_history(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    customer: pl.DataFrame,
    remembered: Callable[[str], Relation],
    run_date: date,
    settings: Settings,
) -> History:
    """The history of a customer at the opening of a run date.

    Lines lie in one file per day, in the order of customers: a customer's are a few blocks of each.

    Parameters
    ----------
    customer : one row of `customers`.
    remembered : gives orders and redemptions of the window of all customers, in memory.
    """
    customer_id = int(customer["customer_id"][0])

    def own(rows: Relation, order: str) -> pl.DataFrame:
        mine = duckdb.ColumnExpression("customer_id") == duckdb.ConstantExpression(customer_id)
        frame: pl.DataFrame = rows.filter(mine).order(order).pl()
        return frame

    def before(table: str, days: int) -> Relation:
        dates = (run_date - timedelta(days=days), run_date - timedelta(days=1))
        return warehouse.read(connection, table, dates, allow_missing=True)

    lines_days = max(settings.features.window_days, settings.sequences.history_days)
    return History(
        customer=customer,
        orders=own(remembered("orders"), "run_date, order_id"),
        lines=own(before("order_items", lines_days), "run_date, order_id, product_id"),
        redemptions=own(remembered("redemptions"), "run_date, redemption_id"),
        impressions=own(before("impressions", WEEK_DAYS - 1), "run_date, impression_id"),
        web_visits=own(before("web_visits", settings.selection.browse_days), "run_date, product_id"),
    )
