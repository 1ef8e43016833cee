"""Relations through SQL: a stage's `.sql` text over named relations, on the connection that the relations share.

A stage has no connection of its own, and a relation does not show its connection; `relation.query` runs on it. Names in
the text are looked up as DuckDB looks up Python variables, so nothing is left behind in the connection's catalogue.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import duckdb
import polars as pl

Relation: TypeAlias = duckdb.DuckDBPyRelation

_numbers = itertools.count()
_quick: ContextVar[duckdb.DuckDBPyConnection | None] = ContextVar("quick", default=None)


@contextmanager
def few_rows_on(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Queries of the block, all on this connection, are of so few rows that planning costs more than running them.

    `relation.query` puts a view into the catalogue and takes it out again, after which every relation is planned anew;
    the connection itself plans each once, and what is stored is held by the client. A hundred queries of a few hundred
    rows took a third of the time.
    """
    token = _quick.set(connection)
    try:
        yield
    finally:
        _quick.reset(token)


def query(package: str, name: str, **tables: Relation | pl.DataFrame) -> Relation:
    """The relation that `<package>/<name>.sql` describes over the tables, lazily; at least one is a relation."""
    scope: dict[str, object] = dict(tables)
    scope["_anchor"] = next(table for table in tables.values() if isinstance(table, duckdb.DuckDBPyRelation))
    scope["_connection"] = _quick.get()
    scope["_text"] = _text(package, name) if scope["_connection"] is None else _parsed(package, name)
    call = "_anchor.query('_anchor', _text)" if scope["_connection"] is None else "_connection.sql(_text)"
    # DuckDB looks names up in the frame that calls it: this one line gets a frame with exactly the tables as variables.
    relation: Relation = eval(call, {}, scope)  # noqa: S307
    return relation


@cache
def _text(package: str, name: str) -> str:
    return files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")


@cache
def _parsed(package: str, name: str) -> duckdb.Statement:
    """The text as the engine's parser reads it; every connection may run it."""
    return duckdb.extract_statements(_text(package, name))[0]


def stored(rows: Relation) -> Relation:
    """The rows computed now and kept in a temporary table, so that what is built on them does not compute them again.

    Not `rows.materialize()`: joined with itself, a materialised relation of two million rows took DuckDB 2.0.0 seven
    seconds, a temporary table 0.03.
    """
    if _quick.get() is not None:
        return rows.materialize()
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
