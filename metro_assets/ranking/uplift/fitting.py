"""Fitting the uplift model of a run date: four learners on train, a choice and a scale on validation, refit on all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from metro_assets.config import Uplift
from metro_assets.ranking.examples import NotEnoughHistoryError, Windows
from metro_assets.ranking.fitting import partition_seed
from metro_assets.ranking.uplift.effects import (
    FILE,
    MEDIATED,
    MediatedEffect,
    Scale,
    ScaledEffect,
    UpliftModel,
    mediated,
)
from metro_assets.ranking.uplift.learners import (
    Boosting,
    Learner,
    LearnerKind,
    Responses,
    TrialRows,
    crossed_pseudo_effect,
    fit_crossed_responses,
    fit_learner,
    fit_responses,
    fresh_pseudo_effect,
)
from metro_assets.ranking.uplift.trial import BOUGHT, OUTCOMES, REDEEMED, TrialWindow, load_window
from metro_assets.sql import Relation
from metro_assets.uplift_metrics import Order, Trial, auuc, excess_gain, qini, uplift_by_bin
from metro_assets.vocabulary import RANKING_FEATURES, Algorithm

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]
PROBABILITY = "redemption_probability"
"""The order of who ranks by P(redemption): the baseline of every uplift."""


BEYOND_CHANCE = 1.96
"""Standard errors at which two risks differ: the 95 % point of the normal distribution, two-sided."""


@dataclass(frozen=True)
class FirstFit:
    """The learners of one outcome on the train window, and what validation says of them."""

    learners: dict[LearnerKind, Learner]
    mediated: MediatedEffect | None
    """For purchases: by the effect on redemptions."""
    risk: dict[str, float]
    """Mean squared distance to the doubly robust stand-in on validation."""
    chosen: str
    slope: float
    """Of the stand-in on the best learner, with its error: how much of its differences is real."""
    slope_error: float

    def effects(self, features: Features, threads: int) -> dict[str, Floats]:
        """Unscaled effects by kind, [n] each."""
        found = {str(kind): learner.effect(features, threads) for kind, learner in self.learners.items()}
        return found if self.mediated is None else {MEDIATED: self.mediated.of(features, threads), **found}

    def shrunk_scale(self, level: float, centre: float) -> Scale:
        """The scale around a level, its slope less what its own noise explains; offers turn nobody away on average."""
        level = max(level, 0.0)
        if self.slope <= self.slope_error:
            return Scale(level, centre, 0.0)
        return Scale(level, centre, self.slope * (1.0 - (self.slope_error / self.slope) ** 2))


@dataclass(frozen=True)
class FittedUplift:
    """The model that serves, fitted on all windows, and what its first fits did on windows that they had not seen."""

    model: UpliftModel
    first: dict[str, FirstFit]
    test: TrialWindow
    metadata: dict[str, Any]

    def scores(self, threads: int) -> dict[str, dict[str, Floats]]:
        """What every first fit and the baseline say of the test window's pairs, by outcome and name."""
        return orders_of(self.first, self.test, threads)

    def by_bin(self, threads: int) -> dict[str, Floats]:
        """Predicted and observed uplift per tenth of the test window, by outcome, as the first fit predicts it."""
        tables = {}
        for outcome, fit in self.first.items():
            rows = self.test.rows(outcome)
            predicted = fit.effects(rows.features, threads)[fit.chosen]
            tables[outcome] = uplift_by_bin(Trial(rows.outcome, rows.is_treated), predicted)
        return tables


def fit_uplift(
    labelled: Relation, windows: Windows, run_date: date, settings: Uplift, seed: int, threads: int
) -> FittedUplift:
    """Fit every learner on both outcomes, choose and scale on validation, report on test, refit the chosen on all.

    Raises NotEnoughHistoryError where a window lacks an arm.
    """
    own_seed = partition_seed(seed, "uplift", run_date)
    train, validation, test, everything = (
        load_window(labelled, window, own_seed, settings.maximum_rows)
        for window in (windows.train, windows.validation, windows.test, windows.whole)
    )
    _refuse_lopsided({"train on": train, "choose on": validation})
    boosting = Boosting(settings, own_seed, threads)
    redeemed = first_fit(train.rows(REDEEMED), validation.rows(REDEEMED), boosting)
    bought = first_fit(train.rows(BOUGHT), validation.rows(BOUGHT), boosting, first_scaled(redeemed, train, threads))
    first = {BOUGHT: bought, REDEEMED: redeemed}
    model = refit(everything, first, boosting)
    metadata = {
        "algorithm": str(Algorithm.UPLIFT),
        "run_date": str(run_date),
        "windows": {name: [str(day) for day in days] for name, days in windows._asdict().items()},
        "rows": {"train": len(train), "validation": len(validation), "test": len(test), "refit": len(everything)},
        "effects": {
            outcome: {
                "chosen": fit.chosen,
                "validation_risk": fit.risk,
                "slope": fit.slope,
                "slope_error": fit.slope_error,
            }
            for outcome, fit in first.items()
        },
        "served": json.loads(model.files()[FILE]),
        # A ranker's own, by which models are listed and the champion is chosen: there are none of an order by money.
        "metrics": {},
        "uplift_metrics": {"test": judged(first, test, threads)},
        "features": list(RANKING_FEATURES),
        "seed": own_seed,
        "library_versions": {"lightgbm": lgb.__version__},
    }
    return FittedUplift(model, first, test, metadata)


