"""The jobs, what a run date needs to be run, and the schedule of 05:00."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from metro_assets.config import TIME_ZONE, Settings
from metro_assets.storage.tables import Warehouse

MASTER_TABLES = ("customers", "products")
STATE_TABLES = ("daily_prices", "offers", "offer_products", "offer_audience")
EVENT_TABLES = ("orders", "order_items", "assignments", "impressions", "redemptions", "web_visits")
SOURCE_TABLES = (*MASTER_TABLES, *STATE_TABLES, *EVENT_TABLES)
EXAMPLE_TABLES = ("training_examples", "uplift_examples")
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PROCESS_TAG = "metro/process"
BACKTEST_MINIMUM_DAYS = 42
"""Days of history from which a past run date is worth recommending for, to be evaluated today."""

history = dg.define_asset_job(
    "history",
    selection=dg.AssetSelection.assets(*SOURCE_TABLES),
    description="Ingest what the source knows of a range of days: catalogue, prices, offers and events.",
)
examples = dg.define_asset_job(
    "examples",
    selection=dg.AssetSelection.assets(*EXAMPLE_TABLES),
    description="Rows to learn from of a range of run dates, each table in one pass over the history.",
)
day = dg.define_asset_job(
    "day",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(*MASTER_TABLES, *EVENT_TABLES),
    description="Everything that is derived for one run date, from features to the publication.",
)
morning = dg.define_asset_job(
    "morning",
    selection=dg.AssetSelection.all(),
    description="What the schedule launches: in each of its runs the tables of one of the jobs above.",
)
JOBS = (history, examples, day, morning)


@dataclass(frozen=True)
class PlannedRun:
    """One Dagster run: a job over one run date or a range of them."""

    job: str
    first: date
    last: date

    @property
    def tags(self) -> dict[str, str]:
        """The range as Dagster reads it, and what a person filters by."""
        return {RANGE_START: str(self.first), RANGE_END: str(self.last), "metro/run_date": str(self.last)}


def planned_runs(
    settings: Settings,
    warehouse: Warehouse,
    run_date: date,
    *,
    backtest: bool = True,
    changed: Collection[date] = (),
) -> list[PlannedRun]:
    """The runs that bring the warehouse to a run date, in order: only what is missing, then the date itself.

    With `backtest`, a warehouse that has recommended nothing yet also makes the run date that can be judged today. Days
    that `changed` at the source are ingested anew.
    """
    start, yesterday = settings.calendar_start, run_date - timedelta(days=1)
    horizon = timedelta(days=settings.evaluation.horizon_days)
    ingested = set.intersection(*(set(warehouse.partitions(table)) for table in (*STATE_TABLES, *EVENT_TABLES)))
    runs = [PlannedRun("history", *span) for span in _missing(start, yesterday, ingested - set(changed))]
    past = run_date - horizon
    wants_past = backtest and (past - start).days >= BACKTEST_MINIMUM_DAYS
    makes_past = wants_past and not warehouse.partitions("recommendations")
    longest = max(settings.ranking.example_days, settings.uplift.example_days)
    reach = timedelta(days=longest + settings.ranking.label_horizon_days)
    earliest = max(start, (past if makes_past else run_date) - reach)
    made = set.intersection(*(set(warehouse.partitions(table)) for table in EXAMPLE_TABLES))
    runs += [PlannedRun("examples", *span) for span in _missing(earliest, yesterday, made)]
    if makes_past:
        runs.append(PlannedRun("day", past, past))
    return [*runs, PlannedRun("day", run_date, run_date)]


def report_dead_runs(instance: dg.DagsterInstance) -> int:
    """Report runs as failed whose process is gone; returns their number. A run killed hard stays STARTED else."""
    dead = [
        run
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        if (process := run.tags.get(PROCESS_TAG)) is not None and not _is_alive(int(process))
    ]
    for run in dead:
        instance.report_run_failed(run, "the process of this run was killed; run the same command again")
    return len(dead)


@dg.schedule(
    name="every_morning",
    cron_schedule="0 5 * * *",
    execution_timezone=TIME_ZONE,
    target=morning,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Ingest what is missing up to yesterday, then make today's recommendations.",
)
def every_morning(
    context: dg.ScheduleEvaluationContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.RunRequest]:
    """Runs of the morning, in order of their priority."""
    run_date = context.scheduled_execution_time.date()
    runs = planned_runs(settings, warehouse, run_date)
    for place, run in enumerate(runs):
        yield dg.RunRequest(
            run_key=f"{run_date}-{run.job}-{run.first}-{run.last}",
            asset_selection=[dg.AssetKey(table) for table in tables_of(run.job, context)],
            tags={**run.tags, "dagster/priority": str(len(runs) - place)},
        )


def tables_of(job: str, context: dg.ScheduleEvaluationContext) -> list[str]:
    """Tables that a job materialises."""
    if job == "history":
        return list(SOURCE_TABLES)
    if job == "examples":
        return list(EXAMPLE_TABLES)
    keys = context.repository_def.asset_graph.materializable_asset_keys
    return sorted({key.path[-1] for key in keys} - {*MASTER_TABLES, *EVENT_TABLES})


def _missing(first: date, last: date, present: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Spans of consecutive days in [first, last] that are not present."""
    known = set(present)
    wanted = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    lacking = [day for day in wanted if day not in known]
    start: date | None = None
    for place, day in enumerate(lacking):
        start = start or day
        if place + 1 == len(lacking) or lacking[place + 1] != day + timedelta(days=1):
            yield start, day
            start = None


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
