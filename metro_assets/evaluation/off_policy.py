"""What another policy would have earned, estimated from a log whose propensities are known. Pure functions of arrays.

The estimand is a policy's *redemptions per shown offer*: over the customers and days of the log, the offers that the
policy would have shown, each redeemed as often as when the log shows it, at the places and in the company in which the
log shows it. An offer's weight is its marginal probability of standing in the slate, under the policy over under the
log: the item-position model of Li et al. (2018) without the positions. That is unbiased as long as an offer's
redemption does not depend on what else is in the slate, and says nothing of what a better place would add.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import Evaluation
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.metrics import Floats, Integers
from metro_assets.vocabulary import Estimator

SCHEMA = pl.Schema(
    {
        "estimator": pl.String(),
        "value": pl.Float64(),
        "lower": pl.Float64(),
        "upper": pl.Float64(),
        "effective_sample_size": pl.Float64(),
        "is_reported": pl.Boolean(),
        "reason": pl.String(),
    }
)
MODELLED = (Estimator.DIRECT_METHOD, Estimator.DOUBLY_ROBUST)
"""Estimators that need a model of the reward."""


@dataclass(frozen=True)
class LoggedSlates:
    """Slates of a log and, of every offer shown, what the log and the target policy do with it.

    A bandit that shows one offer a round is the case of slates of one.
    """

    customer_id: Integers
    """[slates]"""
    target_size: Floats
    """[slates], offers that the target shows: the sum of its probabilities over all offers."""
    slate: Integers
    """[rows], place of the row's slate in `customer_id`."""
    propensity: Floats
    """[rows], probability that the log puts the offer into the slate."""
    target_probability: Floats
    """[rows], probability that the target does."""
    reward: Floats
    """[rows]"""
    prediction: Floats | None = None
    """[rows], the reward that a model expects of the offer."""
    target_prediction: Floats | None = None
    """[slates], the reward that the model expects of the target's slate: sum of probability x prediction."""


def importance_weights(log: LoggedSlates, propensity_floor: float) -> Floats:
    """Probability under the target over probability under the log, [rows]; smaller propensities count as the floor.

    A floor bounds the weights by its inverse, and biases what lies below it towards zero.
    """
    weights: Floats = log.target_probability / np.maximum(log.propensity, propensity_floor)
    return weights


def effective_sample_size(weights: Floats) -> float:
    """Rows of equal weight that would be as noisy: (sum of weights)^2 / sum of squared weights (Kish 1965).

    >>> effective_sample_size(np.array([1.0, 1.0, 2.0, 0.0]))
    2.6666666666666665
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def estimates(log: LoggedSlates, settings: Evaluation, seed: int) -> pl.DataFrame:
    """One row per estimator: its value with a bootstrap interval over customers, or the reason why there is none.

    With w = `importance_weights`, r rewards, q predictions, K offers that the target shows and Q their predictions:

        ips            sum w r / sum K                       Horvitz and Thompson 1952
        snips          sum w r / sum w                       Swaminathan and Joachims 2015
        replay         sum p r / sum p, p the target's       Li et al. 2011; for a log of equal propensities
        direct_method  sum Q / sum K
        doubly_robust  (sum Q + sum w (r - q)) / sum K       Dudík, Langford and Li 2011

    None is reported below `minimum_effective_sample`, the direct method neither: a model is not tried by rows that the
    log does not have.
    """
    weights = importance_weights(log, settings.propensity_floor)
    effective = effective_sample_size(weights)
    reason = _why_not(log, weights, effective, settings)
    ratios = _ratios(log, weights)
    unmodelled = {name: "no model of the reward" for name in MODELLED if name not in ratios}
    if reason:
        return _frame(dict.fromkeys(Estimator, (None, reason)), effective)
    names = list(ratios)
    parts = np.column_stack([column for name in names for column in ratios[name]])
    resampled = resampled_means(parts, log.customer_id, settings.bootstrap_samples, seed)
    means = parts.mean(axis=0)
    results: dict[Estimator, tuple[tuple[float, float, float] | None, str]] = {}
    for place, name in enumerate(names):
        above, below = 2 * place, 2 * place + 1
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = interval(resampled[:, above] / resampled[:, below])
        results[name] = ((float(means[above] / means[below]), *spread), "")
    return _frame({**results, **{name: (None, why) for name, why in unmodelled.items()}}, effective)


def _why_not(log: LoggedSlates, weights: Floats, effective: float, settings: Evaluation) -> str:
    if not len(log.customer_id):
        return "the log has no slate of a day on which the policy chose"
    if not weights.any():
        return "the log showed nothing that the policy would show"
    if effective < settings.minimum_effective_sample:
        return (
            f"the effective sample of {effective:.1f} rows is below the {settings.minimum_effective_sample:g} that an "
            "estimate needs"
        )
    return ""


def _ratios(log: LoggedSlates, weights: Floats) -> dict[Estimator, tuple[Floats, Floats]]:
    """Every estimator as a ratio of two sums over slates, [slates] each."""

    def per_slate(rows: npt.NDArray[np.floating]) -> Floats:
        return np.bincount(log.slate, rows, minlength=len(log.customer_id)).astype(np.float64)

    weighted = per_slate(weights * log.reward)
    ratios = {
        Estimator.IPS: (weighted, log.target_size),
        Estimator.SNIPS: (weighted, per_slate(weights)),
        Estimator.REPLAY: (per_slate(log.target_probability * log.reward), per_slate(log.target_probability)),
    }
    if log.prediction is None or log.target_prediction is None:
        return ratios
    correction = per_slate(weights * (log.reward - log.prediction))
    return {
        **ratios,
        Estimator.DIRECT_METHOD: (log.target_prediction, log.target_size),
        Estimator.DOUBLY_ROBUST: (log.target_prediction + correction, log.target_size),
    }


def _frame(results: dict[Estimator, tuple[tuple[float, float, float] | None, str]], effective: float) -> pl.DataFrame:
    rows = []
    for name in Estimator:
        found, reason = results[name]
        value, lower, upper = found or (None, None, None)
        rows.append((str(name), value, lower, upper, effective, found is not None, reason or None))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
