"""What each side took, stage by stage: the platform from Dagster's event log, the peer from its own clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import psutil

from benchmarks.measured_run import SAMPLE_SECONDS, MeasuredRun, Sample, metro

STAGES = {
    "features": ("customer_products", "customer_features", "offer_features", "interaction_features"),
    "candidates": ("candidate_pool",),
    "scoring": ("scored_candidates",),
    "selection": ("recommendations", "recommendation_shortfalls", "slate_checks"),
}
"""The platform's steps per stage; those of each table's contract checks count too."""
GIBIBYTE = 2**30


class OverLimitError(RuntimeError):
    """The peer took more time or memory than it was given, and was stopped."""


@dataclass(frozen=True)
class Cost:
    """Seconds and peak memory of a stage."""

    seconds: float
    peak_bytes: int
    writing_seconds: float = 0.0


def platform_day(warehouse: Path, run_date: date) -> dict[str, Cost]:
    """The stages of one `metro run`, the day made anew: steps as Dagster logs them, files and checks included."""
    run = metro("run", "--date", str(run_date), "--no-backtest", warehouse=warehouse)
    stage_of = {step: stage for stage, steps in STAGES.items() for name in steps for step in (name, f"{name}_checks")}
    spans = defaultdict(list)
    for step, start, end in _steps(warehouse, run.started):
        if step in stage_of:
            spans[stage_of[step]].append((start, end, 0.0))
    return _costs(spans, run)


def peer_day(
    database: Path, warehouse: Path, run_date: date, most_seconds: float, most_bytes: float
) -> dict[str, Cost]:
    """The stages of the peer, in a process of its own; raises OverLimitError beyond the limits."""
    times = database.with_suffix(".json")
    run = _limited(
        [sys.executable, "-m", "benchmarks.peer.day", *map(str, (database, warehouse, run_date, times))],
        most_seconds,
        most_bytes,
    )
    spans = defaultdict(list)
    for timing in json.loads(times.read_text(encoding="utf-8")):
        spans[timing["stage"]].append((timing["start"], timing["end"], timing["writing_seconds"]))
    return _costs(spans, run)


def total(costs: Mapping[str, Cost]) -> Cost:
    """The whole day."""
    return Cost(
        sum(cost.seconds for cost in costs.values()),
        max(cost.peak_bytes for cost in costs.values()),
        sum(cost.writing_seconds for cost in costs.values()),
    )


def _costs(spans: Mapping[str, Iterable[tuple[float, float, float]]], run: MeasuredRun) -> dict[str, Cost]:
    return {
        stage: Cost(
            sum(end - start for start, end, _ in spans[stage]),
            max(run.between(start, end)[0] for start, end, _ in spans[stage]),
            sum(writing for _, _, writing in spans[stage]),
        )
        for stage in STAGES
    }


def _steps(warehouse: Path, since: float) -> list[tuple[str, float, float]]:
    """Step, start and end of all steps of the runs since a moment; the event log is the clock."""
    os.environ["DAGSTER_HOME"] = str(warehouse / "dagster")
    started: dict[str, float] = {}
    steps = []
    with dg.DagsterInstance.get() as instance:
        newest = dg.RunsFilter(created_after=datetime.fromtimestamp(since, UTC))
        for record in instance.get_run_records(filters=newest):
            for entry in instance.all_logs(record.dagster_run.run_id):
                event = entry.dagster_event
                if event is None or event.step_key is None:
                    continue
                if event.event_type_value == "STEP_START":
                    started[event.step_key] = entry.timestamp
                elif event.event_type_value == "STEP_SUCCESS":
                    steps.append((event.step_key, started[event.step_key], entry.timestamp))
    return steps


def _limited(command: list[str], most_seconds: float, most_bytes: float) -> MeasuredRun:
    samples: list[Sample] = []
    started = time.time()
    process = subprocess.Popen(command)
    try:
        tree = psutil.Process(process.pid)
        while process.poll() is None:
            time.sleep(SAMPLE_SECONDS)
            memory = _resident(tree)
            samples.append(Sample(time.time(), memory, 0.0))
            if memory > most_bytes or time.time() - started > most_seconds:
                raise OverLimitError(
                    f"stopped after {time.time() - started:.0f} s at {memory / GIBIBYTE:.1f} GiB of memory"
                )
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return MeasuredRun(command, started, time.time() - started, samples)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
