"""The canary of the law of time: events from the run date on are made up, and nothing that is derived may move.

Here: what is made up, what is compared, what an offence says. Not here: how a table is derived; the stages' own
functions are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

import duckdb
import polars as pl

from metro_assets.config import Canary, Settings
from metro_assets.sql import Relation, query, stored, values

PLANTED = {
    "orders": "planted_orders",
    "order_items": "planted_lines",
    "impressions": "planted_impressions",
    "redemptions": "planted_redemptions",
}
"""Tables of events with the query of what is made up in them: those that a table which is made again reads."""
SCHEMA: dict[str, Any] = {
    "table_name": pl.String,
    "column_name": pl.String,
    "customer_count": pl.Int32,
    "planted_count": pl.Int64,
    "value_count": pl.Int64,
    "moved_count": pl.Int64,
    "example": pl.String,
}
AGAIN = ":again"


class MakesAgain(Protocol):
    """A stage's tables of the run date, by name, for some customers, by the functions of its assets."""

    def __call__(
        self, tables: Mapping[str, Relation], sampled: Relation, run_date: date, settings: Settings, models: Any
    ) -> Mapping[str, Relation | pl.DataFrame]:
        """Rows as their tables have them; those of other customers may be among them."""
        ...


def canary_rows(
    tables: Mapping[str, Relation],
    keys: Mapping[str, Sequence[str]],
    stages: Iterable[MakesAgain],
    run_date: date,
    settings: Settings,
    models: object,
) -> pl.DataFrame:
    """Rows of `point_in_time_canaries`: every column of every table that the stages make again, as the future moved it.

    Parameters
    ----------
    tables : what the stages read and what they derived of the run date, by name.
    keys : key of each derived table, without `run_date`.
    """
    sampled = sampled_customers(tables["customers"], run_date, settings.canary, settings.seed)
    planted = planted_events(tables, sampled, run_date, settings.canary)
    future = {**tables, **{name: tables[name].union(rows) for name, rows in planted.items()}}
    customer_count = _count(sampled)
    planted_count = sum(_count(rows) for rows in planted.values())
    parts = [pl.DataFrame(schema=SCHEMA)]
    for makes_again in stages:
        for name, rows in makes_again(future, sampled, run_date, settings, models).items():
            made = rows if isinstance(rows, pl.DataFrame) else rows.pl()
            kept = tables[name].filter(_is_of(run_date))
            if "customer_id" in keys[name]:
                kept = query(__package__, "of_sampled", rows=kept, sampled=sampled)
            moved = moved_values(name, kept.pl().drop("run_date"), made, keys[name], settings.canary.tolerance)
            parts.append(moved.with_columns(customer_count=customer_count, planted_count=planted_count))
    return pl.concat([part.select(*SCHEMA).cast(pl.Schema(SCHEMA)) for part in parts]).sort("table_name", "column_name")


def sampled_customers(customers: Relation, run_date: date, settings: Canary, seed: int) -> Relation:
    """customer_id of a uniform sample of those who are registered, by a hash of customer, date and seed."""
    parameters = values(run_date=run_date, seed=seed, customers=settings.customers)
    return stored(query(__package__, "sampled_customers", customers=customers, parameters=parameters))


def planted_events(
    tables: Mapping[str, Relation], sampled: Relation, run_date: date, settings: Canary
) -> dict[str, Relation]:
    """Rows made up in each of the tables of events, typed as these are.

    At every moment (`moments`) every customer of the sample orders every product of all of their candidates, sees and
    redeems every one of these.
    """
    candidates = stored(
        query(__package__, "of_sampled", rows=tables["candidate_pool"].filter(_is_of(run_date)), sampled=sampled)
    )
    wanted = stored(
        query(
            __package__,
            "wanted_products",
            candidates=candidates,
            offer_products=tables["offer_products"].filter(_is_of(run_date)),
        )
    )
    sources: dict[str, Relation | pl.DataFrame]
    sources = {"candidates": candidates, "wanted": wanted, "sampled": sampled, "moments": moments(run_date, settings)}
    parameters = values(quantity=settings.quantity, amount_ron=settings.amount_ron)
    return {
        table: stored(_alike(tables[table], query(__package__, name, **sources, parameters=parameters)))
        for table, name in PLANTED.items()
    }


