"""Tables as immutable DuckDB files: read a slice as a lazy relation, replace one partition atomically.

A partition is one file, written under a temporary name, flushed to disk and renamed over the old one: a reader sees the
old rows or the new ones, a killed writer leaves a temporary file that the next start sweeps. No file is ever open for
writing under its final name, so no process ever waits for another's lock to read.
"""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TypeAlias

import duckdb
import polars as pl
import pyarrow as pa
from filelock import FileLock, Timeout

from metro_assets.config import Engine
from metro_assets.storage.contract import PARTITION_COLUMN, TableContract, contract, contracts
from metro_assets.storage.errors import (
    BusyError,
    ContractError,
    MissingPartitionError,
    MissingTableError,
    WarehouseError,
    explained,
)

Rows: TypeAlias = duckdb.DuckDBPyRelation | pl.DataFrame | pa.Table
Dates: TypeAlias = Iterable[date] | tuple[date, date] | None

FILE = "data.duckdb"
SMALL_ROWS = 50_000
"""Below this many rows a file uses DuckDB's smallest blocks: 0.05 MB rather than 0.54 for a few rows."""
LOCK_SECONDS = 600
_TEMPORARY = ".writing-"


@dataclass(frozen=True)
class Written:
    """What a write left behind."""

    path: Path
    row_count: int
    file_bytes: int
    seconds: float


