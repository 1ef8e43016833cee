"""Relations from literal rows, typed as the data contract types them."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import polars as pl
import pytest

from metro_assets.sql import Relation
from metro_assets.storage.contract import contract


@pytest.fixture(scope="session")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as open_connection:
        yield open_connection


@pytest.fixture(scope="session")
def table(connection: duckdb.DuckDBPyConnection) -> Callable[..., Relation]:
    """`table("redemptions", rows)`: the rows in the table's columns and types; what a row leaves out is null."""
    made = 0

    def build(name: str, rows: list[dict[str, Any]] | pl.DataFrame, **further: str) -> Relation:
        nonlocal made
        made += 1
        columns = {"run_date": "DATE"} | {column.name: column.type for column in contract(name).columns} | further
        own_name = f"{name}_{made}"
        connection.execute(f"create table {own_name} ({', '.join(f'{key} {kind}' for key, kind in columns.items())})")
        frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, infer_schema_length=None)
        if len(frame):
            connection.execute(f"insert into {own_name} by name select * from frame")
        return connection.table(own_name)

    return build
