"""What a run date needs to be run: only what is missing, oldest first, and dead runs reported."""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from metro_assets.config import Settings, load_settings
from metro_assets.orchestration.jobs import (
    BACKTEST_MINIMUM_DAYS,
    EVENT_TABLES,
    EXAMPLE_TABLES,
    PROCESS_TAG,
    STATE_TABLES,
    PlannedRun,
    planned_runs,
    report_dead_runs,
)
from metro_assets.storage.tables import Warehouse

RUN_DATE = date(2026, 5, 18)
START = RUN_DATE - timedelta(days=100)


def before(days: int) -> date:
    return RUN_DATE - timedelta(days=days)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path, history_start=START)


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    return Warehouse(settings.warehouse, settings.engine)


def touch(warehouse: Warehouse, tables: tuple[str, ...], first: date, last: date) -> None:
    """Files where a run would have left them; planning looks at names alone."""
    for table in tables:
        for offset in range((last - first).days + 1):
            path = warehouse.path(table, first + timedelta(days=offset))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def fill(warehouse: Warehouse, yesterday: date) -> None:
    touch(warehouse, (*STATE_TABLES, *EVENT_TABLES), START, yesterday)
    touch(warehouse, EXAMPLE_TABLES, START, yesterday)


def test_an_empty_warehouse_is_filled_and_makes_the_date_that_can_be_judged_today(
    settings: Settings, warehouse: Warehouse
) -> None:
    reach = settings.ranking.example_days + settings.ranking.label_horizon_days
    assert planned_runs(settings, warehouse, RUN_DATE) == [
        PlannedRun("history", START, before(1)),
        PlannedRun("examples", before(7 + reach), before(1)),
        PlannedRun("day", before(7), before(7)),
        PlannedRun("day", RUN_DATE, RUN_DATE),
    ]


def test_without_a_backtest_only_the_date_is_made(settings: Settings, warehouse: Warehouse) -> None:
    reach = settings.ranking.example_days + settings.ranking.label_horizon_days
    assert planned_runs(settings, warehouse, RUN_DATE, backtest=False) == [
        PlannedRun("history", START, before(1)),
        PlannedRun("examples", before(reach), before(1)),
        PlannedRun("day", RUN_DATE, RUN_DATE),
    ]


def test_a_history_that_is_too_short_to_judge_makes_no_past_date(warehouse: Warehouse) -> None:
    horizon = 7
    long_enough = RUN_DATE - timedelta(days=BACKTEST_MINIMUM_DAYS + horizon)
    for start, jobs in (
        (long_enough, ["history", "examples", "day", "day"]),
        (long_enough + timedelta(days=1), ["history", "examples", "day"]),
    ):
        settings = load_settings(warehouse.root, history_start=start)
        assert [run.job for run in planned_runs(settings, warehouse, RUN_DATE)] == jobs


def test_a_full_warehouse_makes_the_date_alone(settings: Settings, warehouse: Warehouse) -> None:
    fill(warehouse, before(1))
    touch(warehouse, ("recommendations",), before(1), before(1))
    assert planned_runs(settings, warehouse, RUN_DATE) == [PlannedRun("day", RUN_DATE, RUN_DATE)]


def test_the_next_morning_needs_one_day_of_events(settings: Settings, warehouse: Warehouse) -> None:
    fill(warehouse, before(1))
    touch(warehouse, (*STATE_TABLES, *EXAMPLE_TABLES, "recommendations"), RUN_DATE, RUN_DATE)
    tomorrow = RUN_DATE + timedelta(days=1)
    assert planned_runs(settings, warehouse, tomorrow) == [
        PlannedRun("history", RUN_DATE, RUN_DATE),
        PlannedRun("day", tomorrow, tomorrow),
    ]


def test_each_gap_is_a_run_of_its_own(settings: Settings, warehouse: Warehouse) -> None:
    fill(warehouse, before(1))
    touch(warehouse, ("recommendations",), before(9), before(9))
    for days in (30, 29, 12, 2, 1):
        warehouse.path("orders", before(days)).unlink()
    warehouse.path("training_examples", before(5)).unlink()
    assert planned_runs(settings, warehouse, RUN_DATE) == [
        PlannedRun("history", before(30), before(29)),
        PlannedRun("history", before(12), before(12)),
        PlannedRun("history", before(2), before(1)),
        PlannedRun("examples", before(5), before(5)),
        PlannedRun("day", RUN_DATE, RUN_DATE),
    ]


@pytest.mark.parametrize("table", [*STATE_TABLES, *EVENT_TABLES])
def test_a_day_is_ingested_when_every_source_table_has_it(settings: Settings, warehouse: Warehouse, table: str) -> None:
    fill(warehouse, before(1))
    touch(warehouse, ("recommendations",), before(1), before(1))
    warehouse.path(table, before(3)).unlink()
    history, _ = planned_runs(settings, warehouse, RUN_DATE)
    assert history == PlannedRun("history", before(3), before(3))


def test_a_past_date_needs_nothing_that_came_after_it(settings: Settings, warehouse: Warehouse) -> None:
    touch(warehouse, (*STATE_TABLES, *EVENT_TABLES, *EXAMPLE_TABLES), START, before(40))
    assert planned_runs(settings, warehouse, before(40), backtest=False) == [
        PlannedRun("day", before(40), before(40)),
    ]


def test_the_second_day_of_the_calendar_has_one_day_of_history(settings: Settings, warehouse: Warehouse) -> None:
    second = START + timedelta(days=1)
    assert planned_runs(settings, warehouse, second) == [
        PlannedRun("history", START, START),
        PlannedRun("examples", START, START),
        PlannedRun("day", second, second),
    ]


def test_a_run_is_tagged_with_its_range_and_run_date() -> None:
    assert PlannedRun("history", before(3), before(1)).tags == {
        "dagster/asset_partition_range_start": "2026-05-15",
        "dagster/asset_partition_range_end": "2026-05-17",
        "metro/run_date": "2026-05-17",
    }


@dg.job
def something() -> None:
    """A job whose runs are only ever recorded here."""


def started(instance: dg.DagsterInstance, **tags: str) -> str:
    run = instance.create_run_for_job(something, tags=tags, status=dg.DagsterRunStatus.STARTED)
    return run.run_id


def test_a_run_whose_process_is_gone_is_failed_and_others_are_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with dg.DagsterInstance.ephemeral() as instance:
        dead = started(instance, **{PROCESS_TAG: str(gone.pid)})
        alive = started(instance, **{PROCESS_TAG: str(os.getpid())})
        foreign = started(instance)
        assert report_dead_runs(instance) == 1
        status = {run.run_id: run.status for run in instance.get_runs()}
        assert status[dead] == dg.DagsterRunStatus.FAILURE
        assert status[alive] == status[foreign] == dg.DagsterRunStatus.STARTED
        assert report_dead_runs(instance) == 0