def first_fit(
    train: TrialRows, validation: TrialRows, boosting: Boosting, redeemed: ScaledEffect | None = None
) -> FirstFit:
    """All learners on the train window, and with the effect on redemptions the mediated one; judged on validation.

    The choice is the most parsimonious whose risk does not exceed the lowest beyond chance, after the rule of one
    standard error of Breiman et al. 1984: an effect of a third of a percent leaves most risks alike.
    """
    threads = boosting.threads
    learners = {kind: fit_learner(kind, train, validation, boosting) for kind in LearnerKind}
    responses = crossed_responses(learners[LearnerKind.DR])
    through = None
    if redeemed is not None:
        without = learners[LearnerKind.T].boosters["without"]
        through = mediated_effect(redeemed, without, train, crossed_pseudo_effect(train, responses, threads), threads)
    fit = FirstFit(learners, through, {}, "", 0.0, float("inf"))
    target = fresh_pseudo_effect(validation, responses, threads)
    learned = fit.effects(validation.features, threads)
    loss = {kind: (target - effect) ** 2 for kind, effect in learned.items()}
    chosen = parsimonious(loss, validation.customer_id)
    slope, error = clustered_slope(learned[chosen], target, validation.customer_id)
    risk = {kind: float(values.mean()) for kind, values in loss.items()}
    return FirstFit(learners, through, risk, chosen, slope, error)


def first_scaled(first: FirstFit, train: TrialWindow, threads: int) -> ScaledEffect:
    """The chosen effect of a first fit with its scale, the level that of the train window."""
    rows = train.rows(REDEEMED)
    learner = first.learners[LearnerKind(first.chosen)]
    level = crossed_pseudo_effect(rows, crossed_responses(first.learners[LearnerKind.DR]), threads).mean()
    centre = learner.effect(rows.features, threads).mean()
    return ScaledEffect(learner, first.shrunk_scale(float(level), float(centre)))


def mediated_effect(
    redeemed: ScaledEffect, without: lgb.Booster, rows: TrialRows, target: Floats, threads: int
) -> MediatedEffect:
    """The mediated effect on purchases with the share that fits the rows best, between none and all."""
    product = mediated(redeemed.of(rows.features, threads), without, rows.features, threads)
    total = float((product**2).sum())
    share = float((product * target).sum()) / total if total else 0.0
    return MediatedEffect(redeemed, without, min(max(share, 0.0), 1.0))


def refit(everything: TrialWindow, first: Mapping[str, FirstFit], boosting: Boosting) -> UpliftModel:
    """The chosen effects fitted anew on all rows, with the complexity of the first fits."""
    redeemed, target = refit_effect(everything.rows(REDEEMED), first[REDEEMED], boosting)
    responses = _again(boosting, first[REDEEMED].learners[LearnerKind.T])
    response = fit_responses(everything.rows(REDEEMED), None, responses).with_offer
    rows = everything.rows(BOUGHT)
    if first[BOUGHT].chosen != MEDIATED:
        return UpliftModel(refit_effect(rows, first[BOUGHT], boosting)[0], redeemed, response)
    crossing = _again(boosting, first[BOUGHT].learners[LearnerKind.DR])
    target = crossed_pseudo_effect(rows, fit_crossed_responses(rows, None, crossing), boosting.threads)
    without = fit_responses(rows, None, _again(boosting, first[BOUGHT].learners[LearnerKind.T])).without
    return UpliftModel(mediated_effect(redeemed, without, rows, target, boosting.threads), redeemed, response)


