"""What every stage of a measured run took, from Dagster's own event log: rows, seconds, CPU, memory, file sizes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from benchmarks.measured_run import MeasuredRun


@dataclass(frozen=True)
class Stage:
    """One step of a run that made a table or a model; `rows` and `file_bytes` are 0 for a model."""

    job: str
    run_date: str
    name: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    file_bytes: int


def stages_of(run: MeasuredRun, warehouse: Path) -> list[Stage]:
    """The steps of a measured run in the order in which they ran; asset checks are left out."""
    os.environ["DAGSTER_HOME"] = str(warehouse / "dagster")
    with dg.DagsterInstance.get() as instance:
        within = dg.RunsFilter(
            created_after=datetime.fromtimestamp(run.started, UTC),
            created_before=datetime.fromtimestamp(run.started + run.seconds, UTC),
        )
        runs = [record.dagster_run for record in reversed(instance.get_run_records(filters=within))]
        return [stage for dagster_run in runs for stage in _steps(instance, dagster_run, run)]


def _steps(instance: dg.DagsterInstance, dagster_run: dg.DagsterRun, run: MeasuredRun) -> Iterator[Stage]:
    started: dict[str, float] = {}
    rows: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for entry in instance.all_logs(dagster_run.run_id):
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        step = event.step_key
        if event.event_type_value == "STEP_START":
            started[step] = entry.timestamp
        elif event.event_type_value == "ASSET_MATERIALIZATION":
            if event.partition in {None, dagster_run.tags["metro/run_date"]}:
                metadata = event.step_materialization_data.materialization.metadata
                values = {
                    name: metadata[name].value for name in ("dagster/row_count", "file_bytes") if name in metadata
                }
                rows[step] += int(str(values.get("dagster/row_count", 0)))
                size[step] += int(str(values.get("file_bytes", 0)))
        elif event.event_type_value == "STEP_SUCCESS" and step in rows:
            peak, cpu = run.between(started[step], entry.timestamp)
            yield Stage(
                job=dagster_run.job_name,
                run_date=dagster_run.tags["metro/run_date"],
                name=step,
                rows=rows[step],
                seconds=entry.timestamp - started[step],
                cpu_seconds=cpu,
                peak_bytes=peak,
                file_bytes=size[step],
            )
