"""Metrics of several orders of the same lists, with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import Evaluation
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.metrics import Floats, ListMetrics, auc, list_metrics
from metro_assets.vocabulary import Baseline, Protocol

REFERENCE = str(Baseline.REPEAT_PURCHASE)
"""The baseline that matters: differences are taken against it."""
RECALL = "pool_recall:"
"""Begins the metrics that say which share of the redemptions the pool or a strategy had found."""
SCHEMA = {
    "protocol": pl.String,
    "subject": pl.String,
    "algorithm": pl.String,
    "population": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "customer_count": pl.Int32,
    "list_count": pl.Int32,
    "from_date": pl.Date,
    "to_date": pl.Date,
}


@dataclass(frozen=True)
class Lists:
    """Rows of ranked lists, arrays [n]; the scores of every algorithm and baseline by name."""

    list_id: npt.NDArray[Any]
    customer_id: npt.NDArray[Any]
    offer_id: npt.NDArray[Any]
    label: npt.NDArray[Any]
    scores: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Occasion:
    """What is judged: protocol, subject and the days of the outcomes."""

    protocol: Protocol
    subject: str
    from_date: date
    to_date: date


def judge(
    lists: Lists,
    occasion: Occasion,
    settings: Evaluation,
    seed: int,
    all_lists: int | None = None,
) -> pl.DataFrame:
    """One row per algorithm, population and metric, as `evaluation_metrics` has it.

    REDEEMERS are lists with at least one redemption; ALL counts the others as zero. Differences of NDCG to the repeat
    purchase baseline come from the same resamples. `all_lists` is the number of lists where only those with a
    redemption are given.
    """
    if not len(lists.list_id) and not all_lists:
        return pl.DataFrame(schema=SCHEMA)
    k = settings.cutoff
    measured = {
        name: list_metrics(lists.list_id, lists.label, score, lists.offer_id, k) for name, score in lists.scores.items()
    }
    any_metrics = next(iter(measured.values()))
    first = np.unique(np.asarray(lists.list_id), return_index=True)[1]
    customer = np.asarray(lists.customer_id)[first]
    has = any_metrics.relevant > 0
    total = all_lists or len(has)
    columns = {
        (name, metric): values for name, metrics in measured.items() for metric, values in _values(metrics, k).items()
    }
    if REFERENCE in measured:
        for name, metrics in measured.items():
            if name != REFERENCE:
                columns[name, f"ndcg_at_{k}_minus:{REFERENCE}"] = metrics.ndcg - measured[REFERENCE].ndcg
    names = list(columns)
    values = np.column_stack([columns[name] for name in names])[has]
    redeemers = len(np.unique(customer[has]))
    rows = []
    if has.any():
        resampled = resampled_means(values, customer[has], settings.bootstrap_samples, seed)
        for place, (algorithm, metric) in enumerate(names):
            low, high = interval(resampled[:, place])
            rows.append(
                _row(
                    occasion,
                    algorithm,
                    "REDEEMERS",
                    metric,
                    _mean(values[:, place]),
                    low,
                    high,
                    redeemers,
                    int(has.sum()),
                )
            )
    for algorithm, metrics in measured.items():
        everyone = int(len(np.unique(customer)) if all_lists is None else all_lists)
        for metric, sums in ((f"ndcg_at_{k}", np.nansum(metrics.ndcg)), (f"precision_at_{k}", metrics.precision.sum())):
            rows.append(_row(occasion, algorithm, "ALL", metric, float(sums / total), None, None, everyone, total))
        if all_lists is None:
            score = lists.scores[algorithm]
            rows.append(_row(occasion, algorithm, "ALL", "auc", auc(lists.label, score), None, None, everyone, total))
    return pl.DataFrame(rows, schema=SCHEMA)


def _values(metrics: ListMetrics, cutoff: int) -> dict[str, Floats]:
    return {
        f"ndcg_at_{cutoff}": metrics.ndcg,
        f"precision_at_{cutoff}": metrics.precision,
        f"recall_at_{cutoff}": metrics.recall,
        "mrr": metrics.reciprocal_rank,
        "auc_within_lists": metrics.auc,
    }


def _row(
    occasion: Occasion,
    algorithm: str,
    population: str,
    metric: str,
    value: float,
    lower: float | None,
    upper: float | None,
    customers: int,
    lists: int,
) -> dict[str, Any]:
    return {
        "protocol": str(occasion.protocol),
        "subject": occasion.subject,
        "algorithm": algorithm,
        "population": population,
        "metric": metric,
        "value": value,
        "lower": lower,
        "upper": upper,
        "customer_count": customers,
        "list_count": lists,
        "from_date": occasion.from_date,
        "to_date": occasion.to_date,
    }


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
