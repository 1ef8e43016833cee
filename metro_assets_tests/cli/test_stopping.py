"""Ctrl-C: a line, an exit code, a run that is marked; what was written is whole and the same command goes on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from metro_assets.config import Engine
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import PHASE_1, RUN_DATE, metro, program

pytestmark = pytest.mark.slow

WORLD = ("--profile", "tiny", "--customers", 60, "--date", RUN_DATE, "--no-backtest")
INTERRUPTED = 130
PATIENCE_SECONDS = 240
GRACE_SECONDS = 10
"""A second or two is meant; a busy machine takes several times that."""


def test_ctrl_c_stops_a_run_at_once_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "warehouse"
    warehouse = Warehouse(root, Engine(memory_limit="1GB", threads=1))
    log = tmp_path / "printed.log"

    def within_the_history() -> bool:
        return "day 20 of 90" in log.read_text(encoding="utf-8")

    def within_the_day() -> bool:
        return "✓ offer_features" in log.read_text(encoding="utf-8")

    for is_reached in (within_the_history, within_the_day):
        stopped_once(root, log, is_reached)
    monkeypatch.setenv("DAGSTER_HOME", str(root / "dagster"))
    with dg.DagsterInstance.get() as instance:
        runs = [(run.job_name, run.status.value) for run in instance.get_runs()]
    assert runs == [("day", "CANCELED"), ("examples", "SUCCESS"), ("history", "SUCCESS"), ("history", "CANCELED")]
    done = metro("run", *WORLD, warehouse=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert warehouse.exists("recommendations", RUN_DATE)
    assert len(warehouse.partitions("orders")) == 90
    assert warehouse.partitions("orders")[-1] == RUN_DATE - timedelta(days=1)


def stopped_once(root: Path, log: Path, is_reached: Callable[[], bool]) -> None:
    """Start the command, press ctrl-C as a terminal does, to the whole process group, and hold it to its promise."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("METRO_", "DAGSTER_HOME"))}
    with log.open("w", encoding="utf-8") as output, subprocess.Popen(
        [program("metro"), "run", *map(str, WORLD)],
        env=environment | PHASE_1 | {"METRO_WAREHOUSE": str(root), "COLUMNS": "120", "PYTHONUNBUFFERED": "1"},
        stdout=output, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_reached():
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=GRACE_SECONDS)
    assert process.returncode == INTERRUPTED
    assert errors.splitlines() == ["stopped; the same command goes on where it was"]
    assert "Traceback" not in log.read_text(encoding="utf-8")
