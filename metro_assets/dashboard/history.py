"""Small tables over their run dates, read once per state of their files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

import polars as pl

from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.kept import once
from metro_assets.storage.errors import explained

Stamps: TypeAlias = tuple[tuple[date, int], ...]
KEPT = 32


def rows_of(desk: Desk, table: str, dates: Sequence[date]) -> pl.DataFrame:
    """The rows of a table's partitions, those that were never made left out; read again once a file is replaced."""
    return _rows(desk, table, stamps(desk, table, dates))


def stamps(desk: Desk, table: str, dates: Sequence[date]) -> Stamps:
    """The partitions that there are with what changes when they are replaced."""
    paths = ((day, desk.warehouse.path(table, day)) for day in dates)
    return tuple((day, path.stat().st_mtime_ns) for day, path in paths if path.exists())


@once(KEPT)
def _rows(desk: Desk, table: str, found: Stamps) -> pl.DataFrame:
    with desk.reading() as connection, explained():
        rows: pl.DataFrame = desk.table(connection, table, [day for day, _ in found]).pl()
    return rows
