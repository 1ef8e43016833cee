"""The files behind the source interface: every table of any day, from the snapshot of the folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from metro_assets.config import Engine, Files
from metro_assets.sources.files.snapshot import Span, span_of, sql_of, take_snapshot
from metro_assets.sources.interface import Frame
from metro_assets.storage.contract import contract
from metro_assets.storage.errors import WarehouseError

EVENT_TABLES = ("orders", "order_items", "assignments", "impressions", "redemptions", "web_visits")


class FilesEndError(WarehouseError):
    """The files do not reach the day that was asked for."""


class FolderSource:
    """A folder's tables. Days are independent: ask for any, in any order, from several threads."""

    def __init__(self, folder: Path, warehouse: Path, engine: Engine, limits: Files) -> None:
        self.folder = folder
        self._snapshot = duckdb.connect(
            str(take_snapshot(folder, warehouse, engine, limits)),
            read_only=True,
            config={"memory_limit": engine.memory_limit, "threads": engine.threads},
        )
        self.span: Span = span_of(self._snapshot)

    def customers(self) -> Frame:
        """The table customers."""
        return self._rows("from customers order by customer_id")

    def products(self) -> Frame:
        """The table products."""
        return self._rows("from products order by product_id")

    def state(self, run_date: date) -> Mapping[str, Frame]:
        """Prices in force, offers that hold and were announced before the date, their products and audiences."""
        live = f"semi join ({sql_of('live_offers')}) as live using (offer_id)"
        queries = {
            "daily_prices": sql_of("prices_in_force"),
            "offers": sql_of("live_offers"),
            "offer_products": f"from offer_products {live} order by offer_id, product_id",
            "offer_audience": f"from offer_audience {live} order by offer_id, customer_id",
        }
        return {table: self._rows(query, run_date=run_date) for table, query in queries.items()}

    def events(self, day: date) -> Mapping[str, Frame]:
        """What happened on a day, each table sorted by its key.

        Raises
        ------
        FilesEndError : the files may not hold the whole day yet.
        """
        if day > self.span.complete_to:
            raise FilesEndError(
                f"the files in {self.folder} end on {self.span.complete_to}, before {day}; export newer ones, or, if "
                f"nothing happened since, say so in mapping.toml: complete_to = {day}"
            )
        return {
            table: self._rows(
                f"select * exclude (run_date) from {table} where run_date = $day "
                f"order by {', '.join(contract(table).key)}",
                day=day,
            )
            for table in EVENT_TABLES
        }

    def row_counts(self) -> dict[str, dict[date, int]]:
        """Rows of every event table, and of offers, by table and day; a day without rows is not in it."""
        with self._snapshot.cursor() as cursor:
            counts = {
                table: dict(cursor.sql(f"select run_date, count(*) from {table} group by run_date").fetchall())
                for table in EVENT_TABLES
            }
            return counts | {"offers": dict(cursor.sql(sql_of("live_offer_counts")).fetchall())}

    def live_offer_count(self, run_date: date) -> int:
        """Offers that hold on a date and were announced before it."""
        return len(self._rows(sql_of("live_offers"), run_date=run_date))

    def _rows(self, query: str, **bound: date) -> pl.DataFrame | pa.Table:
        with self._snapshot.cursor() as cursor:
            result = cursor.sql(query, params=bound) if bound else cursor.sql(query)
            return result.to_arrow_table()
