"""From raw cells to typed rows, in one pass: what does not convert is remembered beside its row."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from metro_assets.sources.files.casting import ID_COLUMNS, WITH_OFFSET, typed
from metro_assets.sources.files.contract import FolderColumn, FolderTable
from metro_assets.sources.files.mapping import Dialect
from metro_assets.sources.files.problems import EXAMPLES, Findings, Problem
from metro_assets.sources.files.reading import TableFiles

WRONG = "wrong_cells"
IDENTITIES = frozenset({"name", "cui", "metro_card"})
"""Cells that no example shows."""
_KINDS = {
    "BOOLEAN": ("true or false", "write true or false, 1 or 0, da or nu"),
    "DATE": ("a date", 'write 2026-11-25, or say how it is written in mapping.toml: date_format = "%d.%m.%Y"'),
    "TIMESTAMP": (
        "a moment",
        'write 2026-11-25 14:30:00, or say how it is written in mapping.toml: timestamp_format = "%d.%m.%Y %H:%M"',
    ),
}


def type_rows(connection: duckdb.DuckDBPyConnection, files: TableFiles, dialect: Dialect, findings: Findings) -> None:
    """Fill `typed_<table>` with every column of the contract, null where the files lack it, from `raw_<table>`.

    Its column `wrong_cells` holds the cells of a row that are not of their column's type, behind the column's name.
    """
    table = files.table
    stored = _stored_types(connection, f"raw_{table.name}")
    expressions = {
        column.name: typed(column, stored[column.name], dialect) if column.name in stored else _null(column)
        for column in table.columns
    }
    wrong = ", ".join(
        f'case when "{name}" is not null and ({expression}) is null then \'{name}\' || chr(31) || "{name}"::varchar end'
        for name, expression in expressions.items()
        if name in stored
    )
    cells = ", ".join(f'{expression} as "{name}"' for name, expression in expressions.items())
    rows = f"select {cells}, list_filter([{wrong}], lambda cell: cell is not null) as {WRONG} from raw_{table.name}"
    findings.add(*_mixed_zones(connection, files, stored, dialect))
    before = _count(connection, f"raw_{table.name}")
    where = files.mapping.where
    try:
        kept = f" where coalesce(({where}), false)" if where else ""
        connection.execute(f"create or replace table typed_{table.name} as from ({rows}){kept}")
    except duckdb.Error as error:
        text = " ".join(str(error).split("\n")[0].split())
        remedy = f"correct [{table.name}] where in mapping.toml: SQL over the contract's columns"
        findings.add(Problem(files.label, "", f"its where cannot be used: {text}", remedy))
        connection.execute(f"create or replace table typed_{table.name} as from ({rows})")
    if left_out := before - _count(connection, f"typed_{table.name}"):
        findings.notes.append(f"{files.label}: {left_out:,} of {before:,} rows are left out by where = {where!r}")
    findings.add(*_wrong_cells(connection, files, dialect))
    connection.execute(f"drop table raw_{table.name}")


def type_nothing(connection: duckdb.DuckDBPyConnection, table: FolderTable) -> None:
    """An empty `typed_<table>` for a table that the folder lacks."""
    cells = ", ".join(f'{_null(column)} as "{column.name}"' for column in table.columns)
    connection.execute(
        f"create or replace table typed_{table.name} as select {cells}, null::varchar[] as {WRONG} where false"
    )


def _null(column: FolderColumn) -> str:
    return f"null::{typed_kind(column)}"


def typed_kind(column: FolderColumn) -> str:
    """Type of the column before ids are numbered: ids are text."""
    if column.type.endswith("[]"):
        return "varchar[]"
    return "varchar" if column.name in ID_COLUMNS else column.type


def _stored_types(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return {str(name): str(kind) for name, kind, *_ in connection.sql(f"describe from {table}").fetchall()}


def _wrong_cells(connection: duckdb.DuckDBPyConnection, files: TableFiles, dialect: Dialect) -> Iterator[Problem]:
    """Cells that are not of their column's type, by column."""
    table = files.table
    shown_key = [name for name in table.key if name in table.column_names]
    key = " || ', ' || ".join(f"'{name} ' || coalesce(\"{name}\"::varchar, '?')" for name in shown_key) or "''"
    found = connection.sql(
        f"select split_part(cell, chr(31), 1) as name, count(*), "
        f"list({key} || ': ' || split_part(cell, chr(31), 2))[:{EXAMPLES}] "
        f"from (select *, unnest({WRONG}) as cell from typed_{table.name}) group by all order by 1"
    ).fetchall()
    for name, count, examples in found:
        column = table.column(name)
        kind, remedy = _KINDS.get(column.type, ("a number that fits", _number_remedy(examples, dialect)))
        shown = () if name in IDENTITIES else tuple(examples)
        yield Problem(files.label, name, f"is not {kind} ({column.type.lower()})", remedy, count, shown)


def _number_remedy(examples: list[str], dialect: Dialect) -> str:
    has_comma = any("," in example.rsplit(": ", 1)[-1] for example in examples)
    if has_comma and dialect.decimal != ",":
        return 'say in mapping.toml how numbers are written: decimal = ",", and thousands = "." if there are such'
    return "correct the cells, or say how numbers are written in mapping.toml: decimal, thousands"


def _mixed_zones(
    connection: duckdb.DuckDBPyConnection, files: TableFiles, stored: dict[str, str], dialect: Dialect
) -> Iterator[Problem]:
    """Columns of moments in which some say their offset from UTC and some do not."""
    if dialect.timestamp_format is not None:
        return
    for column in files.table.columns:
        if column.type != "TIMESTAMP" or stored.get(column.name) != "VARCHAR":
            continue
        is_offset = f"regexp_matches(\"{column.name}\", '{WITH_OFFSET}')"
        with_offset, without, examples = connection.sql(
            f"select count(*) filter ({is_offset}), count(*) filter (not {is_offset}), "
            f'[any_value("{column.name}") filter ({is_offset}), any_value("{column.name}") filter (not {is_offset})] '
            f"from raw_{files.table.name}"
        ).fetchall()[0]
        if with_offset and without:
            what = f"mixes time zones: {with_offset:,} moments with an offset and {without:,} without"
            remedy = "write all with an offset, or none; without, time_zone in mapping.toml says the zone"
            yield Problem(files.label, column.name, what, remedy, min(with_offset, without), tuple(examples))


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.sql(f"select count(*) from {table}").fetchall()[0][0])
