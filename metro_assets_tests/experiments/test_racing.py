"""Real processes: killed outright, they go on where they were, to the same end as an experiment left in peace."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from metro_assets.experiments.plan import Plan
from metro_assets.experiments.play import finished_days, read_choices
from metro_assets_tests.experiments.conftest import small_plan

PATIENCE_SECONDS = 240


def command(plan: Plan) -> tuple[list[str], dict[str, str]]:
    """`metro experiment` for a plan, and its knobs as an environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("METRO_", "DAGSTER_"))}
    for section in ("sizes", "features", "ranking", "evaluation", "experiments"):
        for name, value in getattr(plan.settings, section).model_dump(mode="json").items():
            environment[f"METRO_{section}__{name}".upper()] = value if isinstance(value, str) else json.dumps(value)
    options = {"policies": "logistic", "days": plan.days, "start": plan.start, "name": "small", "jobs": 2}
    asked = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    program = str(Path(sys.executable).with_name("metro"))
    return [program, "experiment", *asked, "--warehouse", str(plan.settings.warehouse)], environment


@pytest.mark.slow
def test_a_killed_experiment_goes_on_where_it_was(played: Plan, tmp_path: Path) -> None:
    plan = small_plan(tmp_path / "killed")
    arguments, environment = command(plan)
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_SECONDS
    while finished_days(plan) < plan.days + 1 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = finished_days(plan)
    assert plan.days < before < len(plan.policies) * plan.days
    again = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "policy-days were played before" in again.stdout
    assert finished_days(plan) == len(plan.policies) * plan.days
    assert "leaked" not in again.stderr
    for policy in plan.policies:
        for day in plan.dates:
            assert read_choices(plan, 42, policy, day).equals(read_choices(played, 42, policy, day)), (policy, day)
        for table in ("order_items", "redemptions", "impressions"):
            assert all_rows(plan, policy, table).equals(all_rows(played, policy, table)), (policy, table)
    assert (plan.folder / "report.md").exists()


def all_rows(plan: Plan, policy: str, table: str) -> pl.DataFrame:
    warehouse = plan.warehouse(42, policy)
    with warehouse.connection() as connection:
        rows: pl.DataFrame = warehouse.read(connection, table).pl()
    return rows


def test_an_unknown_policy_is_refused_in_one_line(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("metro"))
    asked = [program, "experiment", "--policies", "clairvoyant", "--warehouse", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("METRO_")}
    done = subprocess.run(asked, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert "--policies clairvoyant: no such policy; choose from logistic, boosted_trees" in done.stderr
    assert not (tmp_path / "experiments").exists()
