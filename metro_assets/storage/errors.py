"""What can be wrong with the warehouse, each with its remedy in the message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb


class WarehouseError(RuntimeError):
    """Something in the warehouse needs a person; the message says what and the remedy."""


class MissingPartitionError(WarehouseError):
    """A table lacks partitions that were asked for."""

    def __init__(self, table: str, dates: list[date], *, is_event: bool) -> None:
        span = f"run date {dates[0]}" if len(dates) == 1 else f"{len(dates)} run dates, {dates[0]} to {dates[-1]}"
        # What happened on a day is ingested on the next morning.
        morning = dates[-1] + timedelta(days=1) if is_event else dates[-1]
        super().__init__(f"{table} lacks {span}; materialise it first: metro run --date {morning}")


class MissingTableError(WarehouseError):
    """An unpartitioned table was never written."""

    def __init__(self, table: str) -> None:
        super().__init__(f"{table} was never materialised; fill the warehouse first: metro run")


class DamagedFileError(WarehouseError):
    """A file of the warehouse is not what was written."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is damaged or not a table of ours; delete its folder and materialise it again")


class StaleSchemaError(WarehouseError):
    """A file was written under another contract."""

    def __init__(self, path: str) -> None:
        root = next((folder.parent for folder in Path(path).parents if folder.name == "tables"), Path(path).parent)
        super().__init__(
            f"{path} was written under another version of the data contract; "
            f"delete its folder and materialise it again, or start anew: remove {root}"
        )


class ContractError(WarehouseError):
    """Rows to be written do not fit the contract."""


class BusyError(WarehouseError):
    """Another process holds a partition or a pointer for longer than anyone should."""

    def __init__(self, path: str, seconds: int) -> None:
        super().__init__(f"{path} has been held by another run for {seconds} s; wait for that run or stop it")


_STALE = re.compile(r'Database "([^"]+)" does not have any tables matching')
_DAMAGED = re.compile(r'The file "([^"]+)" exists, but it is not a valid DuckDB database file')
_CORRUPT = re.compile(r'"?([^\s"]+\.duckdb)"?')


@contextmanager
def explained() -> Iterator[None]:
    """Translate what DuckDB says of our files into a `WarehouseError` with a remedy."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        if found := _STALE.search(text):
            raise StaleSchemaError(found[1]) from error
        if found := _DAMAGED.search(text):
            raise DamagedFileError(found[1]) from error
        if ("orrupt" in text or "checksum" in text or "Could not read" in text) and (found := _CORRUPT.search(text)):
            raise DamagedFileError(found[1]) from error
        raise
