"""The four learners of an effect, thin over LightGBM: S, T, X (Künzel et al. 2019) and DR (Kennedy 2023).

All estimate effect(x) = E[outcome | shown, x] - E[outcome | held out, x] for an outcome of 0 or 1. The probability of
being shown is known, for the moments are randomised: it is used as it is, never estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from metro_assets.config import Uplift

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]
Boosters = dict[str, lgb.Booster]
SPLIT_BITS = np.uint64(0x9E3779B97F4A7C15)
"""2^64 / golden ratio: multiplication by it spreads consecutive ids evenly (Knuth, TAOCP 3, 6.4)."""


class LearnerKind(StrEnum):
    """How an effect is learned, the most parsimonious first: a single model, one small one, two small ones, two."""

    S = "S"
    DR = "DR"
    X = "X"
    T = "T"


@dataclass(frozen=True)
class TrialRows:
    """Pairs of randomised moments with one outcome, arrays [n]; features [n, features]."""

    features: Features
    is_treated: npt.NDArray[np.bool_]
    treatment_probability: Floats
    outcome: Floats
    customer_id: npt.NDArray[np.int64]
    feature_names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.outcome)

    def __getitem__(self, rows: npt.NDArray[Any]) -> TrialRows:
        """The rows chosen by a mask or by their places."""
        return replace(
            self,
            **{
                name: getattr(self, name)[rows]
                for name in ("features", "is_treated", "treatment_probability", "outcome", "customer_id")
            },
        )


@dataclass(frozen=True)
class Boosting:
    """How trees are grown: the settings, the seed, the threads; `rounds` of a first fit by the name of its booster."""

    settings: Uplift
    seed: int
    threads: int
    rounds: Mapping[str, int] | None = None

    def response(self, name: str, rows: TrialRows, validation: TrialRows | None, extra: bool = False) -> lgb.Booster:
        """Trees of the probability of the outcome; `extra`: the treatment is one more feature."""
        parameters = {
            "objective": "binary",
            "num_leaves": self.settings.num_leaves,
            "min_data_in_leaf": self.settings.minimum_leaf_rows,
        }
        columns = _with_treatment if extra else _features
        target = (columns(rows), rows.outcome)
        checked = (columns(validation), validation.outcome) if validation is not None and len(validation) else None
        names = [*rows.feature_names, *(["is_treated"] if extra else [])]
        return self._boost(name, parameters, names, target, checked)

    def effect(
        self, name: str, rows: TrialRows, target: Floats, validation: TrialRows | None, checked: Floats | None
    ) -> lgb.Booster:
        """Trees of an effect, from a target whose mean it is given the features."""
        parameters = {
            "objective": "regression",
            "num_leaves": self.settings.effect_leaves,
            "min_data_in_leaf": self.settings.minimum_effect_rows,
        }
        judged = (validation.features, checked) if validation is not None and checked is not None else None
        return self._boost(name, parameters, list(rows.feature_names), (rows.features, target), judged)

    def _boost(
        self,
        name: str,
        parameters: dict[str, Any],
        names: list[str],
        target: tuple[Features, Floats],
        checked: tuple[Features, Floats] | None,
    ) -> lgb.Booster:
        data = lgb.Dataset(*target, feature_name=names, free_raw_data=True)
        everything = {
            **parameters,
            "learning_rate": self.settings.learning_rate,
            "lambda_l2": self.settings.l2_strength,
            "deterministic": True,
            "force_row_wise": True,
            "seed": self.seed,
            "num_threads": self.threads,
            "verbose": -1,
        }
        if checked is None or self.rounds is not None:
            rounds = self.settings.boosting_rounds if self.rounds is None else self.rounds[name]
            return lgb.train(everything, data, max(rounds, 1))
        stopping = lgb.early_stopping(self.settings.early_stopping_rounds, verbose=False)
        booster = lgb.train(
            everything,
            data,
            self.settings.boosting_rounds,
            valid_sets=[lgb.Dataset(*checked, reference=data)],
            callbacks=[stopping],
        )
        return lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))


@dataclass(frozen=True)
class Responses:
    """The outcome's probability where the offer was shown and where it was not."""

    with_offer: lgb.Booster
    without: lgb.Booster

    def probabilities(self, features: Features, threads: int) -> tuple[Floats, Floats]:
        """With the offer and without, [n] each."""
        return _predicted(self.with_offer, features, threads), _predicted(self.without, features, threads)


