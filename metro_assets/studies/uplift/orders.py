"""The orders of a trial's pairs: their Qini and AUUC with intervals, and how near they come to the true effect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import spearmanr

from metro_assets.evaluation.bootstrap import interval
from metro_assets.evaluation.oracle import Oracle
from metro_assets.ranking.uplift.fitting import clustered_slope
from metro_assets.ranking.uplift.learners import TrialRows, pseudo_effect
from metro_assets.ranking.uplift.trial import BOUGHT, REDEEMED, TrialWindow
from metro_assets.uplift_metrics import Order, Trial, auuc, excess_gain, qini, resamples, uplift_by_bin

Floats = npt.NDArray[np.float64]
TRUE, PLACES = "true effect", 10
"""The world's own order, and places of a random slate."""


def true_effects(window: TrialWindow, oracle: Oracle) -> dict[str, Floats]:
    """What showing changes of every pair by the world's own account, by outcome.

    A pair that was shown is asked about at its place, one that was held out at the places of a slate in turn.
    """
    frame = window.frame
    effects = {outcome: np.zeros(frame.height) for outcome in (BOUGHT, REDEEMED)}
    turn = np.arange(frame.height) % PLACES + 1
    place = np.where(frame["is_treated"].to_numpy(), frame["position"].fill_null(1).to_numpy(), turn)
    days = frame["shown_date"].to_numpy()
    for day in frame["shown_date"].unique().sort().to_list():
        rows = np.flatnonzero(days == np.datetime64(day))
        for outcome, change in changes_of_pairs(oracle, day, frame[rows], place[rows]).items():
            effects[outcome][rows] = change
    return effects


def changes_of_pairs(oracle: Oracle, day: date, pairs: pl.DataFrame, place: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """True change of the probability of a purchase and of a redemption by showing each pair at its place on the day."""
    ids = pairs["customer_id"].to_numpy(), pairs["offer_id"].to_numpy()
    bought, redeemed = oracle.purchase_probability, oracle.redemption_probability
    return {
        BOUGHT: bought(day, *ids, place, is_shown=True) - bought(day, *ids, is_shown=False),
        REDEEMED: redeemed(day, *ids, place, is_shown=True) - redeemed(day, *ids, is_shown=False),
    }


def arms(window: TrialWindow, samples: int, seed: int) -> pl.DataFrame:
    """Rows and rates of both arms, and their difference with its 95 % interval over customers, per outcome."""
    frame, rows = window.frame, []
    for outcome in (BOUGHT, REDEEMED, "margin_ron"):
        shown = frame["is_treated"].to_numpy()
        values = frame[outcome].cast(pl.Float64).to_numpy()
        known = ~np.isnan(values)
        differences = [
            _difference(values[known], shown[known], weight[known])
            for weight in resamples(frame["customer_id"].to_numpy(), samples, seed)
        ]
        lower, upper = interval(np.array(differences))
        rows.append(
            {
                "outcome": outcome,
                "shown_rows": int(shown.sum()),
                "held_out_rows": int((~shown).sum()),
                "shown": float(values[known & shown].mean()),
                "held_out": float(values[known & ~shown].mean()),
                "difference": _difference(values[known], shown[known], np.ones(int(known.sum()))),
                "lower": lower,
                "upper": upper,
            }
        )
    return pl.DataFrame(rows)


def judge_orders(
    rows: TrialRows, scores: Mapping[str, Floats], truth: Floats | None, samples: int, seed: int
) -> pl.DataFrame:
    """One row per order: Qini, AUUC and pairs gained per 1,000 with 95 % intervals; what the truth says of it.

    `rank_correlation` is Spearman's with the true effect, `best_tenth` the mean true effect of the order's best tenth.
    """
    trial = Trial(rows.outcome, rows.is_treated)
    everything = dict(scores) if truth is None else {**scores, TRUE: truth}
    orders = {name: Order.of(values) for name, values in everything.items()}
    metrics = {"qini": qini, "auuc": auuc, "gain_per_1000": _gain_per_1000}
    drawn: dict[tuple[str, str], list[float]] = {(name, metric): [] for name in orders for metric in metrics}
    for weight in resamples(rows.customer_id, samples, seed):
        for name, order in orders.items():
            for metric, measure in metrics.items():
                drawn[name, metric].append(measure(trial, order, weight))
    table = []
    for name, order in orders.items():
        row: dict[str, float | str | None] = {"order": name}
        for metric, measure in metrics.items():
            row[metric] = measure(trial, order)
            row[f"{metric}_lower"], row[f"{metric}_upper"] = interval(np.array(drawn[name, metric]))
        best = order.row[: len(order.row) // 10]
        row["rank_correlation"] = None if truth is None else _rank_correlation(everything[name], truth)
        row["best_tenth"] = None if truth is None else float(truth[best].mean())
        table.append(row)
    return pl.DataFrame(table)


def by_tenth(rows: TrialRows, predicted: Floats, truth: Floats | None) -> pl.DataFrame:
    """Predicted, observed (with its standard error) and true effect per tenth of the prediction, the best first."""
    table = uplift_by_bin(Trial(rows.outcome, rows.is_treated), predicted)
    frame = pl.DataFrame(table, schema=["predicted", "observed", "standard_error", "rows"], orient="row")
    if truth is None:
        return frame
    order = np.argsort(-predicted, kind="stable")
    return frame.with_columns(true=pl.Series([truth[part].mean() for part in np.array_split(order, 10)]))


def calibration(
    rows: TrialRows, predicted: Floats, responses: tuple[Floats, Floats], truth: Floats | None
) -> dict[str, float]:
    """Slope of the effect on the prediction, 1 if differences are as predicted; by the trial, and by the truth.

    Parameters
    ----------
    responses : probabilities of the outcome with the offer and without, which make the trial's slope less noisy.
    """
    slope, error = clustered_slope(predicted, pseudo_effect(rows, *responses), rows.customer_id)
    found = {"predicted": float(predicted.mean()), "slope": slope, "standard_error": error}
    if truth is not None:
        found |= {"true": float(truth.mean()), "true_slope": clustered_slope(predicted, truth, rows.customer_id)[0]}
    return found


def placebo(labelled: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The trial with the arms dealt out anew among the moments of each day: nothing found in it is an effect."""
    moments = labelled.select("shown_date", "customer_id", "is_treated").unique().sort("shown_date", "customer_id")
    dealt = moments.with_columns(is_treated=pl.col("is_treated").shuffle(seed).over("shown_date"))
    return labelled.drop("is_treated").join(dealt, on=["shown_date", "customer_id"], how="inner")


def _rank_correlation(scores: Floats, truth: Floats) -> float:
    """Spearman's; 0 where one of the two tells nothing apart."""
    return float(spearmanr(scores, truth).statistic) if np.ptp(scores) and np.ptp(truth) else 0.0


def _gain_per_1000(trial: Trial, order: Order, weight: Floats | None = None) -> float:
    return 1000.0 * excess_gain(trial, order, weight)


def _difference(values: Floats, shown: npt.NDArray[np.bool_], weight: Floats) -> float:
    return float(np.average(values[shown], weights=weight[shown]) - np.average(values[~shown], weights=weight[~shown]))
