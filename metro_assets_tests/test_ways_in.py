"""Every other way in, with real processes: Dagster's own command, the web UI, the schedule, executors."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl
import psutil
import pytest
from dagster._core.scheduler.instigation import ScheduleInstigatorData
from polars.testing import assert_frame_equal

from metro_assets.config import TIME_ZONE, Engine, today
from metro_assets.orchestration.jobs import EVENT_TABLES, SOURCE_TABLES
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.contract import contracts
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import PHASE_1, RUN_DATE, program

pytestmark = pytest.mark.slow

ENGINE = Engine(memory_limit="1GB", threads=1)
YESTERDAY = RUN_DATE - timedelta(days=1)
MODULE = "metro_assets.definitions"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": MODULE}
PATIENCE_SECONDS = 240
"""Longest wait for anything; a busy machine takes several times what an idle one does."""


def environment(root: Path, **variables: str) -> dict[str, str]:
    """What a shell has in which a person has exported the warehouse and Dagster's home (README)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("METRO_", "DAGSTER_"))}
    home = {"METRO_WAREHOUSE": str(root), "DAGSTER_HOME": str(root / "dagster"), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    return kept | home | variables


def dagster(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("dagster"), *arguments],
        env=environment(root, **variables),
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@contextmanager
def instance_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(root / "dagster"))
    with dg.DagsterInstance.get() as instance:
        yield instance


def written_at(root: Path, table: str, day: date) -> int:
    return Warehouse(root, ENGINE).path(table, day).stat().st_mtime_ns


def rows(root: Path, table: str, day: date) -> pl.DataFrame:
    warehouse = Warehouse(root, ENGINE)
    with warehouse.connection() as connection:
        return warehouse.read(connection, table, [day]).pl()


def until(answer: Callable[[], Any], what: str) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := answer():
            return found
        time.sleep(0.25)
    raise AssertionError(f"{what} did not come in {PATIENCE_SECONDS} s")


# dagster's own command --------------------------------------------------------------------------------------------