def moments(run_date: date, settings: Canary) -> pl.DataFrame:
    """happened_date and known_date of events that a run must not know.

    Days from the run date on, known at once, and the run date's also on the day before; and days before it, known on
    the run date.
    """
    day = timedelta(days=1)
    after = [run_date + number * day for number in range(settings.days_after + 1)]
    before = [run_date - number * day for number in settings.late_days]
    pairs = [*((happened, happened) for happened in after), (run_date, run_date - day)]
    pairs += [(happened, run_date) for happened in before]
    return pl.DataFrame(pairs, schema={"happened_date": pl.Date, "known_date": pl.Date}, orient="row")


def moved_values(
    table: str, kept: pl.DataFrame, made: pl.DataFrame, key: Sequence[str], tolerance: float
) -> pl.DataFrame:
    """table_name, column_name, value_count, moved_count and example per column; the key stands for rows.

    Parameters
    ----------
    kept : the rows as they are stored. made : made again, in any order, its columns those of `kept` at least.
    tolerance : of numbers, relative to the stored one where that is above 1.
    """
    made = made.select(kept.columns).cast(kept.schema).with_columns(is_made=True)
    both = kept.with_columns(is_kept=True).join(made, on=key, how="full", suffix=AGAIN, coalesce=True, nulls_equal=True)
    both = both.sort(key)
    is_in_both = pl.col("is_kept").fill_null(False) & pl.col("is_made").fill_null(False)
    in_both = both.filter(is_in_both)
    rows = [_offence(table, ", ".join(key), both, both.filter(~is_in_both), key, ("is_kept", "is_made"))]
    for name in kept.columns:
        if name not in key:
            differs = _differs(name, kept.schema[name], tolerance)
            rows.append(_offence(table, name, in_both, in_both.filter(differs), key, (name, name + AGAIN)))
    return pl.DataFrame(rows, schema={name: SCHEMA[name] for name in rows[0]})


def canary_objections(canaries: pl.DataFrame, judged_date: date) -> list[str]:
    """What the canaries of the judged date and of the newest one say against what was learned; none: both are clean.

    Parameters
    ----------
    canaries : rows of `point_in_time_canaries`, with `run_date`, up to the day of judging.
    """
    found = []
    for run_date in sorted({judged_date, *canaries["run_date"].top_k(1)}):
        rows = canaries.filter(pl.col("run_date") == run_date)
        if not (rows["planted_count"].max() or 0):
            found.append(f"no canary of {run_date} says whether the future moved what it was fitted on")
        elif moved := _moved(rows):
            found.append(f"what came after {run_date} moved {moved}")
    return found


def _moved(rows: pl.DataFrame) -> str:
    offences = rows.filter(pl.col("moved_count") > 0).sort("moved_count", "table_name", "column_name", descending=True)
    return ", ".join(
        f"{row['moved_count']:,} of {row['value_count']:,} values of {row['table_name']}.{row['column_name']}"
        for row in offences.iter_rows(named=True)
    )


def _offence(
    table: str, column: str, compared: pl.DataFrame, moved: pl.DataFrame, key: Sequence[str], pair: tuple[str, str]
) -> dict[str, Any]:
    example = None
    if len(moved):
        first = moved.row(0, named=True)
        where = ", ".join(f"{name} {first[name]}" for name in key)
        example = f"{where}: {first[pair[0]]}, with what came after {first[pair[1]]}"
    return {
        "table_name": table,
        "column_name": column,
        "value_count": len(compared),
        "moved_count": len(moved),
        "example": example,
    }


def _differs(name: str, kind: pl.DataType, tolerance: float) -> pl.Expr:
    before, after = pl.col(name), pl.col(name + AGAIN)
    if not kind.is_numeric():
        return before.ne_missing(after)
    before, after = before.cast(pl.Float64), after.cast(pl.Float64)
    is_far = (before - after).abs() > tolerance * pl.max_horizontal(before.abs(), pl.lit(1.0))
    return (before.is_null() != after.is_null()) | is_far.fill_null(False)


def _alike(events: Relation, rows: Relation) -> Relation:
    """The rows with the columns and types of the events; a column that they lack is null."""
    return rows.select(
        *(
            (duckdb.ColumnExpression(name) if name in rows.columns else duckdb.ConstantExpression(None))
            .cast(kind)
            .alias(name)
            for name, kind in zip(events.columns, events.types, strict=True)
        )
    )


def _is_of(run_date: date) -> duckdb.Expression:
    return duckdb.ColumnExpression("run_date") == duckdb.ConstantExpression(run_date)


def _count(rows: Relation) -> int:
    return int(rows.aggregate("count(*)").fetchall()[0][0])