class Warehouse:
    """The tables under one folder. Safe to share between threads; a connection is not."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.root = root
        self.engine = engine
        self.tables = root / "tables"

    def connection(self, threads: int | None = None) -> duckdb.DuckDBPyConnection:
        """A new in-memory connection within the machine limits; it spills under the warehouse, not under /tmp."""
        spill = self.root / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        return duckdb.connect(
            config={
                "memory_limit": self.engine.memory_limit,
                "threads": threads or self.engine.threads,
                "temp_directory": str(spill),
                "allocator_background_threads": True,
            }
        )

    # reading ------------------------------------------------------------------------------------------------------

    def read(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: str,
        dates: Dates = None,
        *,
        allow_missing: bool = False,
    ) -> duckdb.DuckDBPyRelation:
        """A lazy relation over the partitions asked for, with the column `run_date`; all partitions by default.

        Parameters
        ----------
        dates : run dates, or a tuple (first, last) of two dates, both inclusive; ignored for unpartitioned tables.
        allow_missing : leave out partitions that do not exist rather than raise.

        Raises
        ------
        MissingPartitionError, MissingTableError : it was never materialised. DamagedFileError, StaleSchemaError: at the
        first use of the relation if that is wrapped in `errors.explained`.
        """
        shape = contract(table)
        if shape.is_partitioned:
            paths = self._partition_paths(table, dates, allow_missing)
        else:
            path = self.tables / table / FILE
            if not path.exists() and not allow_missing:
                raise MissingTableError(table)
            paths = [path] if path.exists() else []
        names = [*shape.column_names, *([PARTITION_COLUMN] if shape.is_partitioned else [])]
        if not paths:
            types = [*(column.type for column in shape.columns), *(["date"] if shape.is_partitioned else [])]
            nulls = ", ".join(f"null::{kind} as {name}" for name, kind in zip(names, types, strict=True))
            return connection.sql(f"select {nulls} where false")
        options = ", hive_partitioning = true, hive_types = {'run_date': date}" if shape.is_partitioned else ""
        with explained():
            return connection.sql(
                f"select {', '.join(names)} from read_duckdb($paths, table_name = $stored{options})",
                params={"paths": [str(path) for path in paths], "stored": shape.stored_name},
            )

    def partitions(self, table: str) -> list[date]:
        """Run dates that the table has, ascending."""
        folder = self.tables / table
        if not folder.exists():
            return []
        prefix = f"{PARTITION_COLUMN}="
        found = (entry.name for entry in os.scandir(folder) if entry.name.startswith(prefix))
        return sorted(
            date.fromisoformat(name.removeprefix(prefix)) for name in found if (folder / name / FILE).exists()
        )

    def exists(self, table: str, run_date: date | None = None) -> bool:
        """Whether the table, or its partition, was materialised."""
        return self.path(table, run_date).exists()

    def path(self, table: str, run_date: date | None = None) -> Path:
        """File of a table or of one of its partitions."""
        folder = self.tables / table
        return (folder if run_date is None else folder / f"{PARTITION_COLUMN}={run_date}") / FILE

    def _partition_paths(self, table: str, dates: Dates, allow_missing: bool) -> list[Path]:
        if dates is None:
            return [self.path(table, day) for day in self.partitions(table)]
        wanted = _days(dates)
        missing = [day for day in wanted if not self.exists(table, day)]
        if missing and not allow_missing:
            raise MissingPartitionError(table, missing, is_event=contract(table).is_event)
        return [self.path(table, day) for day in wanted if day not in set(missing)]

    # writing ------------------------------------------------------------------------------------------------------

    def write(
        self,
        table: str,
        run_date: date | None,
        rows: Rows,
        connection: duckdb.DuckDBPyConnection | None = None,
        *,
        presorted: bool = False,
    ) -> Written:
        """Replace one partition (or the unpartitioned table) by the rows, all or nothing.

        Parameters
        ----------
        rows : exactly the columns of the contract, in any order; a column `run_date` is left out.
        connection : the connection of a relation; needed for relations only.
        presorted : the rows are in the order of the key already.

        Raises
        ------
        ContractError : a column is missing, unknown, does not cast or has nulls where none may be.
        WarehouseError : the disk is full or not writable. BusyError : another process writes the partition for minutes.
        """
        shape = contract(table)
        if shape.is_partitioned != (run_date is not None):
            raise ContractError(f"{table} is {'' if shape.is_partitioned else 'not '}partitioned by run date")
        started = time.perf_counter()
        final = self.path(table, run_date)
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock_path(table, run_date), timeout=LOCK_SECONDS):
                temporary = final.with_name(f"{_TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}.duckdb")
                try:
                    count = self._fill(shape, temporary, rows, connection or self.connection(), presorted)
                    _replace(temporary, final)
                finally:
                    for leftover in (temporary, temporary.with_suffix(".duckdb.wal")):
                        leftover.unlink(missing_ok=True)
        except Timeout as error:
            raise BusyError(str(final), LOCK_SECONDS) from error
        except OSError as error:
            raise WarehouseError(_disk_message(final, error)) from error
        return Written(final, count, final.stat().st_size, time.perf_counter() - started)

    def sweep(self) -> int:
        """Remove what killed writers left behind; returns the number of files."""
        leftovers = [
            path for path in self.tables.glob(f"**/{_TEMPORARY}*") if not _is_alive(int(path.name.split("-")[1]))
        ]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def rebuild_catalogue(self) -> Path:
        """Replace `metro.duckdb`, the views over all tables that a person queries; the pipeline never reads it."""
        path = self.root / "metro.duckdb"
        temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-catalogue.duckdb")
        with duckdb.connect(str(temporary)) as connection:
            for shape in contracts().values():
                pattern = self.tables / shape.name / ("*/" + FILE if shape.is_partitioned else FILE)
                if any(self.tables.glob(f"{shape.name}/{'*/' if shape.is_partitioned else ''}{FILE}")):
                    quoted = str(pattern).replace("'", "''")
                    hive = ", hive_partitioning = true" if shape.is_partitioned else ""
                    connection.execute(
                        f"create view {shape.name} as "
                        f"from read_duckdb('{quoted}', table_name = '{shape.stored_name}'{hive})"
                    )
        _replace(temporary, path)
        return path

    def _lock_path(self, table: str, run_date: date | None) -> Path:
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{table}-{run_date or 'all'}.lock"

    def _fill(
        self,
        shape: TableContract,
        path: Path,
        rows: Rows,
        connection: duckdb.DuckDBPyConnection,
        presorted: bool,
    ) -> int:
        given = list(rows.column_names if isinstance(rows, pa.Table) else rows.columns)
        _refuse_other_columns(shape, given)
        is_small = not isinstance(rows, duckdb.DuckDBPyRelation) and len(rows) < SMALL_ROWS
        alias = "partition"  # stored in the file: a name of its own would make its bytes differ from run to run
        columns = ", ".join(
            f"{column.name} {column.type}{'' if column.is_nullable else ' not null'}" for column in shape.columns
        )
        casts = ", ".join(f"cast({column.name} as {column.type}) as {column.name}" for column in shape.columns)
        order = "" if presorted else f" order by {', '.join(shape.key)}"
        connection.execute(
            f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as {alias}"
            + (" (block_size 16384)" if is_small else "")
        )
        try:
            with explained():
                connection.execute(f"create table {alias}.{shape.stored_name} ({columns})")
                connection.execute(f"insert into {alias}.{shape.stored_name} select {casts} from rows{order}")
                connection.execute(f"checkpoint {alias}")
                count = connection.sql(f"select count(*) from {alias}.{shape.stored_name}").fetchall()[0][0]
        except duckdb.ConstraintException as error:
            raise ContractError(f"{shape.name}: {error}; every value of that column is needed") from error
        except duckdb.ConversionException as error:
            raise ContractError(f"{shape.name}: {error}; see docs/data-contract.md for the types") from error
        except duckdb.IOException as error:
            raise OSError(errno.ENOSPC, str(error)) from error
        finally:
            connection.execute(f"detach {alias}")
        return int(count)


def _refuse_other_columns(shape: TableContract, given: list[str]) -> None:
    names = set(given) - {PARTITION_COLUMN}
    missing = [name for name in shape.column_names if name not in names]
    unknown = sorted(names - set(shape.column_names))
    if missing or unknown:
        problems = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has unknown {', '.join(unknown)}"] * bool(
            unknown
        )
        raise ContractError(f"{shape.name} {' and '.join(problems)}; see docs/data-contract.md")


def _days(dates: Iterable[date]) -> list[date]:
    """The days asked for; a tuple of two dates is a range."""
    if isinstance(dates, tuple) and len(dates) == 2:
        first, last = dates
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return sorted(set(dates))


def _replace(temporary: Path, final: Path) -> None:
    """Flush and rename, then flush the folder: after a crash the name leads to all of one version."""
    for path, flags in ((temporary, os.O_RDWR), (final.parent, os.O_RDONLY)):
        if path == final.parent:
            temporary.replace(final)
        handle = os.open(path, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _disk_message(path: Path, error: OSError) -> str:
    remedy = "free some space and run again" if error.errno == errno.ENOSPC else "check the folder's permissions"
    return f"{path} could not be written ({error.strerror or error}); the previous version is whole; {remedy}"
