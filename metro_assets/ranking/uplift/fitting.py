"""Fitting the uplift model of a run date: four learners on train, a choice and a scale on validation, refit on all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from metro_assets.config import Uplift
from metro_assets.ranking.examples import NotEnoughHistoryError, Windows
from metro_assets.ranking.fitting import partition_seed
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
from metro_assets.uplift_metrics import Order, Trial, auuc, excess_gain, qini
from metro_assets.vocabulary import RANKING_FEATURES

Floats = npt.NDArray[np.float64]
FILE, RESPONSE = "uplift.json", "redemption_response.txt"


@dataclass(frozen=True)
class Scale:
    """effect = level + slope x (learned - centre): the best linear predictor of the effect from what was learned.

    Chernozhukov, Demirer, Duflo and Fernández-Val 2018. The slope is shrunk by its own noise, slope x (1 - error² /
    slope²) but not below zero (James and Stein 1961): what validation cannot tell from chance is no difference between
    pairs.
    """

    level: float
    centre: float
    slope: float

    def effect(self, learned: Floats) -> Floats:
        """Scaled effects, [n]."""
        scaled: Floats = self.level + self.slope * (learned - self.centre)
        return scaled


@dataclass(frozen=True)
class Effect:
    """A learner with its scale: what showing an offer changes of one outcome."""

    learner: Learner
    scale: Scale

    def of(self, features: npt.NDArray[np.float32], threads: int) -> Floats:
        """Change of the outcome's probability, [n]."""
        return self.scale.effect(self.learner.effect(features, threads))


@dataclass(frozen=True)
class FirstFit:
    """The four learners of one outcome on the train window, and what validation says of them."""

    learners: dict[LearnerKind, Learner]
    risk: dict[LearnerKind, float]
    """Mean squared distance to the doubly robust stand-in on validation; the lowest is chosen."""
    chosen: LearnerKind
    slope: float
    slope_error: float

    def shrunk_slope(self) -> float:
        """The slope, less what its own noise explains."""
        if self.slope <= self.slope_error:
            return 0.0
        return self.slope * (1.0 - (self.slope_error / self.slope) ** 2)


@dataclass(frozen=True)
class UpliftModel:
    """Effects by outcome and the probability of a redemption where the offer is shown."""

    effects: dict[str, Effect]
    response: lgb.Booster

    def redemption_probability(self, features: npt.NDArray[np.float32], threads: int) -> Floats:
        """Probability that an offer is redeemed if a slate shows it at any of its places, [n]."""
        return np.asarray(self.response.predict(features, num_threads=threads), dtype=np.float64)

    def files(self) -> dict[str, bytes]:
        """The model in LightGBM's text and JSON."""
        described = {
            outcome: {"kind": str(effect.learner.kind), "scale": asdict(effect.scale)}
            for outcome, effect in self.effects.items()
        }
        boosters = [effect.learner.save(outcome) for outcome, effect in self.effects.items()]
        files = {FILE: json.dumps(described, indent=1).encode(), RESPONSE: self.response.model_to_string().encode()}
        return files | {name: content for part in boosters for name, content in part.items()}


def load_uplift_model(files: Mapping[str, bytes]) -> UpliftModel:
    """The model from its files."""
    effects = {
        outcome: Effect(Learner.load(LearnerKind(parts["kind"]), outcome, files), Scale(**parts["scale"]))
        for outcome, parts in json.loads(files[FILE]).items()
    }
    return UpliftModel(effects, lgb.Booster(model_str=files[RESPONSE].decode()))


