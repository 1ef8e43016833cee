"""Finished experiments of the twin, from the files of their reports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.kept import once
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.storage.errors import WarehouseError
from metro_assets.storage.tables import Warehouse

FOLDER, PLAN = "experiments", "experiment.json"
FIGURES, DAYS, SCOREBOARD = "experiment_results.parquet", "experiment_days.parquet", "known_truth.parquet"
CONTROL, ORACLE = "no_offer", "oracle"
MEASURES = {
    "incremental_margin_ron": "margin_ron",
    "incremental_revenue_ron": "revenue_ron",
    "incremental_redemptions": "redemptions",
}
"""What is followed over days, and its column per customer."""
PER_CUSTOMERS = 1_000
KEPT = 16
Stamp: TypeAlias = tuple[int, ...]


class UnknownExperimentError(WarehouseError):
    """The warehouse has no experiment of this name."""


@dataclass(frozen=True)
class Experiment:
    """What is known of an experiment before its figures are read."""

    name: str
    folder: Path
    is_finished: bool
    finished_at: datetime | None
    """When its report was written, UTC."""
    start: date | None
    plan: dict[str, Any]
    """The world and the knobs that it is bound to."""


@dataclass(frozen=True)
class Figures:
    """The report of an experiment."""

    results: pl.DataFrame
    """One row per policy and metric."""
    days: pl.DataFrame
    """One row per policy and day."""
    known_truth: pl.DataFrame
    """One row per policy and estimator."""

    @property
    def policies(self) -> list[str]:
        """All but the control, the best margin first."""
        margins = self.results.filter(
            (pl.col("metric") == "incremental_margin_ron") & (pl.col("policy") != CONTROL)
        ).sort(["value", "policy"], descending=[True, False], nulls_last=True)
        return margins["policy"].to_list()

    def cell(self, policy: str, metric: str) -> dict[str, Any] | None:
        """Value, lower and upper of one figure; None where there is none."""
        found = self.results.filter((pl.col("policy") == policy) & (pl.col("metric") == metric))
        return found.row(0, named=True) if len(found) and found["value"][0] is not None else None


def experiments(desk: Desk) -> list[Experiment]:
    """The experiments of the warehouse, the newest report first, then those without one."""
    root = desk.warehouse.root / FOLDER
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    found = [_experiment(path) for path in folders if (path / PLAN).exists() or (path / FIGURES).exists()]
    return sorted(found, key=lambda one: -one.finished_at.timestamp() if one.finished_at else 0.0)


def experiment(desk: Desk, name: str) -> Experiment:
    """The experiment of a name; raises UnknownExperimentError for any text that is not one of the names there are."""
    for one in experiments(desk):
        if one.name == name:
            return one
    raise UnknownExperimentError(f"there is no experiment {name!r}")


def figures(found: Experiment) -> Figures:
    """The report of a finished experiment; raises WarehouseError where a file of it is missing or damaged."""
    return _figures(found.folder, _stamp(found.folder))


def over_days(desk: Desk, found: Experiment, measure: str) -> pl.DataFrame:
    """One row per policy and day: the measure summed up from the start, per 1,000 customers, with its interval.

    The interval is over seeds and the customers within each, drawn for all policies at once; null where what each
    customer did is not kept beside the report.
    """
    return _over_days(desk, found.folder, _stamp(found.folder), measure)


@once(KEPT)
def _figures(folder: Path, stamp: Stamp) -> Figures:
    del stamp  # a report that is written again is another
    try:
        return Figures(*(pl.read_parquet(folder / name) for name in (FIGURES, DAYS, SCOREBOARD)))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WarehouseError(
            f"the report of the experiment {folder.name} is damaged; write it again: metro experiment"
        ) from error


@once(KEPT)
def _over_days(desk: Desk, folder: Path, stamp: Stamp, measure: str) -> pl.DataFrame:
    report = _figures(folder, stamp)
    summed = report.days.sort("policy", "run_date").select(
        "policy", "run_date", value=pl.col(measure).cum_sum().over("policy")
    )
    policies, dates = report.policies, sorted(report.days["run_date"].unique())
    tables = [
        table
        for seed in sorted(folder.glob("seed-*"))
        if (table := _of_seed(desk, seed, policies, dates, MEASURES[measure])) is not None
    ]
    seeds = int(report.results["seeds"].max() or 0)  # type: ignore[arg-type]
    if not tables or len(tables) != seeds:
        return summed.with_columns(lower=pl.lit(None, pl.Float64), upper=pl.lit(None, pl.Float64))
    samples, seed = desk.settings.experiments.bootstrap_samples, desk.settings.seed
    means = np.stack(
        [resampled_means(one, np.arange(len(one)), samples, seed + place) for place, one in enumerate(tables)]
    )
    drawn = np.random.default_rng(seed).integers(0, seeds, (samples, seeds))
    # The same seed drawn twice brings two resamples of its customers.
    resample = (np.arange(samples)[:, None] + np.arange(seeds)[None, :] * (samples // seeds)) % samples
    together = PER_CUSTOMERS * means[drawn, resample].mean(axis=1)
    ends = [interval(together[:, place]) for place in range(together.shape[1])]
    keys = [(policy, day) for policy in policies for day in dates]
    intervals = pl.DataFrame(
        {
            "policy": [policy for policy, _ in keys],
            "run_date": [day for _, day in keys],
            "lower": [low for low, _ in ends],
            "upper": [high for _, high in ends],
        }
    )
    return summed.join(intervals, on=["policy", "run_date"], how="left", maintain_order="left")


def _of_seed(
    desk: Desk, folder: Path, policies: list[str], dates: list[date], column: str
) -> np.typing.NDArray[np.float64] | None:
    """Sums up to each day per customer, [customers, policies x days]; None where the files are not kept."""
    world = Warehouse(folder / CONTROL, desk.settings.engine)
    paths = [folder / policy / f"differences-{len(dates)}.parquet" for policy in policies]
    if not world.exists("customers") or not all(path.exists() for path in paths):
        return None
    with desk.reading() as connection:
        customers = np.sort(
            [number for (number,) in world.read(connection, "customers").select("customer_id").fetchall()]
        )
    table = np.zeros((len(customers), len(policies), len(dates)))
    for place, path in enumerate(paths):
        rows = pl.read_parquet(path, columns=["run_date", "customer_id", column])
        of_customer = np.searchsorted(customers, rows["customer_id"].to_numpy())
        of_day = np.searchsorted(
            np.array(dates, dtype="datetime64[D]"), rows["run_date"].to_numpy().astype("datetime64[D]")
        )
        np.add.at(table[:, place, :], (of_customer, of_day), rows[column].to_numpy())
    summed: np.typing.NDArray[np.float64] = table.cumsum(axis=2).reshape(len(customers), -1)
    return summed


def _experiment(folder: Path) -> Experiment:
    try:
        plan = json.loads((folder / PLAN).read_text("utf-8"))
        start = date.fromisoformat(plan["start"])
    except (OSError, ValueError, KeyError, TypeError):
        plan, start = {}, None
    report = folder / FIGURES
    finished_at = datetime.fromtimestamp(report.stat().st_mtime, UTC).replace(tzinfo=None) if report.exists() else None
    return Experiment(folder.name, folder, finished_at is not None, finished_at, start, plan)


def _stamp(folder: Path) -> Stamp:
    return tuple(
        path.stat().st_mtime_ns if (path := folder / name).exists() else 0 for name in (FIGURES, DAYS, SCOREBOARD)
    )
