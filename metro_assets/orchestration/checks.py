"""Asset checks derived from the contract: unique keys, ranges, references, dates, rows at all."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import duckdb

from metro_assets.orchestration.partitions import run_dates
from metro_assets.storage.contract import TableContract, contract
from metro_assets.storage.errors import explained
from metro_assets.storage.tables import Warehouse

CHECKED_DATES = 14
"""A longer range of run dates in one run is checked on its newest dates only, and says so."""
EXAMPLES = 5
DATE_RULES = {
    "ordered_at": "cast(ordered_at as date) = run_date",
    "shown_at": "cast(shown_at as date) = run_date",
    "redeemed_at": "cast(redeemed_at as date) = run_date",
    "viewed_at": "cast(viewed_at as date) = run_date",
    "recorded_date": "recorded_date >= run_date",
    "shown_date": "shown_date < run_date",
    "valid_from_date": "valid_from_date <= run_date",
    "valid_to_date": "valid_to_date >= run_date - 1",
}
"""What a dated column says of its partition."""


def contract_checks(table: str, *, may_be_empty: bool = False) -> dg.AssetChecksDefinition:
    """The checks of one table; all block what follows, for a broken table must stop the morning.

    They wait for the tables that the table refers to, where those are made in the same run.
    """
    shape = contract(table)
    referenced = sorted({key.table for key in shape.foreign_keys})
    specs = [
        dg.AssetCheckSpec(name, asset=table, additional_deps=referenced, blocking=True, description=text)
        for name, text in {
            "is_not_empty": "there is at least one row",
            "keys_are_unique": f"no two rows share {', '.join(shape.key)}",
            "ranges_hold": "; ".join(_rules(shape)) or "no ranges are stated",
            "references_exist": "; ".join(f"{key.columns} in {key.table}" for key in shape.foreign_keys) or "none",
        }.items()
        if not (name == "is_not_empty" and may_be_empty)
        and not (name == "ranges_hold" and not _rules(shape))
        and not (name == "references_exist" and not shape.foreign_keys)
    ]

    @dg.multi_asset_check(name=f"{table}_checks", specs=specs)
    def checks(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        dates = run_dates(context)[-CHECKED_DATES:] if shape.is_partitioned else []
        asked = {spec.name for spec in specs}
        for result in table_checks(warehouse, shape, dates):
            if result.check_name in asked:
                yield result

    return checks


def table_checks(warehouse: Warehouse, shape: TableContract, dates: list[date]) -> Iterator[dg.AssetCheckResult]:
    """Results of every check of a table over some of its partitions."""
    with warehouse.connection() as connection, explained():
        warehouse.read(connection, shape.name, dates or None).create_view("checked")
        date_column = ["run_date"] if shape.is_partitioned else []
        key = ", ".join([*date_column, *shape.key])
        over = {"checked partitions": ", ".join(map(str, dates)) or "the whole table"}
        row_count = _one(connection, "select count(*) from checked")
        yield _result(shape.name, "is_not_empty", row_count > 0, over | {"rows": row_count})
        examples = _repeated_keys(connection, key)
        yield _result(shape.name, "keys_are_unique", not examples, over | {"examples": str(examples)})
        broken = _broken_rules(connection, shape)
        yield _result(shape.name, "ranges_hold", not broken, over | {"broken rows by rule": broken})
        orphans = {}
        for reference in shape.foreign_keys:
            target = contract(reference.table)
            other = warehouse.read(connection, reference.table, dates if target.is_partitioned else None)
            other.create_view("referenced", replace=True)
            by = list(zip(reference.columns, reference.referenced_columns, strict=True))
            by += [("run_date", "run_date")] if target.is_partitioned else []
            match = " and ".join(f"child.{own} = referenced.{theirs}" for own, theirs in by)
            names = ", ".join(name for name, _ in by)
            present = " and ".join(f"{name} is not null" for name in reference.columns)
            missing = connection.sql(
                f"select * from (select distinct {names} from checked where {present}) as child "
                f"anti join referenced on {match} limit {EXAMPLES}"
            ).fetchall()
            if missing:
                orphans[f"{', '.join(reference.columns)} not in {reference.table}"] = str(missing)
        yield _result(shape.name, "references_exist", not orphans, over | {"orphans": orphans})


def _repeated_keys(connection: duckdb.DuckDBPyConnection, key: str) -> list[tuple[Any, ...]]:
    """A few keys that rows share. Rows lie in the order of their key: if each key is above the one before, none is."""
    pairs = f"select row({key}) as own, lag(row({key})) over () as previous from checked"
    if not _one(
        connection, f"select count(*) from ({pairs}) where previous is not null and (own > previous) is not true"
    ):
        return []
    repeated: list[tuple[Any, ...]] = connection.sql(
        f"select {key} from checked group by all having count(*) > 1 limit {EXAMPLES}"
    ).fetchall()
    return repeated


def _rules(shape: TableContract) -> list[str]:
    dated = [DATE_RULES[name] for name in shape.column_names if name in DATE_RULES and shape.is_partitioned]
    return [*shape.checks, *dated]


def _broken_rules(connection: duckdb.DuckDBPyConnection, shape: TableContract) -> dict[str, int]:
    rules = _rules(shape)
    if not rules:
        return {}
    counts = connection.sql(
        "select " + ", ".join(f"count(*) filter (not ({rule}))" for rule in rules) + " from checked"
    ).fetchall()[0]
    return {rule: count for rule, count in zip(rules, counts, strict=True) if count}


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.sql(query).fetchall()[0][0])


def _result(table: str, name: str, passed: bool, metadata: dict[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=passed, asset_key=table, check_name=name, metadata=metadata)
