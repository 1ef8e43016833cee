"""Which events a moment knows, and customers in ranges, so that memory does not grow with their number."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb

from metro_assets.sql import Relation


def known_before(events: Relation, as_of_date: date, window_days: int) -> Relation:
    """Events of the `window_days` before the date that were recorded before it."""
    run_date, recorded_date = duckdb.ColumnExpression("run_date"), duckdb.ColumnExpression("recorded_date")
    as_of = duckdb.ConstantExpression(as_of_date)
    first = duckdb.ConstantExpression(as_of_date - timedelta(days=window_days))
    return events.filter((run_date >= first) & (run_date < as_of) & (recorded_date < as_of))


def days_between(rows: Relation, first_date: date, last_date: date) -> Relation:
    """Rows of the run dates from first to last."""
    run_date = duckdb.ColumnExpression("run_date")
    return rows.filter(
        (run_date >= duckdb.ConstantExpression(first_date)) & (run_date <= duckdb.ConstantExpression(last_date))
    )


def customer_ranges(customers: Relation, customers_per_range: int) -> list[tuple[int, int]]:
    """Ranges of customer ids, both ends inclusive, that cover all customers; one empty range if there are none.

    Order lines lie in the order of their customers within a day, so a range reads few of a file's blocks.
    """
    ids = sorted(row[0] for row in customers.select("customer_id").fetchall())
    starts = ids[::customers_per_range]
    ends = [*(start - 1 for start in starts[1:]), *ids[-1:]]
    return list(zip(starts, ends, strict=True)) or [(0, -1)]


def customers_between(rows: Relation, first_id: int, last_id: int) -> Relation:
    """Rows of the customers with ids from first to last."""
    customer_id = duckdb.ColumnExpression("customer_id")
    return rows.filter(
        (customer_id >= duckdb.ConstantExpression(first_id)) & (customer_id <= duckdb.ConstantExpression(last_id))
    )