def fit_responses(rows: TrialRows, validation: TrialRows | None, boosting: Boosting, suffix: str = "") -> Responses:
    """Both responses, each from its own arm."""
    parts = []
    for name, arm in (("with_offer", True), ("without", False)):
        checked = None if validation is None else validation[validation.is_treated == arm]
        parts.append(boosting.response(name + suffix, rows[rows.is_treated == arm], checked))
    return Responses(*parts)


def pseudo_effect(rows: TrialRows, with_offer: Floats, without: Floats) -> Floats:
    """A doubly robust stand-in for the effect of every row: noisy, but its mean is the effect's whatever the responses.

    with - without + shown (outcome - with) / p - held out (outcome - without) / (1 - p); Robins and Rotnitzky 1995.
    """
    share = rows.treatment_probability
    residual: Floats = np.where(
        rows.is_treated, (rows.outcome - with_offer) / share, -(rows.outcome - without) / (1.0 - share)
    )
    return with_offer - without + residual


def fit_crossed_responses(rows: TrialRows, validation: TrialRows | None, boosting: Boosting) -> list[Responses]:
    """Responses per fold of the customers, fitted on the others."""
    fold = fold_of(rows.customer_id, boosting.settings.folds)
    return [
        fit_responses(rows[fold != number], validation, boosting, f"_{number}")
        for number in range(boosting.settings.folds)
    ]


def crossed_pseudo_effect(rows: TrialRows, responses: list[Responses], threads: int) -> Floats:
    """`pseudo_effect` of the rows that the crossed responses were fitted on: each by those of other customers."""
    fold, target = fold_of(rows.customer_id, len(responses)), np.empty(len(rows))
    for number, fitted in enumerate(responses):
        own = fold == number
        part = rows[own]
        target[own] = pseudo_effect(part, *fitted.probabilities(part.features, threads))
    return target


def fresh_pseudo_effect(rows: TrialRows, responses: list[Responses], threads: int) -> Floats:
    """`pseudo_effect` of rows that no response was fitted on: by the mean of all folds' responses."""
    chances = [fitted.probabilities(rows.features, threads) for fitted in responses]
    return pseudo_effect(rows, *np.mean(chances, axis=0))


@dataclass(frozen=True)
class Learner:
    """A fitted learner of one kind: its boosters by name."""

    kind: LearnerKind
    boosters: Boosters

    def effect(self, features: Features, threads: int) -> Floats:
        """Change of the outcome's probability by showing the offer, [n]."""
        return EFFECTS[self.kind](self.boosters, features, threads)

    @property
    def rounds(self) -> dict[str, int]:
        """Trees of every booster of the fit: the complexity that a refit keeps."""
        return {name: booster.num_trees() for name, booster in self.boosters.items()}

    def save(self, prefix: str) -> dict[str, bytes]:
        """LightGBM's own text per booster that an effect is computed from."""
        kept = {name: booster for name, booster in self.boosters.items() if name in SCORING[self.kind]}
        return {f"{prefix}_{name}.txt": booster.model_to_string().encode() for name, booster in kept.items()}

    @classmethod
    def load(cls, kind: LearnerKind, prefix: str, files: Mapping[str, bytes]) -> Self:
        """The learner from the files that `save` named with the prefix."""
        return cls(
            kind,
            {name: lgb.Booster(model_str=files[f"{prefix}_{name}.txt"].decode()) for name in SCORING[kind]},
        )


def fit_s(rows: TrialRows, validation: TrialRows | None, boosting: Boosting) -> Boosters:
    """One response with the treatment as a feature."""
    return {"response": boosting.response("response", rows, validation, extra=True)}


def fit_t(rows: TrialRows, validation: TrialRows | None, boosting: Boosting) -> Boosters:
    """A response per arm."""
    responses = fit_responses(rows, validation, boosting)
    return {"with_offer": responses.with_offer, "without": responses.without}


