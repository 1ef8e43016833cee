"""How well an order tells whom an offer moves: Qini, AUUC, uplift of a share, predicted against observed uplift.

Pure functions of NumPy arrays that stages share. Rows are pairs of a randomised trial: `outcome` is what happened (0 or
1, or an amount), `is_treated` whether the offer was shown, `score` the predicted effect. Nobody is seen both shown and
not, so every figure compares the shown and the held out among the rows with the best scores. Rows of one score enter
together: no figure depends on the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Curve(NamedTuple):
    """Gain in outcomes when the first `rows` rows of the order are shown; starts at (0, 0)."""

    rows: Floats
    gain: Floats

    @property
    def area(self) -> float:
        """Area under the curve, in rows x outcomes."""
        return float(np.trapezoid(self.gain, self.rows))

    @property
    def area_of_chance(self) -> float:
        """Area under the straight line to the same end: the order of a coin."""
        return float(self.rows[-1] * self.gain[-1] / 2.0)

    @property
    def excess(self) -> float:
        """Outcomes gained per row beyond chance, averaged over all shares of the rows that might be shown."""
        total = self.rows[-1]
        return (self.area - self.area_of_chance) / total**2 if total else float("nan")


class Trial(NamedTuple):
    """Outcomes of a randomised trial, arrays [n]."""

    outcome: Floats
    is_treated: Flags

    @classmethod
    def of(cls, outcome: npt.ArrayLike, is_treated: npt.ArrayLike) -> Trial:
        """The trial of anything that looks like arrays."""
        return cls(np.asarray(outcome, dtype=np.float64), np.asarray(is_treated, dtype=bool))


class Order(NamedTuple):
    """Rows by falling score, and where each run of equal scores ends; sorted once for many resamples."""

    row: Integers
    end: Integers

    @classmethod
    def of(cls, score: npt.ArrayLike) -> Order:
        """The order of scores [n]."""
        scores = np.asarray(score, dtype=np.float64)
        row = np.argsort(-scores, kind="stable")
        ordered = scores[row]
        return cls(row, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(row) else row)


def uplift_curve(trial: Trial, order: Order, weight: Floats | None = None) -> Curve:
    """Difference of the mean outcomes among the first rows, times their number (Jaskowski and Jaroszewicz 2012)."""
    rows, treated, controls, with_offer, without = _cumulated(trial, order, weight)
    difference = _ratio(with_offer, treated) - _ratio(without, controls)
    return Curve(rows, difference * rows)


def qini_curve(trial: Trial, order: Order, weight: Floats | None = None) -> Curve:
    """Outcomes of the treated beyond those of as many controls among the first rows (Radcliffe 2007)."""
    rows, treated, controls, with_offer, without = _cumulated(trial, order, weight)
    return Curve(rows, with_offer - without * _ratio(treated, controls))


def auuc(trial: Trial, order: Order, weight: Floats | None = None) -> float:
    """Area between the uplift curve and chance over that of a perfect order; outcomes are 0 or 1.

    The perfect order has the treated who responded and the controls who did not before everybody else. 0 is chance,
    1 never reached, for nobody responds only when treated. NaN without a treated or a control row.

    >>> trial = Trial.of([1, 0, 0, 1], [True, False, True, False])
    >>> auuc(trial, Order.of([0.9, 0.8, 0.2, 0.1]))
    1.0
    """
    return _over_perfect(
        uplift_curve(trial, order, weight), uplift_curve(trial, Order.of(_perfect_uplift(trial)), weight)
    )


def qini(trial: Trial, order: Order, weight: Floats | None = None) -> float:
    """Area between the Qini curve and chance over that of a perfect order; outcomes are 0 or 1.

    The perfect order has the treated who responded first and the controls who responded last. 0 is chance.

    >>> trial = Trial.of([1, 0, 0, 1], [True, False, True, False])
    >>> qini(trial, Order.of([0.9, 0.8, 0.2, 0.1]))
    1.0
    """
    responders = trial.outcome * np.where(trial.is_treated, 1.0, -1.0)
    return _over_perfect(qini_curve(trial, order, weight), qini_curve(trial, Order.of(responders), weight))


def excess_gain(trial: Trial, order: Order, weight: Floats | None = None) -> float:
    """Outcomes gained per row beyond chance: the Qini area in the outcome's own unit, also for amounts in RON."""
    return qini_curve(trial, order, weight).excess


