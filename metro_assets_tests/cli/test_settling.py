"""Dagster's home: made once, whole, also when several commands meet an empty warehouse at the same moment."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

from metro_assets.cli.serving_ui import _schedule_state
from metro_assets.orchestration.event_log import PooledSqliteEventLogStorage

pytestmark = pytest.mark.slow

OPEN = "from metro_assets.cli.settling import open_instance; print(len(open_instance().get_runs()))"


def test_commands_that_meet_on_an_empty_warehouse_make_one_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unguarded, two of them left a schedule database with two versions, which no later start could open."""
    home = tmp_path / "dagster"
    environment = os.environ | {"DAGSTER_HOME": str(home)}
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for start in starts:
        printed, errors = start.communicate(timeout=120)
        assert (start.returncode, printed.strip()) == (0, "0"), errors
    assert (home / "dagster.yaml").is_symlink()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert _schedule_state() == "schedule every_morning is on: 05:00, while this runs"
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
        assert instance.all_instigator_state() == []
        assert isinstance(instance.compute_log_manager, NoOpComputeLogManager)
        assert not instance.nux_enabled