def fit_x(rows: TrialRows, validation: TrialRows | None, boosting: Boosting) -> Boosters:
    """The effect on the treated and on the controls, each against the other arm's response."""
    responses = fit_responses(rows, validation, boosting)
    boosters = {"with_offer": responses.with_offer, "without": responses.without}
    for name, arm in (("on_treated", True), ("on_controls", False)):
        part = rows[rows.is_treated == arm]
        checked = None if validation is None else validation[validation.is_treated == arm]
        boosters[name] = boosting.effect(
            name,
            part,
            _imputed(part, responses, boosting.threads),
            checked,
            None if checked is None else _imputed(checked, responses, boosting.threads),
        )
    return boosters


def fit_dr(rows: TrialRows, validation: TrialRows | None, boosting: Boosting) -> Boosters:
    """A regression of the doubly robust stand-in, its responses fitted across customers."""
    responses = fit_crossed_responses(rows, validation, boosting)
    target = crossed_pseudo_effect(rows, responses, boosting.threads)
    checked = None
    if validation is not None and len(validation):
        checked = fresh_pseudo_effect(validation, responses, boosting.threads)
    boosters = {"effect": boosting.effect("effect", rows, target, validation, checked)}
    for number, fitted in enumerate(responses):
        boosters |= {f"with_offer_{number}": fitted.with_offer, f"without_{number}": fitted.without}
    return boosters


def _effect_s(boosters: Boosters, features: Features, threads: int) -> Floats:
    shown, held = (
        _predicted(boosters["response"], np.column_stack([features, np.full(len(features), arm, np.float32)]), threads)
        for arm in (1.0, 0.0)
    )
    return shown - held


def _effect_t(boosters: Boosters, features: Features, threads: int) -> Floats:
    return _predicted(boosters["with_offer"], features, threads) - _predicted(boosters["without"], features, threads)


def _effect_x(boosters: Boosters, features: Features, threads: int) -> Floats:
    # The weight is the probability of treatment, which is one half where a hold-out is as likely as a random slate.
    on_treated, on_controls = (_predicted(boosters[name], features, threads) for name in ("on_treated", "on_controls"))
    return 0.5 * (on_treated + on_controls)


def _effect_dr(boosters: Boosters, features: Features, threads: int) -> Floats:
    return _predicted(boosters["effect"], features, threads)


FITS: dict[LearnerKind, Callable[[TrialRows, TrialRows | None, Boosting], Boosters]] = {
    LearnerKind.S: fit_s,
    LearnerKind.T: fit_t,
    LearnerKind.X: fit_x,
    LearnerKind.DR: fit_dr,
}
EFFECTS: dict[LearnerKind, Callable[[Boosters, Features, int], Floats]] = {
    LearnerKind.S: _effect_s,
    LearnerKind.T: _effect_t,
    LearnerKind.X: _effect_x,
    LearnerKind.DR: _effect_dr,
}
SCORING: dict[LearnerKind, tuple[str, ...]] = {
    LearnerKind.S: ("response",),
    LearnerKind.T: ("with_offer", "without"),
    LearnerKind.X: ("on_treated", "on_controls"),
    LearnerKind.DR: ("effect",),
}
"""Boosters that an effect is computed from; the others are means to fit them."""


def fit_learner(kind: LearnerKind, rows: TrialRows, validation: TrialRows | None, boosting: Boosting) -> Learner:
    """The learner of a kind, stopped early on the validation rows if there are any."""
    return Learner(kind, FITS[kind](rows, validation, boosting))


def _imputed(rows: TrialRows, responses: Responses, threads: int) -> Floats:
    """Effect per row of one arm: what was seen against what the other arm's response expects."""
    with_offer, without = responses.probabilities(rows.features, threads)
    imputed: Floats = np.where(rows.is_treated, rows.outcome - without, with_offer - rows.outcome)
    return imputed


def fold_of(customer_id: npt.NDArray[np.int64], folds: int) -> npt.NDArray[np.int64]:
    """Fold of every row, the same for all rows of a customer, whatever else is there."""
    spread = customer_id.astype(np.uint64) * SPLIT_BITS
    return ((spread >> np.uint64(33)) % np.uint64(folds)).astype(np.int64)


def _features(rows: TrialRows) -> Features:
    return rows.features


def _with_treatment(rows: TrialRows) -> Features:
    return np.column_stack([rows.features, rows.is_treated.astype(np.float32)])


def _predicted(booster: lgb.Booster, features: Features, threads: int) -> Floats:
    return np.asarray(booster.predict(features, num_threads=threads), dtype=np.float64)
