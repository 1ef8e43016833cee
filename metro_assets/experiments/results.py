"""The figures of an experiment as rows: one per policy and metric, and one per policy and day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from metro_assets.experiments.comparison import PER_CUSTOMERS, Estimate, estimates, per_customer
from metro_assets.experiments.outcomes import (
    Level,
    concentration,
    differences,
    exploration_ndcg,
    level,
    registered_customers,
)
from metro_assets.experiments.plan import CONTROL, ORACLE, Plan
from metro_assets.experiments.play import seconds_of_days
from metro_assets.metrics import Floats

SCHEMA = {
    "policy": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "seeds": pl.Int32,
}
PAIRED = {
    "incremental_margin_ron": "margin_ron",
    "incremental_revenue_ron": "revenue_ron",
    "incremental_redemptions": "redemptions",
    "added_margin_ron": "added_margin_ron",
    "anyway_cost_ron": "anyway_cost_ron",
}
"""Metrics per 1,000 customers over the period, policy minus control, and the columns that they sum."""
MARGIN_OVER = "margin_ron_minus:"
"""Begins the metrics that compare two policies: the margin of the one less that of the other."""
REGRET, NDCG = "regret_ron", "ndcg_at_10"


@dataclass(frozen=True)
class Results:
    """What an experiment showed."""

    rows: pl.DataFrame
    """One row per policy and metric, `SCHEMA`."""
    days: pl.DataFrame
    """One row per policy and day: incremental margin, revenue and redemptions per 1,000 customers, mean over seeds."""
    level: Level
    """The control, means over seeds."""

    def value(self, policy: str, metric: str) -> Estimate:
        """One figure with its interval; NaN where there is none."""
        found = self.rows.filter((pl.col("policy") == policy) & (pl.col("metric") == metric))
        if found.is_empty():
            return Estimate(float("nan"), float("nan"), float("nan"))
        figures = (found[name][0] for name in ("value", "lower", "upper"))
        return Estimate(*(float("nan") if figure is None else float(figure) for figure in figures))


def results(plan: Plan) -> Results:
    """Compare all policies of a finished experiment."""
    judged = [policy for policy in plan.policies if policy != CONTROL]
    found = {seed: {policy: differences(plan, seed, policy) for policy in judged} for seed in plan.seeds}
    customers = {seed: registered_customers(plan, seed) for seed in plan.seeds}
    samples, seed_of_samples = plan.settings.experiments.bootstrap_samples, plan.settings.seed
    rows: list[dict[str, object]] = []

    def add(metric: str, policies: Sequence[str], figures: Sequence[Estimate]) -> None:
        for policy, figure in zip(policies, figures, strict=True):
            rows.append(_row(policy, metric, figure, len(plan.seeds)))

    for metric, column in PAIRED.items():
        tables = [PER_CUSTOMERS * per_customer(found[seed], customers[seed], column, judged) for seed in plan.seeds]
        add(metric, judged, estimates(tables, samples, seed_of_samples))
        if metric == "incremental_margin_ron":
            best = judged.index(ORACLE)
            add(REGRET, judged, estimates([table[:, [best]] - table for table in tables], samples, seed_of_samples))
            for place, other in enumerate(judged):
                gains = estimates([table - table[:, [place]] for table in tables], samples, seed_of_samples)
                add(f"{MARGIN_OVER}{other}", judged, gains)
    add(NDCG, judged, estimates([_ndcg(plan, seed, judged) for seed in plan.seeds], samples, seed_of_samples))
    for policy in plan.policies:
        for metric, value in _unpaired(plan, policy):
            rows.append(_row(policy, metric, Estimate(value, float("nan"), float("nan")), len(plan.seeds)))
    levels = [level(plan, seed) for seed in plan.seeds]
    return Results(
        pl.DataFrame(rows, schema=SCHEMA).with_columns(pl.col("value", "lower", "upper").fill_nan(None)),
        _by_day(plan, found, {seed: len(ids) for seed, ids in customers.items()}),
        Level(*(np.mean([one[place] for one in levels]).item() for place in range(len(Level._fields)))),
    )


def _row(policy: str, metric: str, figure: Estimate, seeds: int) -> dict[str, object]:
    return {
        "policy": policy,
        "metric": metric,
        "value": figure.value,
        "lower": figure.lower,
        "upper": figure.upper,
        "seeds": seeds,
    }


def _ndcg(plan: Plan, seed: int, policies: Sequence[str]) -> Floats:
    """NDCG of every random slate with a redemption in some path, [slates, policies]; NaN where it has none."""
    evaluation = plan.settings.evaluation
    of_policy = [
        exploration_ndcg(plan, seed, policy, evaluation.horizon_days, evaluation.cutoff) for policy in policies
    ]
    slates = np.unique(np.concatenate([rows["slate_id"].to_numpy() for rows in of_policy]))
    table = np.full((max(len(slates), 1), len(policies)), np.nan)
    for place, rows in enumerate(of_policy):
        table[np.searchsorted(slates, rows["slate_id"].to_numpy()), place] = rows["ndcg"].to_numpy()
    return table


def _unpaired(plan: Plan, policy: str) -> Iterator[tuple[str, float]]:
    spread = [concentration(plan, seed, policy) for seed in plan.seeds]
    for name in spread[0]._fields:
        yield name, float(np.mean([getattr(one, name) for one in spread]))
    yield "seconds_per_day", float(np.mean([seconds_of_days(plan, seed, policy) for seed in plan.seeds]))


def _by_day(plan: Plan, found: dict[int, dict[str, pl.DataFrame]], customers: dict[int, int]) -> pl.DataFrame:
    columns = {metric: column for metric, column in PAIRED.items() if metric.startswith("incremental")}
    parts = [
        rows.select(
            "run_date",
            pl.lit(policy).alias("policy"),
            *(
                (pl.col(column) * PER_CUSTOMERS / customers[seed] / len(plan.seeds)).alias(metric)
                for metric, column in columns.items()
            ),
        )
        for seed, policies in found.items()
        for policy, rows in policies.items()
    ]
    every = pl.DataFrame({"policy": list(found[plan.seeds[0]])}).join(
        pl.DataFrame({"run_date": plan.dates}), how="cross"
    )
    summed = pl.concat(parts).group_by("policy", "run_date").agg(pl.col(*columns).sum())
    return (
        every.join(summed, on=["policy", "run_date"], how="left")
        .with_columns(pl.col(*columns).fill_null(0.0))
        .sort("policy", "run_date")
    )
