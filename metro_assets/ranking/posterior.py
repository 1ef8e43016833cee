"""Bayesian logistic regression, day by day: what is believed of every coefficient, and how firmly.

The belief is Gaussian, over coefficients that all offers share and one effect of its own for every offer, for two
offers alike in every feature still sell differently. An impression touches one offer, so that, given the shared
coefficients, the effects stay independent of each other whatever is learned: the whole covariance is that of the shared
coefficients, and per offer a slope on them and a variance. A day's impressions move the belief to the mode of belief
times likelihood, with the curvature there as its new precision (Laplace's approximation; taken day after day it is
assumed-density filtering, Opper 1998, and for a bandit Chapelle and Li 2011). Between two days a share of what was
learned is forgotten, back towards the prior.

What belongs here: arrays in, a belief out. What does not: which impressions have settled (`settled.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, logit

from metro_assets.config import Bandit
from metro_assets.ranking.logistic import HEAVY_TAILED
from metro_assets.vocabulary import CUSTOMER_FEATURES

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]
MISSING, UNSEEN = ":missing", "=unseen"
LOG_POSITION, INTERCEPT = "log_position", "intercept"
OF_CUSTOMER = {*CUSTOMER_FEATURES, "segment_code", LOG_POSITION, INTERCEPT}
"""What is the same for every candidate of a customer."""
ROWS_PER_BLOCK = 16_384
"""Rows that are scored at a time: their columns stay in the processor's cache."""
MAXIMUM_STEPS, LONGEST_STEP, TOLERANCE = 50, 3.0, 1e-9
"""Newton's steps to the mode: how many, how long in log odds, and the length at which it is taken for found."""


@dataclass(frozen=True)
class Rows:
    """Impressions to learn from, arrays [n]; features [n, features]."""

    features: Singles
    position: Singles
    """Place in the list, NaN where unknown."""
    label: Floats
    weight: Floats
    offer_id: Integers

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.label)


@dataclass(frozen=True)
class Belief:
    """A Gaussian over the coefficients `names`, and over the effects of the offers `offer_id` (ascending) given these.

    effect = offer_mean - offer_slope @ (coefficients - mean) + noise of offer_variance.
    """

    feature_names: tuple[str, ...]
    names: tuple[str, ...]
    shift: Floats
    """[coefficients]: a column is (transformed value - shift) / scale: centred, but for log position and intercept."""
    scale: Floats
    mean: Floats
    covariance: Floats
    offer_id: Integers
    offer_mean: Floats
    offer_slope: Floats
    """[offers, coefficients]"""
    offer_variance: Floats