def test_dagster_materialises_an_asset_for_a_run_date(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written_at(copied, "customer_features", RUN_DATE)
    done = dagster(
        copied, "asset", "materialize", "-m", MODULE,
        "--select", "customer_products,customer_features", "--partition", str(RUN_DATE),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert written_at(copied, "customer_features", RUN_DATE) > before
    with instance_of(copied, monkeypatch) as instance:
        run = instance.get_runs(limit=1)[0]
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert run.tags["dagster/partition"] == str(RUN_DATE)
        made = instance.get_latest_materialization_event(dg.AssetKey("customer_features"))
        assert made is not None
        assert made.run_id == run.run_id


def test_dagster_ingests_a_range_of_days_in_one_run(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = YESTERDAY - timedelta(days=2), YESTERDAY
    before = {table: rows(copied, table, first) for table in EVENT_TABLES}
    times = {table: written_at(copied, table, first) for table in EVENT_TABLES}
    done = dagster(
        copied, "asset", "materialize", "-m", MODULE,
        "--select", ",".join(EVENT_TABLES), "--partition-range", f"{first}...{last}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for table in EVENT_TABLES:
        assert written_at(copied, table, first) > times[table]
        assert_frame_equal(rows(copied, table, first), before[table])
    with instance_of(copied, monkeypatch) as instance:
        newest = instance.get_runs(limit=1)[0]
        records = instance.fetch_materializations(dg.AssetKey("order_items"), limit=3).records
        assert {record.run_id for record in records} == {newest.run_id}
        assert {record.partition_key for record in records} == {
            str(first + timedelta(days=offset)) for offset in range(3)
        }


def test_a_missing_upstream_partition_is_named_with_its_remedy(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = RUN_DATE - timedelta(days=3)
    done = dagster(
        copied, "asset", "materialize", "-m", MODULE, "--select", "customer_features", "--partition", str(other)
    )
    assert done.returncode != 0
    assert f"customer_products lacks run date {other}; materialise it first: metro run --date {other}" in done.stderr
    assert not Warehouse(copied, ENGINE).exists("customer_features", other)


# executors --------------------------------------------------------------------------------------------------------

MULTIPROCESS = """
import dagster as dg
import metro_assets.definitions as pipeline

defs = dg.Definitions(
    assets=pipeline.defs.assets,
    asset_checks=pipeline.defs.asset_checks,
    resources=pipeline.defs.resources,
    executor=dg.multiprocess_executor.configured({"max_concurrent": 2}),
)
"""


def test_steps_in_processes_of_their_own_write_the_same_rows(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions are files of their own and nothing is handed on in memory, so any executor will do."""
    tables = ("customer_products", "offer_features")
    before = {table: rows(copied, table, RUN_DATE) for table in tables}
    times = {table: written_at(copied, table, RUN_DATE) for table in tables}
    file = copied / "multiprocess.py"
    file.write_text(MULTIPROCESS, encoding="utf-8")
    done = dagster(
        copied, "asset", "materialize", "-f", str(file), "--select", ",".join(tables), "--partition", str(RUN_DATE)
    )
    assert done.returncode == 0, done.stderr
    assert all(written_at(copied, table, RUN_DATE) > times[table] for table in tables)
    for table in tables:
        assert_frame_equal(rows(copied, table, RUN_DATE), before[table])
    with instance_of(copied, monkeypatch) as instance:
        events = instance.all_logs(instance.get_runs(limit=1)[0].run_id)
        workers = {
            entry.dagster_event.pid
            for entry in events
            if entry.dagster_event and entry.dagster_event.event_type_value == "STEP_START"
        }
        assert len(workers) == 2 * len(tables)


# the web UI -------------------------------------------------------------------------------------------------------


class WebUi:
    """`metro ui` as a process, asked as its pages ask: by GraphQL."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def ask(self, query: str, **variables: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = json.loads(answer.read())
        assert "errors" not in content, content["errors"]
        return content["data"]

    def is_up(self) -> bool:
        assert self.process.poll() is None, "metro ui has ended"
        try:
            locations = self.ask(
                "{ locationStatusesOrError { ... on WorkspaceLocationStatusEntries { entries { loadStatus } } } }"
            )
        except OSError:
            return False
        return [entry["loadStatus"] for entry in locations["locationStatusesOrError"]["entries"]] == ["LOADED"]

    def stop(self, number: signal.Signals) -> tuple[int, list[psutil.Process]]:
        """Exit code after a signal, and the processes that are left of all that it had started."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        _, left = psutil.wait_procs(family, timeout=10)
        return code, left


@contextmanager
def web_ui(root: Path, **variables: str) -> Iterator[WebUi]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = root.with_name(f"{root.name}-ui.log")
    with log.open("w", encoding="utf-8") as output, subprocess.Popen(
        [program("metro"), "ui", "--port", str(port)],
        env=environment(root, **variables), cwd=root.parent, stdout=output, stderr=output, text=True,
    ) as process:  # fmt: skip
        server = WebUi(process, port)
        try:
            until(server.is_up, "the web UI")
            yield server
        except BaseException:
            print(log.read_text(encoding="utf-8")[-5000:])
            raise
        finally:
            if process.poll() is None:
                server.stop(signal.SIGINT)


RUN_STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
LAUNCH = """mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
}"""
BACKFILL = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename ... on LaunchBackfillSuccess { backfillId } }
}"""
BACKFILL_STATUS = """query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { runs(limit: 9) { status } } }
}"""
MATERIALIZATION = """query($partitions: [String!]) {
  assetOrError(assetKey: {path: ["recommendations"]}) { ... on Asset {
    assetMaterializations(partitions: $partitions, limit: 1) {
      metadataEntries { label ... on IntMetadataEntry { intValue } ... on MarkdownMetadataEntry { mdStr } }
    }
  } }
}"""


def test_the_web_ui_shows_the_graph_and_what_was_made_launches_runs_and_stops(copied: Path) -> None:
    warehouse = Warehouse(copied, ENGINE)
    with web_ui(copied) as ui:
        nodes = ui.ask("{ assetNodes { assetKey { path } groupName isPartitioned } }")["assetNodes"]
        assert {node["assetKey"]["path"][-1] for node in nodes} > set(contracts())

        made = ui.ask(MATERIALIZATION, partitions=[str(RUN_DATE)])["assetOrError"]["assetMaterializations"]
        entries = {entry["label"]: entry for entry in made[0]["metadataEntries"]}
        with warehouse.connection() as connection:
            served = warehouse.read(connection, "recommendations", [RUN_DATE])
            assert entries["dagster/row_count"]["intValue"] == served.aggregate("count(*)").fetchall()[0][0]
        assert entries["preview"]["mdStr"].startswith("| customer_id |")

        other = RUN_DATE - timedelta(days=2)
        derived = ("customer_products", "customer_features")
        selector = {
            **REPOSITORY,
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": [name]} for name in derived],
        }
        tags = [{"key": "dagster/partition", "value": str(other)}]
        params = {"selector": selector, "executionMetadata": {"tags": tags}, "mode": "default"}
        run_id = ui.ask(LAUNCH, params=params)["launchPipelineExecution"]["run"]["runId"]

        events = {
            "assetSelection": [{"path": [name]} for name in SOURCE_TABLES if contracts()[name].is_partitioned],
            "partitionNames": [str(RUN_DATE + timedelta(days=offset)) for offset in range(3)],
        }
        backfill_id = ui.ask(BACKFILL, params=events)["launchPartitionBackfill"]["backfillId"]

        until(lambda: ui.ask(RUN_STATUS, id=run_id)["runOrError"]["status"] == "SUCCESS", "the launched run")
        assert all(warehouse.exists(table, other) for table in derived)

        def backfilled() -> Any:
            runs = ui.ask(BACKFILL_STATUS, id=backfill_id)["partitionBackfillOrError"]["runs"]
            return runs if runs and runs[0]["status"] in {"SUCCESS", "FAILURE"} else None

        assert until(backfilled, "the run of the backfill") == [{"status": "SUCCESS"}]
        assert warehouse.partitions("order_items")[-3:] == [RUN_DATE + timedelta(days=offset) for offset in range(3)]

        assert ui.stop(signal.SIGTERM) == (0, [])


# the schedule -----------------------------------------------------------------------------------------------------


def test_a_morning_that_was_missed_is_made_by_the_daemon_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped and started, the schedule counts as started yesterday: the daemon finds the tick of 05:00."""
    root = tmp_path / "warehouse"
    world = PHASE_1 | {"METRO_PROFILE": "tiny", "METRO_SIZES__CUSTOMERS": "60", "METRO_SIZES__HISTORY_DAYS": "48"}
    due = datetime.now(ZoneInfo(TIME_ZONE)) - timedelta(hours=5)
    run_date = due.date()
    assert dagster_home(root, **world) == 0
    for verb in ("stop", "start"):
        done = dagster(root, "schedule", verb, "every_morning", "-m", MODULE, **world)
        assert done.returncode == 0, done.stderr
    with instance_of(root, monkeypatch) as instance:
        (state,) = instance.all_instigator_state()
        at_five = due.replace(hour=5, minute=0, second=0, microsecond=0)
        data = ScheduleInstigatorData("0 5 * * *", start_timestamp=at_five.timestamp() - 1)
        instance.update_instigator_state(state.with_data(data))
        with web_ui(root, **world) as ui:
            ticks = until(
                lambda: [
                    tick
                    for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
                    if tick.status.value != "STARTED"
                ],
                "the tick",
            )
            assert [(tick.status.value, tick.timestamp) for tick in ticks] == [("SUCCESS", at_five.timestamp())]
            until(lambda: all(run.is_finished for run in instance.get_runs()), "the end of the runs")
            assert ui.stop(signal.SIGINT) == (0, [])
        records = sorted(instance.get_run_records(), key=lambda record: record.start_time or 0)
        runs = [record.dagster_run for record in records]
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 3
        assert {run.job_name for run in runs} == {"morning"}
        spans = [
            (run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"])
            for run in runs
        ]
        # Between midnight and five the missed morning is yesterday's, and the world begins counted from today.
        start, yesterday = today() - timedelta(days=48), run_date - timedelta(days=1)
        assert spans == [(str(start), str(yesterday))] * 2 + [(str(run_date), str(run_date))]
        for earlier, later in pairwise(records):
            assert earlier.end_time is not None
            assert later.start_time is not None
            assert earlier.end_time <= later.start_time
    reader = RecommendationReader(root, ENGINE)
    opened = reader.in_force()
    assert opened.publication.run_date == run_date
    assert len(opened.slate(opened.some_customer()).offers) == 10
    reader.close()


def dagster_home(root: Path, **variables: str) -> int:
    """Make Dagster's home as every command of ours does; returns the exit code."""
    code = "from metro_assets.cli.settling import open_instance; open_instance()"
    return subprocess.run([sys.executable, "-c", code], env=environment(root, **variables), check=False).returncode
