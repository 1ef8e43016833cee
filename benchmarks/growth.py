"""The part `growth`: the next day and the cold start against customers and against the length of the history.

Every world is a cold start in a folder of its own, then the same morning several times. The measurements are kept
beside the page as growth.csv: a row per step of a run, and one for the whole of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from rich.console import Console

from benchmarks.growth_page import CUSTOMERS, HISTORY, REST, WHOLE, draw_growth, growth_page
from benchmarks.measured_run import MeasuredRun
from benchmarks.pages import GIBIBYTE
from benchmarks.stages import Stage, stages_of
from benchmarks.worlds import cold_start, next_day, temporary_world
from metro_assets.config import PROFILES, Sizes


@dataclass(frozen=True)
class Plan:
    """Which worlds to measure: a list of customers at `base.history_days`, a list of days at `base.customers`."""

    base: Sizes
    customers: Sequence[int]
    history_days: Sequence[int]
    repetitions: int

    def worlds(self) -> Iterator[tuple[tuple[str, ...], Sizes]]:
        """Every world once, with the axes on which it stands; smallest first."""
        for customers in self.customers:
            axes = (CUSTOMERS, HISTORY) if customers == self.base.customers else (CUSTOMERS,)
            yield axes, self.base.model_copy(update={"customers": customers})
        for days in self.history_days:
            if days != self.base.history_days:
                yield (HISTORY,), self.base.model_copy(update={"history_days": days})


REAL = Plan(
    base=PROFILES["full"].model_copy(update={"customers": 6_250}),
    customers=(6_250, 12_500, 25_000, 50_000),
    history_days=(90, 180, 360, 720),
    repetitions=3,
)
QUICK = Plan(
    base=PROFILES["tiny"].model_copy(update={"customers": 75}),
    customers=(75, 150, 300),
    history_days=(75, 90),
    repetitions=2,
)


@dataclass(frozen=True)
class Measurement:
    """Of one run: a step, or the whole (`WHOLE`), or what is no step: start-up, checks, between steps (`REST`)."""

    axis: str
    size: int
    run: str
    repetition: int
    job: str
    stage: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    others_share: float
    """What everything else took of the machine's CPU time during the run."""


def growth_section(folder: Path, plan: Plan, run_date: date) -> str:
    """Measures the worlds of the plan, writes growth.csv and growth.png; returns the page's Markdown."""
    measurements = pl.DataFrame(
        [asdict(one) for axes, sizes in plan.worlds() for one in _measured(axes, sizes, plan.repetitions, run_date)]
    )
    measurements.write_csv(folder / "growth.csv", float_precision=3)
    draw_growth(measurements).savefig(folder / "growth.png", dpi=110, metadata={"Software": None})
    return growth_page(measurements, plan.base)


def _measured(axes: tuple[str, ...], sizes: Sizes, repetitions: int, run_date: date) -> Iterator[Measurement]:
    console = Console()
    world = f"{sizes.customers:,} customers, {sizes.history_days} days"
    with temporary_world() as folder:
        console.rule(f"{world}: cold start")
        run = cold_start(folder, sizes, run_date - timedelta(days=1))
        yield from _of(run, folder, "cold start", 1, axes, sizes)
        for repetition in range(1, repetitions + 1):
            console.rule(f"{world}: next day, {repetition} of {repetitions}")
            run = next_day(folder, run_date)
            yield from _of(run, folder, "next day", repetition, axes, sizes)


def _of(
    run: MeasuredRun, folder: Path, name: str, repetition: int, axes: tuple[str, ...], sizes: Sizes
) -> Iterator[Measurement]:
    stages = stages_of(run, folder)
    Console().print(
        f"{run.seconds:.1f} s, {run.cpu_seconds:.1f} s of CPU, {run.peak_bytes / GIBIBYTE:.2f} GiB; "
        f"everything else took {run.others_share:.0%} of the CPU",
        highlight=False,
    )
    for axis in axes:
        size = sizes.customers if axis == CUSTOMERS else sizes.history_days
        for step in (_whole(run, stages), _rest(run, stages), *stages):
            yield Measurement(
                axis,
                size,
                name,
                repetition,
                step.job,
                step.name,
                step.rows,
                step.seconds,
                step.cpu_seconds,
                step.peak_bytes,
                run.others_share,
            )


def _whole(run: MeasuredRun, stages: Sequence[Stage]) -> Stage:
    rows = sum(stage.rows for stage in stages)
    return Stage("", "", WHOLE, rows, run.seconds, run.cpu_seconds, run.peak_bytes, 0)


def _rest(run: MeasuredRun, stages: Sequence[Stage]) -> Stage:
    seconds = run.seconds - sum(stage.seconds for stage in stages)
    cpu = run.cpu_seconds - sum(stage.cpu_seconds for stage in stages)
    return Stage("", "", REST, 0, seconds, max(cpu, 0.0), 0, 0)
