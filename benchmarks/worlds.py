"""Worlds to measure on: a temporary folder, a cold start in it, and the morning after, as often as asked."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from benchmarks.measured_run import MeasuredRun, metro
from metro_assets.config import Sizes, load_settings
from metro_assets.orchestration.jobs import EVENT_TABLES


@contextmanager
def temporary_world() -> Iterator[Path]:
    """A folder to fill beside the tables, for a world takes gigabytes; it is removed at the end."""
    beside = load_settings().warehouse
    beside.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cold_start(folder: Path, sizes: Sizes, run_date: date) -> MeasuredRun:
    """An empty folder to the first recommendations, the whole history made; no earlier run date to judge."""
    environment = {f"METRO_SIZES__{name.upper()}": str(size) for name, size in sizes.model_dump().items()}
    return metro("run", "--date", str(run_date), "--no-backtest", warehouse=folder, environment=environment)


def next_day(folder: Path, run_date: date) -> MeasuredRun:
    """The events of the day before and the recommendations of the date; what an earlier repetition ingested is gone."""
    for table in EVENT_TABLES:
        shutil.rmtree(folder / "tables" / table / f"run_date={run_date - timedelta(days=1)}", ignore_errors=True)
    return metro("run", "--date", str(run_date), warehouse=folder)