@dataclass(frozen=True)
class FittedUplift:
    """The model that serves, fitted on all windows, and what its first fits did on windows that they had not seen."""

    model: UpliftModel
    first: dict[str, FirstFit]
    test: TrialWindow
    metadata: dict[str, Any]


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
    first = {outcome: first_fit(train.rows(outcome), validation.rows(outcome), boosting) for outcome in OUTCOMES}
    effects = {outcome: refit_effect(everything.rows(outcome), first[outcome], boosting) for outcome in OUTCOMES}
    redeemed = everything.rows(REDEEMED)
    rounds = first[REDEEMED].learners[LearnerKind.T].rounds
    responses = fit_responses(redeemed, None, Boosting(settings, own_seed, threads, rounds))
    model = UpliftModel(effects, responses.with_offer)
    metadata = {
        "run_date": str(run_date),
        "windows": {name: [str(day) for day in days] for name, days in windows._asdict().items()},
        "rows": {"train": len(train), "validation": len(validation), "test": len(test), "refit": len(everything)},
        "effects": {
            outcome: {
                "chosen": str(fit.chosen),
                "validation_risk": {str(kind): risk for kind, risk in fit.risk.items()},
                "slope": fit.slope,
                "slope_error": fit.slope_error,
                "scale": asdict(effects[outcome].scale),
                "rounds": effects[outcome].learner.rounds,
            }
            for outcome, fit in first.items()
        },
        "metrics": {"test": judged(first, test, threads)},
        "features": list(RANKING_FEATURES),
        "seed": own_seed,
        "library_versions": {"lightgbm": lgb.__version__},
    }
    return FittedUplift(model, first, test, metadata)


def first_fit(train: TrialRows, validation: TrialRows, boosting: Boosting) -> FirstFit:
    """All learners on the train window; the choice by doubly robust risk and the slope on validation."""
    learners = {kind: fit_learner(kind, train, validation, boosting) for kind in LearnerKind}
    target = fresh_pseudo_effect(validation, crossed_responses(learners[LearnerKind.DR]), boosting.threads)
    learned = {kind: learner.effect(validation.features, boosting.threads) for kind, learner in learners.items()}
    risk = {kind: float(np.mean((target - effect) ** 2)) for kind, effect in learned.items()}
    chosen = min(LearnerKind, key=lambda kind: risk[kind])
    slope, error = clustered_slope(learned[chosen], target, validation.customer_id)
    return FirstFit(learners, risk, chosen, slope, error)


def refit_effect(rows: TrialRows, first: FirstFit, boosting: Boosting) -> Effect:
    """The chosen learner fitted anew on all rows, with its complexity; the level is the rows' own mean effect."""
    learner = first.learners[first.chosen]
    again = Boosting(boosting.settings, boosting.seed, boosting.threads, learner.rounds)
    refitted = fit_learner(first.chosen, rows, None, again)
    crossing = Boosting(boosting.settings, boosting.seed, boosting.threads, first.learners[LearnerKind.DR].rounds)
    responses = fit_crossed_responses(rows, None, crossing)
    level = float(crossed_pseudo_effect(rows, responses, boosting.threads).mean())
    centre = float(refitted.effect(rows.features, boosting.threads).mean())
    return Effect(refitted, Scale(level, centre, first.shrunk_slope()))


def crossed_responses(learner: Learner) -> list[Responses]:
    """The responses per fold that a DR learner was fitted with."""
    folds = sum(name.startswith("without_") for name in learner.boosters)
    return [
        Responses(learner.boosters[f"with_offer_{fold}"], learner.boosters[f"without_{fold}"]) for fold in range(folds)
    ]


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
    _, group = np.unique(customer_id, return_inverse=True)
    by_customer = np.bincount(group, distance * residual)
    return slope, float(np.sqrt((by_customer**2).sum())) / spread


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
    baseline = {"redemption_probability": np.asarray(redemption.predict(features, num_threads=threads))}
    return {
        outcome: {str(kind): learner.effect(features, threads) for kind, learner in fit.learners.items()} | baseline
        for outcome, fit in first.items()
    }


def _refuse_lopsided(windows: Mapping[str, TrialWindow]) -> None:
    for purpose, window in windows.items():
        bought = window.rows(BOUGHT)
        if not len(bought) or bought.is_treated.all() or not bought.is_treated.any():
            raise NotEnoughHistoryError(
                f"the moments to {purpose} lack a random slate or a hold-out; an effect needs both. "
                "Randomise some customers (docs/uplift.md) or leave uplift out of ranking.algorithms"
            )
