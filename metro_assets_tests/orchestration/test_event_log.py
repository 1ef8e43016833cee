"""The event log that stays open: Dagster's own files and format, several writers, few open databases."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from metro_assets.orchestration.event_log import INDEX, OPEN_RUNS, PooledSqliteEventLogStorage

pytestmark = pytest.mark.slow

OURS = Path(__file__).parents[2] / "dagster.yaml"
WITHOUT_IT = "telemetry:\n  enabled: false\n"
KEY = dg.AssetKey("orders")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Dagster's home with the settings of the project."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(OURS.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


@dg.asset(name="orders", partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    context.log.info("written")
    return dg.MaterializeResult(metadata={"dagster/row_count": 7})


@dg.asset_check(asset="orders")
def has_rows() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def materialize(instance: dg.DagsterInstance, partition: str = "a") -> str:
    result = dg.materialize([orders, has_rows], instance=instance, partition_key=partition)
    assert result.success
    return result.run_id


def open_engines(instance: dg.DagsterInstance) -> list[str]:
    storage = instance.event_log_storage
    assert isinstance(storage, PooledSqliteEventLogStorage)
    return list(storage._engines)


def seen(instance: dg.DagsterInstance, run_id: str) -> dict[str, object]:
    """What a person would ask an instance about a run."""
    record = instance.get_latest_materialization_event(KEY)
    assert record is not None
    assert record.asset_materialization is not None
    return {
        "status": [run.status for run in instance.get_runs() if run.run_id == run_id],
        "events": [
            entry.dagster_event.event_type_value if entry.dagster_event else entry.user_message
            for entry in instance.all_logs(run_id)
        ],
        "rows": record.asset_materialization.metadata["dagster/row_count"].value,
        "partitions": sorted(instance.get_materialized_partitions(KEY)),
        "stats": instance.get_run_stats(run_id).steps_succeeded,
    }


def test_events_are_read_back_by_another_instance(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        run_id = materialize(instance)
        before = seen(instance, run_id)
    with dg.DagsterInstance.get() as instance:
        assert seen(instance, run_id) == before
    assert before["rows"] == 7
    assert "ASSET_CHECK_EVALUATION" in before["events"]  # type: ignore[operator]
    assert "written" in before["events"]  # type: ignore[operator]


def test_dagsters_own_storage_reads_our_files_and_we_read_its(home: Path) -> None:
    """Taking the lines out of `dagster.yaml` goes back, and putting them in again goes on."""
    with dg.DagsterInstance.get() as instance:
        run_id = materialize(instance, "a")
        ours = seen(instance, run_id)
    settings = home / "dagster.yaml"
    settings.write_text(WITHOUT_IT, encoding="utf-8")
    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert seen(instance, run_id) == ours
        theirs_id = materialize(instance, "b")
        theirs = seen(instance, theirs_id)
    settings.write_text(OURS.read_text(encoding="utf-8"), encoding="utf-8")
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
        assert seen(instance, theirs_id) == theirs
        assert seen(instance, theirs_id)["partitions"] == ["a", "b"]


def test_few_databases_are_held_open_however_many_runs_are_looked_at(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        runs = [materialize(instance) for _ in range(OPEN_RUNS + 1)]
        for run_id in runs:
            assert len(instance.all_logs(run_id)) > 5
            engines = open_engines(instance)
            assert engines[-1] in {run_id, INDEX}
            assert len(set(engines) - {INDEX}) <= OPEN_RUNS
        assert set(engines) >= {INDEX, runs[-1]}
        instance.event_log_storage.dispose()
        assert open_engines(instance) == []
        assert len(instance.all_logs(runs[0])) > 5


def test_a_run_that_is_deleted_is_gone_and_the_others_stay(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        first, second = materialize(instance), materialize(instance)
        instance.delete_run(first)
        assert instance.all_logs(first) == []
        assert len(instance.all_logs(second)) > 5


def test_after_a_wipe_the_log_is_empty_and_works(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        materialize(instance)
        instance.wipe()
        assert instance.get_runs() == []
        assert instance.get_latest_materialization_event(KEY) is None
        assert seen(instance, materialize(instance))["rows"] == 7


def test_what_another_process_writes_is_seen_at_once(home: Path) -> None:
    """The web server holds its databases open while runs of other processes write."""
    script = (
        "import dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    for rows in range(5):\n"
        "        made = dg.AssetMaterialization('orders', metadata={'dagster/row_count': rows})\n"
        "        instance.report_runless_asset_event(made)\n"
    )
    with dg.DagsterInstance.get() as instance:
        materialize(instance)
        writers = [subprocess.Popen([sys.executable, "-c", script], env=os.environ) for _ in range(2)]
        mine = [materialize(instance, partition) for partition in ("a", "b")]
        assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
        found = instance.fetch_materializations(KEY, limit=100).records
        assert len(found) == 1 + 2 + 2 * 5
        assert all(len(instance.all_logs(run_id)) > 5 for run_id in mine)


def test_its_settings_are_home_alone(home: Path) -> None:
    kinds: dict[str, object] = PooledSqliteEventLogStorage.config_type()
    assert set(kinds) == {"home"}
    build: Callable[..., PooledSqliteEventLogStorage] = PooledSqliteEventLogStorage.from_config_value
    storage = build(None, {"home": str(home)})
    assert storage.has_table("event_logs")
    assert not storage.has_table("no_such_table")
    storage.dispose()
