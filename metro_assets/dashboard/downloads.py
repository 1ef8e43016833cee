"""Tables as files for a spreadsheet."""

from __future__ import annotations

import polars as pl
from fastapi.responses import Response

from metro_assets.dashboard.rendering import SECURITY_HEADERS

FORMULA_START = r"^[=+\-@\t\r]"
"""A spreadsheet takes a cell that begins with one of these for a formula."""


def csv_file(name: str, rows: pl.DataFrame) -> Response:
    """The rows as `<name>.csv` to be saved; a text that a spreadsheet would run gets an apostrophe before it."""
    harmless = rows.with_columns(
        pl.when(pl.col(column).str.contains(FORMULA_START))
        .then("'" + pl.col(column))
        .otherwise(pl.col(column))
        .alias(column)
        for column, kind in rows.schema.items()
        if kind == pl.String
    )
    headers = {**SECURITY_HEADERS, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(harmless.write_csv(), media_type="text/csv; charset=utf-8", headers=headers)
