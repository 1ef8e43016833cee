"""The one typed copy of a folder that all days are read from: checked whole, or not made at all.

A CSV file cannot be read a day at a time, and it may change while it is read. So a folder is read once: into raw
tables, from them into typed ones, which are checked, and from these into one immutable DuckDB file sorted by day. All
of it happens in DuckDB, which spills to disk: memory does not grow with the files.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files as resource_files
from pathlib import Path

import duckdb
from filelock import FileLock

from metro_assets.config import Engine, Files, today
from metro_assets.sources.files.casting import literal
from metro_assets.sources.files.checks import check_rows
from metro_assets.sources.files.contract import folder_contract
from metro_assets.sources.files.conversion import type_nothing, type_rows
from metro_assets.sources.files.ids import FOLDER as IDS
from metro_assets.sources.files.ids import keep_ids, number_ids
from metro_assets.sources.files.mapping import FolderMapping, MappingError, load_mapping
from metro_assets.sources.files.problems import Findings, FolderError, Problem
from metro_assets.sources.files.reading import TableFiles, find_files, fingerprint, read_raw

FOLDER = "files"
"""Below the warehouse: the snapshots, and the numbers of ids."""
STEPS = (
    "numbered_orders",
    "order_items",
    "orders",
    "unpriced_products",
    "paid_prices",
    "price_changes",
    "products",
    "offer_products",
    "offers",
    "offer_audience",
    "assignments",
    "impressions",
    "redeemed",
    "redemptions",
    "web_visits",
    "span",
    "customers",
)
"""Tables in the order in which each needs those before it."""
KEPT = tuple(step for step in STEPS if step not in {"numbered_orders", "redeemed"})
LOCK_SECONDS = 3_600


@dataclass(frozen=True)
class Span:
    """The days of a snapshot: first and last with an event, and the last of which the files hold everything."""

    first_day: date
    last_day: date
    complete_to: date


def check_folder(folder: Path, engine: Engine, limits: Files, workplace: Path) -> tuple[Findings, dict[str, int]]:
    """Everything that is wrong with a folder, and the rows of its tables; nothing is written but in the workplace."""
    findings = Findings()
    with _building(workplace, engine) as (connection, room):
        _build(connection, folder, room, limits, None, findings)
        rows = {} if findings.problems else _row_counts(connection)
    return findings, rows


def take_snapshot(folder: Path, warehouse: Path, engine: Engine, limits: Files) -> Path:
    """The file of the folder's present state, made if there is none; earlier ones are removed.

    Raises
    ------
    FolderError : something is wrong with the folder; nothing was written. MappingError : with its mapping.
    """
    place = warehouse / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".lock", timeout=LOCK_SECONDS):
        findings = Findings()
        mapping = load_mapping(folder)
        state = fingerprint(folder, find_files(folder, mapping, findings))
        final = place / f"{state}.duckdb"
        if not findings.problems and final.exists():
            return final
        for leftover in place.glob(".building-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        findings = Findings()
        with _building(place, engine) as (connection, room):
            _build(connection, folder, room, limits, place / IDS, findings)
            if findings.problems:
                raise FolderError(folder, findings.problems)
            connection.execute(f"attach {literal(str(room / 'snapshot.duckdb'))} as snapshot")
            for table in KEPT:
                connection.execute(f"create table snapshot.{table} as from {table}")
            connection.execute("detach snapshot")
            keep_ids(connection, place / IDS)
            os.replace(room / "snapshot.duckdb", final)
        for earlier in place.glob("*.duckdb"):
            if earlier != final:
                earlier.unlink(missing_ok=True)
    return final


@contextmanager
def _building(place: Path, engine: Engine) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A connection to a database of its own, and its folder; both are gone at the end."""
    room = place / f".building-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    room.mkdir(parents=True)
    limits: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": engine.memory_limit,
        "threads": engine.threads,
        "temp_directory": str(room / "spill"),
    }
    try:
        with duckdb.connect(str(room / "work.duckdb"), config=limits) as connection:
            yield connection, room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _build(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    room: Path,
    limits: Files,
    ids: Path | None,
    findings: Findings,
) -> None:
    """Fill the tables of a snapshot, or the findings with problems."""
    if not folder.is_dir():
        findings.add(Problem(str(folder), "", "is no folder", "name the folder that holds the files"))
        return
    mapping = load_mapping(folder)
    found = find_files(folder, mapping, findings)
    before = fingerprint(folder, found)
    typed = [files for files in found if _read(connection, files, mapping, room, findings)]
    for name, table in folder_contract().items():
        if name not in {files.table.name for files in typed}:
            type_nothing(connection, table)
    if fingerprint(folder, find_files(folder, mapping, Findings())) != before:
        changed = Problem(str(folder), "", "changed while it was read", "try again when the export has finished")
        findings.problems[:] = [changed]
        return
    unreadable = {problem.file for problem in findings.problems if not problem.column}
    findings.add(*check_rows(connection, typed, limits, today(), unreadable))
    if findings.problems:
        return
    findings.absences += _absences(connection, typed)
    findings.add(*number_ids(connection, ids))
    has_redemptions = connection.sql("select count(*) from typed_redemptions").fetchall()[0][0] > 0
    for step in STEPS:
        source = "redeemed_lines" if step == "redeemed" and not has_redemptions else step
        connection.execute(f"create or replace table {step} as {sql_of(source)}")
    findings.notes += _left_out(connection)
    span = span_of(connection, mapping)
    if span.complete_to < span.last_day:
        remedy = f"leave it out, or name {span.last_day} or a later day"
        findings.add(Problem("mapping.toml", "complete_to", f"is before the newest event, {span.last_day}", remedy))
    connection.execute("alter table span add column complete_to date")
    connection.execute("update span set complete_to = $day", {"day": span.complete_to})


