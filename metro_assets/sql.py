"""Relations through SQL: a stage's `.sql` text over named relations, on the connection that the relations share.

A stage has no connection of its own, and a relation does not show its connection; `relation.query` runs on it. Names in
the text are looked up as DuckDB looks up Python variables, so nothing is left behind in the connection's catalogue.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import duckdb
import polars as pl

Relation: TypeAlias = duckdb.DuckDBPyRelation

_numbers = itertools.count()


@dataclass(frozen=True)
class _Quick:
    """Where queries run at once, and what they gave: temporary tables of the connection."""

    connection: duckdb.DuckDBPyConnection
    given: dict[int, Relation] = field(default_factory=dict)
    """By `id`."""


_quick: ContextVar[_Quick | None] = ContextVar("quick", default=None)


@contextmanager
def few_rows_on(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Queries of the block, all on this connection, are of so few rows that planning costs more than running them.

    A lazy relation is planned with everything below it when it is made, when something is built on it and when it
    runs. Here each query runs once, when it is made, and what it gives is a temporary table: a morning of one customer
    took a quarter of the time. The tables go with the connection.
    """
    token = _quick.set(_Quick(connection))
    try:
        yield
    finally:
        _quick.reset(token)


def query(package: str, name: str, **tables: Relation | pl.DataFrame) -> Relation:
    """The relation that `<package>/<name>.sql` describes over the tables, lazily; at least one is a relation."""
    if (quick := _quick.get()) is not None:
        return _run(quick, _text(package, name), tables)
    scope: dict[str, object] = dict(tables)
    scope["_anchor"] = next(table for table in tables.values() if isinstance(table, duckdb.DuckDBPyRelation))
    scope["_text"] = _text(package, name)
    # DuckDB looks names up in the frame that calls it: this one line gets a frame with exactly the tables as variables.
    relation: Relation = eval("_anchor.query('_anchor', _text)", {}, scope)  # noqa: S307
    return relation


def _run(quick: _Quick, text: str, tables: Mapping[str, Relation | pl.DataFrame]) -> Relation:
    """What the text gives now, as a temporary table."""
    name = f"stored_{next(_numbers)}"
    relations = {key: table for key, table in tables.items() if isinstance(table, duckdb.DuckDBPyRelation)}
    named = ", ".join(f"{key} as ({table.sql_query()})" for key, table in relations.items())
    scope: dict[str, object] = {key: table for key, table in tables.items() if key not in relations}
    scope["_connection"] = quick.connection
    scope["_statement"] = f"create temp table {name} as with {named} from (\n{text}\n)"
    eval("_connection.execute(_statement)", {}, scope)  # noqa: S307
    relation: Relation = quick.connection.table(name)
    quick.given[id(relation)] = relation
    return relation


@cache
def _text(package: str, name: str) -> str:
    return files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def stored(rows: Relation) -> Relation:
    """The rows computed now and kept in a temporary table, so that what is built on them does not compute them again.

    Not `rows.materialize()`: joined with itself, a materialised relation of two million rows took DuckDB 2.0.0 seven
    seconds, a temporary table 0.03.
    """
    if (quick := _quick.get()) is not None:
        return rows if id(rows) in quick.given else rows.materialize()
    name = f"stored_{next(_numbers)}"
    # A relation keeps the relation that it was queried from; the row count that `create` gives back keeps nothing else.
    created: Relation = rows.query("rows", f"create temp table {name} as from rows")  # type: ignore[assignment]
    return created.query("created", f"from temp.{name}").set_alias(name)  # type: ignore[union-attr]


@contextmanager
def briefly_stored(rows: Relation) -> Iterator[Relation]:
    """Like `stored`, and the table is gone at the end of the block: nothing lazy may outlive it."""
    kept = stored(rows)
    try:
        yield kept
    finally:
        if _quick.get() is None:
            kept.query("rows", f"drop table temp.{kept.alias}")


def values(**constants: float | int | str | date) -> pl.DataFrame:
    """One row of constants: how a number or a date is bound into a query."""
    return pl.DataFrame([constants])


def union(relations: list[Relation]) -> Relation:
    """The rows of all relations, of which there is at least one."""
    together = relations[0]
    for relation in relations[1:]:
        together = together.union(relation)
    return together


def on_date(rows: Relation, run_date: date) -> Relation:
    """The rows of one run date."""
    return rows.filter(duckdb.ColumnExpression("run_date") == duckdb.ConstantExpression(run_date))


def dated(rows: Relation, run_date: date) -> Relation:
    """The rows with the column `run_date` set to the date."""
    others = [duckdb.ColumnExpression(name) for name in rows.columns if name != "run_date"]
    return rows.select(*others, duckdb.ConstantExpression(run_date).alias("run_date"))
