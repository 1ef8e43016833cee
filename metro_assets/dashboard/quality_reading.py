"""How good the algorithms are on the test window: by segment, and how far their probabilities can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.history import Stamps, stamps
from metro_assets.dashboard.kept import once
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.metrics import expected_calibration_error, list_metrics, reliability
from metro_assets.storage.errors import explained

KEPT = 16
SEGMENT_SCHEMA = {
    "segment": pl.String,
    "algorithm": pl.String,
    "ndcg_at_10": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "customer_count": pl.Int64,
    "list_count": pl.Int64,
}
RELIABILITY_SCHEMA = {
    "algorithm": pl.String,
    "bin": pl.Int64,
    "predicted": pl.Float64,
    "observed": pl.Float64,
    "row_count": pl.Int64,
}


@dataclass(frozen=True)
class TestWindow:
    """What the test window of a run date's fits says beyond `evaluation_metrics`."""

    segments: pl.DataFrame
    """One row per segment and algorithm: NDCG over lists with a redemption, 95 % interval over customers."""
    reliability: pl.DataFrame
    """One row per algorithm and bin of equal size: mean prediction, observed rate, rows; lowest predictions first."""
    calibration_error: dict[str, float]
    """Expected calibration error of the rows of `reliability`, by algorithm."""
    is_top_only: bool
    """The bins hold offers that were shown at the top; else no place is known and they hold all."""


def test_window(desk: Desk, run_date: date) -> TestWindow | None:
    """The test window of a run date; None where no ranker was fitted on it."""
    found = stamps(desk, "holdout_scores", [run_date])
    return _test_window(desk, found) if found else None


@once(KEPT)
def _test_window(desk: Desk, found: Stamps) -> TestWindow:
    with desk.reading() as connection, explained():
        rows: pl.DataFrame = desk.table(connection, "holdout_scores", [day for day, _ in found]).pl()
        customers: pl.DataFrame = desk.table(connection, "customers").select("customer_id", "segment").pl()
    rows = rows.join(customers, on="customer_id", how="left").sort("algorithm", "slate_id", "offer_id")
    top = rows.filter(pl.col("position") == 1)
    is_top_only = not top.is_empty()
    judged = top if is_top_only else rows
    bins: list[dict[str, object]] = []
    errors = {}
    for (algorithm,), part in judged.group_by("algorithm", maintain_order=True):
        errors[str(algorithm)] = expected_calibration_error(part["label"], part["score"])
        for place, (predicted, observed, count) in enumerate(reliability(part["label"], part["score"])):
            bins.append(
                {
                    "algorithm": algorithm,
                    "bin": place + 1,
                    "predicted": predicted,
                    "observed": observed,
                    "row_count": int(count),
                }
            )
    evaluation = desk.settings.evaluation
    return TestWindow(
        ndcg_by_segment(rows, evaluation.cutoff, evaluation.bootstrap_samples, desk.settings.seed),
        pl.DataFrame(bins, schema=RELIABILITY_SCHEMA),
        errors,
        is_top_only,
    )


def ndcg_by_segment(rows: pl.DataFrame, cutoff: int, samples: int, seed: int) -> pl.DataFrame:
    """NDCG of lists with a redemption by segment and algorithm, all algorithms of a segment resampled together.

    Parameters
    ----------
    rows : segment, algorithm, slate_id, customer_id, offer_id, label and score of every offer of the lists.
    """
    found: list[dict[str, object]] = []
    for (segment,), part in rows.with_columns(pl.col("segment").fill_null("UNKNOWN")).group_by("segment"):
        columns, names = [], []
        slates = part.select("slate_id", "customer_id").unique("slate_id").sort("slate_id")
        for (algorithm,), scored in part.group_by("algorithm", maintain_order=True):
            metrics = list_metrics(scored["slate_id"], scored["label"], scored["score"], scored["offer_id"], cutoff)
            column = np.full(len(slates), np.nan)
            column[np.searchsorted(slates["slate_id"].to_numpy(), metrics.list_id)] = metrics.ndcg
            columns.append(column)
            names.append(str(algorithm))
        table = np.stack(columns, axis=1)
        table = table[has := ~np.isnan(table).all(axis=1)]
        customers = slates["customer_id"].to_numpy()[has]
        if not len(table):
            continue
        means = resampled_means(table, customers, samples, seed)
        for place, name in enumerate(names):
            known = ~np.isnan(table[:, place])
            lower, upper = interval(means[:, place])
            found.append(
                {
                    "segment": segment,
                    "algorithm": name,
                    "ndcg_at_10": float(table[known, place].mean()) if known.any() else None,
                    "lower": lower,
                    "upper": upper,
                    "customer_count": len(np.unique(customers[known])),
                    "list_count": int(known.sum()),
                }
            )
    return pl.DataFrame(found, schema=SEGMENT_SCHEMA).sort("segment", "algorithm")