def _read(
    connection: duckdb.DuckDBPyConnection, files: TableFiles, mapping: FolderMapping, room: Path, findings: Findings
) -> bool:
    dialect = files.mapping.dialect(mapping)
    if not read_raw(connection, files, dialect, room / "utf8", findings):
        return False
    type_rows(connection, files, dialect, findings)
    return True


def span_of(connection: duckdb.DuckDBPyConnection, mapping: FolderMapping | None = None) -> Span:
    """The days of a snapshot; while it is built, the mapping says to which day it is complete."""
    columns = "first_day, last_day" if mapping else "first_day, last_day, complete_to"
    first, last, *complete = connection.sql(f"select {columns} from span").fetchall()[0]
    return Span(first, last, complete[0] if complete else ((mapping and mapping.complete_to) or last))


def sql_of(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return resource_files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def _absences(connection: duckdb.DuckDBPyConnection, typed: list[TableFiles]) -> Iterator[tuple[str, str, str]]:
    """Tables without a row and columns without a cell, and what happens without them."""
    for files in typed:
        table = files.table
        cells = ", ".join(f'count("{name}")' for name in table.column_names)
        rows, *counts = connection.sql(f"select count(*), {cells} from typed_{table.name}").fetchall()[0]
        if not rows:
            yield table.name, "", table.when_absent
            continue
        for column, count in zip(table.columns, counts, strict=True):
            if not count and not column.is_required:
                yield table.name, column.name, column.when_absent


def _row_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return {
        name: int(connection.sql(f"select count(*) from {name}").fetchall()[0][0])
        for name in folder_contract()
        if name in STEPS
    }


def _left_out(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What the copy lacks though the files have it, in words."""
    lineless = connection.sql("select count(*) from numbered_orders anti join order_items using (order_id)").fetchall()[
        0
    ][0]
    return [f"{lineless:,} orders without a line in order_items are left out"] if lineless else []


__all__ = ["MappingError", "Span", "check_folder", "span_of", "take_snapshot"]


def next_run_date(span: Span) -> date:
    """The newest run date that a snapshot knows everything for."""
    return min(span.complete_to + timedelta(days=1), today())
