"""A very small experiment, played once for all test processes; tests that change it work on a copy."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from filelock import FileLock

from metro_assets.config import load_settings
from metro_assets.experiments.history import make_history
from metro_assets.experiments.plan import Plan, pin_plan, plan_experiment
from metro_assets.experiments.play import play

START = date(2026, 3, 2)
DAYS = 3


def small_plan(warehouse: Path, days: int = DAYS, **asked: object) -> Plan:
    """A hundred customers, 24 days of history, one algorithm, fitted anew every other day."""
    settings = load_settings(
        warehouse,
        sizes={"customers": 100, "products": 150, "live_offers": 40, "history_days": 24},
        features={"window_days": 14},
        ranking={"train_days": 12, "validation_days": 4, "test_days": 4, "label_horizon_days": 2},
        evaluation={"horizon_days": 2},
        experiments={"refit_days": 2, "bootstrap_samples": 100},
        **asked,
    )
    return plan_experiment(settings, ["logistic"], days, 1, START, "small")


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Plan:
    """The experiment after all of its days; to be read only."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    plan = small_plan(shared / "experiment")
    with FileLock(shared / "experiment.lock"):
        pin_plan(plan)
        for seed in plan.seeds:
            make_history(plan, seed)
            for policy in plan.policies:
                play(plan, seed, policy)
    return plan


@pytest.fixture
def copied_experiment(played: Plan, tmp_path: Path) -> Plan:
    """A copy of the experiment that a test may go on with."""
    shutil.copytree(played.settings.warehouse, tmp_path / "experiment")
    return small_plan(tmp_path / "experiment")
