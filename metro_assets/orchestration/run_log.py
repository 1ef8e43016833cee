"""What ran, as Dagster's event log has it: the newest materialisation of every table for a run date."""

from __future__ import annotations

import importlib.metadata
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl

from metro_assets.config import TIME_ZONE
from metro_assets.orchestration.jobs import EVENT_TABLES
from metro_assets.storage.contract import contracts

LIBRARIES = ("dagster", "duckdb", "polars", "lightgbm", "scikit-learn")
SCHEMA: dict[str, Any] = {
    "table_name": pl.String,
    "run_id": pl.String,
    "finished_at": pl.Datetime("us"),
    "row_count": pl.Int64,
    "seconds": pl.Float64,
    "file_bytes": pl.Int64,
    "code_version": pl.String,
    "library_versions": pl.String,
}


def table_runs(instance: dg.DagsterInstance, run_date: date) -> pl.DataFrame:
    """One row per table with a materialisation for the run date; events count for the date that first knows them."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    rows = []
    for table, shape in contracts().items():
        day = run_date - timedelta(days=1) if table in EVENT_TABLES else run_date
        partitions = [str(day)] if shape.is_partitioned else None
        found = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(table), asset_partitions=partitions), limit=1
        ).records
        if not found:
            continue
        record = found[0]
        materialization = record.asset_materialization
        metadata = materialization.metadata if materialization else {}
        values = {
            name: metadata[name].value for name in ("dagster/row_count", "seconds", "file_bytes") if name in metadata
        }
        finished = datetime.fromtimestamp(record.timestamp, UTC).astimezone(ZoneInfo(TIME_ZONE))
        rows.append(
            {
                "table_name": table,
                "run_id": record.run_id,
                "finished_at": finished.replace(tzinfo=None),
                "row_count": values.get("dagster/row_count"),
                "seconds": values.get("seconds"),
                "file_bytes": values.get("file_bytes"),
                "code_version": (materialization.tags or {}).get("dagster/code_version") if materialization else None,
                "library_versions": versions,
            }
        )
    return pl.DataFrame(rows, schema=SCHEMA)
