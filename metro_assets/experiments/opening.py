"""What a policy knows at the opening of a run date: tables in memory where a morning looks back on many days.

Ninety files are opened anew by every query that reads a window of them; in memory the window is one table. It is filled
from the files in the order of the days, whether at once after a kill or day by day, so that sums come out the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from metro_assets.features.windows import days_between
from metro_assets.sql import Relation
from metro_assets.storage.tables import Warehouse

EVENT_TABLES = ("orders", "order_items", "assignments", "impressions", "redemptions", "web_visits")
REMEMBERED = (*EVENT_TABLES, "offers")
MASTER_TABLES = ("customers", "products")
_PREFIX = "remembered_"
"""A table in memory may not bear the name of one that a stage's SQL speaks of: it would be taken for it."""


@dataclass(frozen=True)
class Opening:
    """A warehouse at the opening of a run date, on a connection of its own to what is in memory."""

    warehouse: Warehouse
    connection: duckdb.DuckDBPyConnection
    run_date: date
    first_day: date

    def days(self, table: str, first: int = 0, last: int = 0) -> Relation:
        """A table from so many days after the run date (negative: before) to so many, as far as the history goes."""
        from_date = max(self.run_date + timedelta(days=first), self.first_day)
        to_date = self.run_date + timedelta(days=last)
        if table in REMEMBERED:
            return days_between(self.connection.table(_PREFIX + table), from_date, to_date)
        return self.warehouse.read(self.connection, table, (from_date, to_date), allow_missing=True)

    def whole(self, table: str) -> Relation:
        """A table without partitions."""
        return self.connection.table(_PREFIX + table)


class Memory:
    """The events before a day and the offers of a warehouse in memory, and its openings.

    What a killed process left of the day itself is not taken in: it is going to be written anew.
    """

    def __init__(self, warehouse: Warehouse, first_day: date, day: date, threads: int = 1) -> None:
        self._warehouse, self._first_day = warehouse, first_day
        self._connection = warehouse.connection(threads=threads)
        for table in MASTER_TABLES:
            self._fill(table, warehouse.read(self._connection, table))
        for table in REMEMBERED:
            written = [date for date in warehouse.partitions(table) if date >= first_day]
            known = [date for date in written if date < day or table not in EVENT_TABLES]
            self._fill(table, warehouse.read(self._connection, table, known, allow_missing=True))

    @contextmanager
    def opening(self, run_date: date) -> Iterator[Opening]:
        """The opening of a run date; what it stores in passing is gone with it."""
        with self._connection.cursor() as cursor:
            yield Opening(self._warehouse, cursor, run_date, self._first_day)

    def append(self, tables: tuple[str, ...], day: date) -> None:
        """Take in a day that was written."""
        for table in tables:
            rows = self._warehouse.read(self._connection, table, [day])
            rows.query("rows", f"insert into {_PREFIX}{table} select * from rows")

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    def _fill(self, table: str, rows: Relation) -> None:
        rows.query("rows", f"create table {_PREFIX}{table} as from rows")