def refit_effect(rows: TrialRows, first: FirstFit, boosting: Boosting) -> tuple[ScaledEffect, Floats]:
    """The chosen learner fitted anew, its level the rows' own mean effect; and their doubly robust stand-ins."""
    chosen = first.learners[LearnerKind(first.chosen)]
    learner = fit_learner(chosen.kind, rows, None, _again(boosting, chosen))
    responses = fit_crossed_responses(rows, None, _again(boosting, first.learners[LearnerKind.DR]))
    target = crossed_pseudo_effect(rows, responses, boosting.threads)
    centre = float(learner.effect(rows.features, boosting.threads).mean())
    return ScaledEffect(learner, first.shrunk_scale(float(target.mean()), centre)), target


def crossed_responses(learner: Learner) -> list[Responses]:
    """The responses per fold that a DR learner was fitted with."""
    folds = sum(name.startswith("without_") for name in learner.boosters)
    return [
        Responses(learner.boosters[f"with_offer_{fold}"], learner.boosters[f"without_{fold}"]) for fold in range(folds)
    ]


def parsimonious(loss: Mapping[str, Floats], customer_id: npt.NDArray[np.int64]) -> str:
    """The first whose mean loss is not above the lowest beyond chance: by `BEYOND_CHANCE` standard errors.

    Parameters
    ----------
    loss : per row and candidate, the most parsimonious first; rows are clustered by customer.
    """
    best = min(loss, key=lambda kind: float(loss[kind].mean()))
    for kind, values in loss.items():
        difference = values - loss[best]
        if difference.mean() <= BEYOND_CHANCE * _clustered_error(difference, customer_id):
            return kind
    return best


def clustered_slope(learned: Floats, target: Floats, customer_id: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Least squares slope of the target on what was learned, and its standard error with rows clustered by customer.

    Liang and Zeger 1986; (0, infinity) where nothing was told apart.
    """
    distance = learned - learned.mean()
    spread = float((distance**2).sum())
    if spread <= 0:
        return 0.0, float("inf")
    slope = float((distance * target).sum()) / spread
    residual = target - target.mean() - slope * distance
    return slope, _root_of_sums(distance * residual, customer_id) / spread


def judged(first: Mapping[str, FirstFit], test: TrialWindow, threads: int) -> dict[str, dict[str, dict[str, float]]]:
    """Qini, AUUC and gain per outcome and order on the test window: the learners, and P(redemption) as the baseline."""
    orders = orders_of(first, test, threads)
    judged_outcomes = {}
    for outcome in OUTCOMES:
        rows = test.rows(outcome)
        trial = Trial(rows.outcome, rows.is_treated)
        judged_outcomes[outcome] = {
            name: {"qini": qini(trial, order), "auuc": auuc(trial, order), "excess_gain": excess_gain(trial, order)}
            for name, scores in orders[outcome].items()
            for order in (Order.of(scores),)
        }
    return judged_outcomes


def orders_of(first: Mapping[str, FirstFit], window: TrialWindow, threads: int) -> dict[str, dict[str, Floats]]:
    """Scores of every first fit and of P(redemption) for the pairs of a window, by outcome and name."""
    features = window.features
    redemption = first[REDEEMED].learners[LearnerKind.T].boosters["with_offer"]
    baseline = {PROBABILITY: np.asarray(redemption.predict(features, num_threads=threads), dtype=np.float64)}
    return {outcome: fit.effects(features, threads) | baseline for outcome, fit in first.items()}


def _again(boosting: Boosting, learner: Learner) -> Boosting:
    """Boosting with the complexity of a fitted learner."""
    return Boosting(boosting.settings, boosting.seed, boosting.threads, learner.rounds)


def _clustered_error(values: Floats, customer_id: npt.NDArray[np.int64]) -> float:
    """Standard error of the mean, rows clustered by customer."""
    return _root_of_sums(values - values.mean(), customer_id) / max(len(values), 1)


def _root_of_sums(values: Floats, customer_id: npt.NDArray[np.int64]) -> float:
    """Root of the sum over customers of their squared sums."""
    _, group = np.unique(customer_id, return_inverse=True)
    return float(np.sqrt((np.bincount(group, values) ** 2).sum()))


def _refuse_lopsided(windows: Mapping[str, TrialWindow]) -> None:
    for purpose, window in windows.items():
        bought = window.rows(BOUGHT)
        if not len(bought) or bought.is_treated.all() or not bought.is_treated.any():
            raise NotEnoughHistoryError(
                f"the moments to {purpose} lack a random slate or a hold-out; an effect needs both. "
                "Randomise some customers (docs/uplift.md) or leave uplift out of ranking.algorithms"
            )