def prior(rows: Rows, feature_names: Sequence[str], codes: Sequence[str], settings: Bandit) -> Belief:
    """What is believed before any label: the features of the rows say how they are standardised and which are missing.

    Parameters
    ----------
    codes : features that are codes of categories: one coefficient per code that the rows have, one for any other.
    """
    measured = [name for name in feature_names if name not in codes]
    values = _transformed(rows.features[:, [feature_names.index(name) for name in measured]], measured)
    is_missing = np.isnan(values)
    known = np.where(is_missing.all(axis=0), np.float32(0.0), values).astype(np.float64)
    shift, scale = np.nan_to_num(np.nanmean(known, axis=0)), np.nanstd(known, axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    marks = [measured[place] + MISSING for place in np.flatnonzero(is_missing.any(axis=0) & ~is_missing.all(axis=0))]
    levels = []
    for name in codes:
        seen = np.unique(rows.features[:, feature_names.index(name)])
        levels += [f"{name}={int(code)}" for code in seen[~np.isnan(seen)]] + [name + UNSEEN]
    names = (*measured, *marks, *levels, LOG_POSITION, INTERCEPT)
    count = len(names)
    mean, deviation = _first(count, settings)
    belief = Belief(
        feature_names=tuple(feature_names),
        names=names,
        shift=np.append(shift, np.zeros(count - len(measured))),
        scale=np.append(scale, np.ones(count - len(measured))),
        mean=mean,
        covariance=np.diag(deviation**2),
        offer_id=np.empty(0, dtype=np.int64),
        offer_mean=np.empty(0),
        offer_slope=np.empty((0, count)),
        offer_variance=np.empty(0),
    )
    is_flag = np.array([name.endswith(MISSING) or "=" in name for name in names])
    shares = _columns(belief, rows.features, rows.position).mean(axis=0, dtype=np.float64)
    return replace(belief, shift=np.where(is_flag, shares, belief.shift))


def forgotten(belief: Belief, settings: Bandit, days: int = 1) -> Belief:
    """The belief after days without news: precision and its pull decay towards the prior's, by `kept_share` a day."""
    kept = settings.kept_share**days
    first_mean, first_sd = _first(len(belief.names), settings)
    old = _precision(belief)
    precision = _Precision(
        kept * old.shared + (1 - kept) * np.diag(first_sd**-2),
        kept * old.between,
        kept * old.offers + (1 - kept) / settings.offer_sd**2,
    )
    pull, offer_pull = old.times(belief.mean, belief.offer_mean)
    mean, effect = precision.solve(kept * pull + (1 - kept) * first_mean / first_sd**2, kept * offer_pull)
    return _believed(belief, mean, effect, precision)


def updated(belief: Belief, rows: Rows, settings: Bandit) -> Belief:
    """The belief after more rows; an offer that they bring is new, with an effect as the prior has it.

    A negative weight of a label 0 with the same weight of a label 1 takes back what was believed of a row: the log
    likelihoods of the two differ by a linear term, so the curvature stays.
    """
    known = _with_offers(belief, np.unique(rows.offer_id), settings)
    if not len(rows):
        return known
    offer = np.searchsorted(known.offer_id, rows.offer_id)
    columns = _columns(known, rows.features, rows.position).astype(np.float64)
    before = _precision(known)
    mean, effect = known.mean, known.offer_mean
    for _ in range(MAXIMUM_STEPS):
        slope, offer_slope, curvature = _likelihood(columns, rows, offer, mean, effect)
        drawn, offer_drawn = before.times(mean - known.mean, effect - known.offer_mean)
        step, offer_step = before.plus(curvature).solve(slope - drawn, offer_slope - offer_drawn)
        largest = max(float(np.abs(step).max()), float(np.abs(offer_step).max(initial=0.0)))
        # Far from the mode a full step may overshoot: none changes log odds by more than they sensibly can.
        share = min(1.0, LONGEST_STEP / largest) if largest > 0 else 1.0
        mean, effect = mean + share * step, effect + share * offer_step
        if largest < TOLERANCE:
            break
    _, _, curvature = _likelihood(columns, rows, offer, mean, effect)
    return _believed(known, mean, effect, before.plus(curvature))


def restricted(belief: Belief, offer_id: Integers) -> Belief:
    """The belief with the effects of these offers only; what the others taught of the shared coefficients stays."""
    kept = np.isin(belief.offer_id, offer_id)
    return replace(
        belief,
        offer_id=belief.offer_id[kept],
        offer_mean=belief.offer_mean[kept],
        offer_slope=belief.offer_slope[kept],
        offer_variance=belief.offer_variance[kept],
    )


def log_odds(belief: Belief, features: Singles, offer: Integers, offer_sd: float) -> tuple[Singles, Singles]:
    """Mean of the log odds of redemption if shown at the top, and the doubt that tells offers apart, [n] each.

    The doubt is the standard deviation of the difference to an average offer shown to the same customer. What all
    offers of a customer share (the customer's features, the intercept) cancels: it moves none past another, and drawn
    for each offer anew it would.

    Parameters
    ----------
    offer : place of the row's offer in the belief, [n]; its length for an offer that the belief does not know.
    offer_sd : standard deviation of the effect of such an offer.
    """
    # The last stands for the offers of which nothing is known.
    effect = np.append(belief.offer_mean, 0.0).astype(np.float32)
    variance = np.append(belief.offer_variance, offer_sd**2).astype(np.float32)
    slope = np.vstack([belief.offer_slope, np.zeros(len(belief.names))])
    slope = (slope - slope[: max(len(belief.offer_id), 1)].mean(axis=0)).astype(np.float32)
    root = np.linalg.cholesky(belief.covariance).astype(np.float32)
    coefficients = belief.mean.astype(np.float32)
    mean, sd = np.empty(len(features), np.float32), np.empty(len(features), np.float32)
    is_shared = np.array([_feature_of(name) in OF_CUSTOMER for name in belief.names])
    columns = np.zeros((ROWS_PER_BLOCK, len(belief.names)), dtype=np.float32)
    for start in range(0, len(features), ROWS_PER_BLOCK):
        own = slice(start, min(start + ROWS_PER_BLOCK, len(features)))
        size, known = own.stop - own.start, offer[own]
        columns[:size] = _columns(belief, features[own], np.ones(size, np.float32))
        mean[own] = np.einsum("ij,j->i", columns[:size], coefficients) + effect[known]
        columns[:size, is_shared] = 0.0
        columns[:size] -= slope[known]
        # Of a whole block, filled up or not: the last bits of a matrix product depend on the number of rows.
        spread = (columns @ root)[:size]
        sd[own] = np.sqrt(np.einsum("ij,ij->i", spread, spread) + variance[known])
    return mean, sd


@dataclass(frozen=True)
class _Precision:
    """Inverse covariance of coefficients and effects: the effects' own part is diagonal."""

    shared: Floats
    """[coefficients, coefficients]"""
    between: Floats
    """[coefficients, offers]"""
    offers: Floats
    """[offers]"""

    def plus(self, other: _Precision) -> _Precision:
        """The sum of the two."""
        return _Precision(self.shared + other.shared, self.between + other.between, self.offers + other.offers)

    def times(self, coefficients: Floats, effects: Floats) -> tuple[Floats, Floats]:
        """Product with a vector of both."""
        return (
            self.shared @ coefficients + self.between @ effects,
            self.between.T @ coefficients + self.offers * effects,
        )

    def of_shared(self) -> Floats:
        """Precision of the coefficients alone: the effects are integrated out (Schur's complement)."""
        remaining: Floats = self.shared - (self.between / self.offers) @ self.between.T
        return remaining

    def solve(self, coefficients: Floats, effects: Floats) -> tuple[Floats, Floats]:
        """The vector whose product is given."""
        found = cho_solve(cho_factor(self.of_shared()), coefficients - self.between @ (effects / self.offers))
        return found, (effects - self.between.T @ found) / self.offers


def _precision(belief: Belief) -> _Precision:
    offers = 1 / belief.offer_variance
    between = belief.offer_slope.T * offers
    return _Precision(_inverse(belief.covariance) + between @ belief.offer_slope, between, offers)


def _believed(belief: Belief, mean: Floats, effect: Floats, precision: _Precision) -> Belief:
    return replace(
        belief,
        mean=mean,
        covariance=_inverse(precision.of_shared()),
        offer_mean=effect,
        offer_slope=(precision.between / precision.offers).T,
        offer_variance=1 / precision.offers,
    )


def _likelihood(
    columns: Floats, rows: Rows, offer: Integers, mean: Floats, effect: Floats
) -> tuple[Floats, Floats, _Precision]:
    """Slopes of the rows' log likelihood in coefficients and effects, and its negative curvature."""

    def per_offer(values: Floats) -> Floats:
        return np.bincount(offer, values, minlength=len(effect)).astype(np.float64)

    chance = expit(columns @ mean + effect[offer])
    error, weight = rows.weight * (rows.label - chance), rows.weight * chance * (1 - chance)
    weighted = columns * weight[:, None]
    between = np.array([per_offer(column) for column in weighted.T])
    return columns.T @ error, per_offer(error), _Precision(columns.T @ weighted, between, per_offer(weight))


def _columns(belief: Belief, features: Singles, position: Singles) -> Singles:
    """The columns of the regression, one per coefficient; a missing feature is at its mean and marked."""
    matrix = np.zeros((len(features), len(belief.names)), dtype=np.float32)
    place = {name: column for column, name in enumerate(belief.feature_names)}
    measured = [name for name in belief.names if name in place]
    values = _transformed(features[:, [place[name] for name in measured]], measured)
    count = len(measured)
    matrix[:, :count] = (values - belief.shift[:count].astype(np.float32)) / belief.scale[:count].astype(np.float32)
    for column, name in enumerate(belief.names[count:], start=count):
        if name.endswith(MISSING):
            matrix[:, column] = np.isnan(features[:, place[name.removesuffix(MISSING)]])
        elif name.endswith(UNSEEN):
            own = [other for other in range(count, column) if belief.names[other].startswith(name[: -len("unseen")])]
            matrix[:, column] = 1.0 - matrix[:, own].sum(axis=1)
        elif "=" in name:
            feature, code = name.split("=")
            matrix[:, column] = features[:, place[feature]] == np.float32(int(code))
    matrix[:, count:-2] -= belief.shift[count:-2].astype(np.float32)
    matrix[:, -2] = np.nan_to_num(np.log(position), nan=0.0)
    matrix[:, -1] = 1.0
    return np.nan_to_num(matrix, copy=False, nan=0.0)


def _feature_of(name: str) -> str:
    """The feature that a coefficient belongs to."""
    return name.removesuffix(MISSING).split("=")[0]


def _transformed(features: Singles, names: Sequence[str]) -> Singles:
    is_heavy = np.isin(names, HEAVY_TAILED)
    return np.where(is_heavy, np.log1p(np.maximum(features, 0.0)), features).astype(np.float32)


def _first(coefficients: int, settings: Bandit) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the coefficients before any label; the intercept is the last."""
    mean, deviation = np.zeros(coefficients), np.full(coefficients, settings.coefficient_sd)
    mean[-1], deviation[-1] = logit(settings.prior_rate), settings.intercept_sd
    return mean, deviation


def _with_offers(belief: Belief, offer_id: Integers, settings: Bandit) -> Belief:
    new = np.setdiff1d(offer_id, belief.offer_id)
    everything = np.concatenate([belief.offer_id, new])
    order = np.argsort(everything)
    return replace(
        belief,
        offer_id=everything[order],
        offer_mean=np.append(belief.offer_mean, np.zeros(len(new)))[order],
        offer_slope=np.vstack([belief.offer_slope, np.zeros((len(new), len(belief.names)))])[order],
        offer_variance=np.append(belief.offer_variance, np.full(len(new), settings.offer_sd**2))[order],
    )


def _inverse(matrix: Floats) -> Floats:
    """Inverse of a symmetric positive definite matrix, symmetric to the last bit."""
    inverse = cho_solve(cho_factor(matrix), np.eye(len(matrix)))
    symmetric: Floats = (inverse + inverse.T) / 2
    return symmetric