def uplift_at(trial: Trial, score: npt.ArrayLike, share: float) -> float:
    """Difference of the mean outcomes of treated and controls among the share of the rows with the best scores.

    Of a run of equal scores that the share cuts through, every row counts in part.

    >>> uplift_at(Trial.of([1, 0, 0, 1], [True, False, True, False]), [0.9, 0.8, 0.2, 0.1], 0.5)
    1.0
    """
    rows, *sums = _cumulated(trial, Order.of(score), None)
    wanted = int(rows[-1] * share)
    treated, controls, with_offer, without = (float(np.interp(wanted, rows, values)) for values in sums)
    return with_offer / treated - without / controls if treated and controls else float("nan")


def uplift_by_bin(trial: Trial, predicted: npt.ArrayLike, bins: int = 10) -> Floats:
    """Mean prediction, observed uplift, its standard error and rows per bin of equal size, [bins, 4], best first."""
    scores = np.asarray(predicted, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    table = [[scores[part].mean(), *_difference(trial, part), len(part)] for part in parts]
    return np.array(table, dtype=np.float64).reshape(-1, 4)


def resamples(customer_id: npt.ArrayLike, samples: int, seed: int) -> Iterator[Floats]:
    """Weight of every row in each of so many resamples, [n].

    Customers are drawn with replacement, with all of their rows (Efron and Tibshirani 1993); one seed, one sequence, so
    that orders are compared on the same resamples.
    """
    customers, group = np.unique(np.asarray(customer_id), return_inverse=True)
    generator = np.random.default_rng(seed)
    for _ in range(samples):
        times = np.bincount(generator.integers(0, len(customers), len(customers)), minlength=len(customers))
        yield times[group].astype(np.float64)


def _cumulated(trial: Trial, order: Order, weight: Floats | None) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Rows, treated, controls, outcomes of the treated and of the controls up to the end of every run of scores."""
    counted = np.ones(len(order.row)) if weight is None else weight[order.row]
    treated = counted * trial.is_treated[order.row]
    outcome = trial.outcome[order.row]
    sums = (counted, treated, counted - treated, treated * outcome, (counted - treated) * outcome)
    rows, shown, held, with_offer, without = (np.concatenate([[0.0], np.cumsum(values)[order.end]]) for values in sums)
    return rows, shown, held, with_offer, without


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _perfect_uplift(trial: Trial) -> Floats:
    """Scores of a perfect order: who is as wished first; of the rest, those first that cost the curve least."""
    responded = trial.outcome > 0
    responding_controls, unmoved_treated = (responded & ~trial.is_treated).sum(), (~responded & trial.is_treated).sum()
    second = responded if responding_controls > unmoved_treated else trial.is_treated
    score: Floats = 2.0 * (responded == trial.is_treated) + second
    return score


def _over_perfect(curve: Curve, perfect: Curve) -> float:
    if not curve.rows[-1] > 0:
        return float("nan")
    room = perfect.area - curve.area_of_chance
    return (curve.area - curve.area_of_chance) / room if room > 0 else float("nan")


def _difference(trial: Trial, rows: Integers) -> tuple[float, float]:
    """Difference of the mean outcomes of treated and controls among the rows, and its standard error."""
    treated = trial.outcome[rows][trial.is_treated[rows]]
    controls = trial.outcome[rows][~trial.is_treated[rows]]
    if not len(treated) or not len(controls):
        return float("nan"), float("nan")
    variance = treated.var() / len(treated) + controls.var() / len(controls)
    return float(treated.mean() - controls.mean()), float(np.sqrt(variance))
