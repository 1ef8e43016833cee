"""`metro sql`: a query over the views of `metro.duckdb`, which it cannot change."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

import duckdb
from rich.console import Console
from rich.text import Text

from metro_assets.cli.showing import plain_table
from metro_assets.config import Settings
from metro_assets.storage.errors import WarehouseError, explained

if TYPE_CHECKING:
    from rich.table import Table

SHOWN_ROWS = 100
BATCH_ROWS = 10_000
UNBOUNDED = 1_000_000
"""Columns of a terminal in which any row fits."""


class QueryError(WarehouseError):
    """DuckDB refuses a query; the message is its own, in one line."""


def show_query(settings: Settings, query: str, console: Console, *, as_csv: bool) -> None:
    """Print the result: whole as CSV, else its first rows, each on lines of its own where the columns do not fit.

    Raises
    ------
    QueryError : the query is wrong. WarehouseError : the warehouse is empty, or a file of it damaged.
    """
    path = settings.warehouse / "metro.duckdb"
    if not path.exists():
        raise WarehouseError(f"{path} is missing; a run makes it: metro run")
    engine = settings.engine
    try:
        with (
            explained(),
            duckdb.connect(
                str(path), read_only=True, config={"memory_limit": engine.memory_limit, "threads": engine.threads}
            ) as connection,
        ):
            result = connection.sql(query)
            if result is None:
                raise QueryError("the statement has no result; ask for rows, such as: from recommendations limit 5")
            if as_csv:
                _write_csv(result)
            else:
                _show(result, console)
    except duckdb.Error as error:
        raise QueryError(" ".join(str(error).split("\n\nLINE")[0].split())) from error


def _write_csv(result: duckdb.DuckDBPyRelation) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.columns)
    for batch in result.fetch_arrow_reader(BATCH_ROWS):
        writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _show(result: duckdb.DuckDBPyRelation, console: Console) -> None:
    rows = result.limit(SHOWN_ROWS + 1).fetchall()
    shown = rows[:SHOWN_ROWS]
    table = _wide(result.columns, shown)
    if console.measure(table, options=console.options.update(max_width=UNBOUNDED)).maximum <= console.width:
        console.print(table)
    else:
        for place, row in enumerate(shown, 1):
            console.print(_tall(result.columns, row, f"row {place}"))
    if len(rows) > SHOWN_ROWS:
        console.print(f"[dim]the first {SHOWN_ROWS} rows; --csv prints all[/]", highlight=False)
    elif not rows:
        console.print("[dim]no rows[/]")


def _wide(columns: list[str], rows: list[tuple[object, ...]]) -> Table:
    table = plain_table("")
    for place, name in enumerate(columns):
        is_number = any(isinstance(row[place], int | float) for row in rows)
        table.add_column(Text(name), justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _tall(columns: list[str], row: tuple[object, ...], title: str) -> Table:
    table = plain_table(title, "column")
    table.add_column("value", overflow="fold")
    for name, value in zip(columns, row, strict=True):
        table.add_row(Text(name), _cell(value))
    return table


def _cell(value: object) -> Text:
    if value is None:
        return Text("-", style="dim")
    return Text(f"{value:.6g}" if isinstance(value, float) else str(value))
