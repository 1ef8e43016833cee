"""What the web UI shows of a materialisation: rows, seconds, size, the newest file, a preview without identities."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from metro_assets.storage.contract import contract
from metro_assets.storage.tables import Warehouse, Written

IDENTITIES = frozenset({"name", "cui", "metro_card"})
"""Columns of customers that no log or preview shows."""
PREVIEW_ROWS = 5
MAXIMUM_CELL = 60


def written_metadata(
    warehouse: Warehouse, table: str, written: Sequence[Written], run_date: date | None, seconds: float
) -> dict[str, Any]:
    """Metadata of one materialisation of a table over one or more partitions."""
    with warehouse.connection() as connection:
        preview = warehouse.read(connection, table, None if run_date is None else [run_date]).limit(PREVIEW_ROWS).pl()
    rows = sum(part.row_count for part in written)
    return {
        "dagster/row_count": rows,
        "seconds": round(seconds, 3),
        "file_bytes": sum(part.file_bytes for part in written),
        "path": dg.MetadataValue.path(str(written[-1].path)) if written else "",
        "preview": dg.MetadataValue.md(markdown_table(_without_identities(table, preview))),
    }


def column_schema(table: str) -> dg.TableSchema:
    """Columns with types, units and constraints, as the contract states them."""
    shape = contract(table)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type.lower(),
                description=column.comment or None,
                constraints=dg.TableColumnConstraints(nullable=column.is_nullable, unique=shape.key == (column.name,)),
            )
            for column in shape.columns
        ],
        constraints=dg.TableConstraints(other=[f"key: {', '.join(shape.key)}", *shape.checks]),
    )


def markdown_table(frame: pl.DataFrame) -> str:
    """A frame as a Markdown table, long cells cut, six digits of a float."""
    if frame.is_empty():
        return "no rows"
    rows = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in frame.iter_rows()]
    return "\n".join(["| " + " | ".join(frame.columns) + " |", "|" + "---|" * frame.width, *rows])


def _cell(value: object) -> str:
    return (f"{value:.6g}" if isinstance(value, float) else str(value))[:MAXIMUM_CELL]


def _without_identities(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop([name for name in frame.columns if table == "customers" and name in IDENTITIES])
