"""Gradient boosted trees (LightGBM) on the features and the position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from metro_assets.config import Ranking
from metro_assets.ranking.examples import Examples
from metro_assets.vocabulary import RANKING_FEATURES

FILE = "boosted_trees.txt"
POSITION = "position"


@dataclass(frozen=True)
class BoostedTreesRanker:
    """A LightGBM booster for binary labels."""

    feature_names: ClassVar[tuple[str, ...]] = RANKING_FEATURES
    booster: lgb.Booster

    @classmethod
    def fit(cls, train: Examples, validation: Examples | None, settings: Ranking, seed: int, threads: int) -> Self:
        """Boost until the validation loss no longer falls, or for all rounds without validation rows."""
        data = _dataset(train)
        if validation is None or not len(validation):
            return cls(lgb.train(_parameters(settings, seed, threads), data, settings.boosting_rounds))
        stopping = lgb.early_stopping(settings.early_stopping_rounds, verbose=False)
        booster = lgb.train(
            _parameters(settings, seed, threads),
            data,
            settings.boosting_rounds,
            valid_sets=[_dataset(validation, data)],
            callbacks=[stopping],
        )
        return cls(lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration)))

    def refit(self, examples: Examples, settings: Ranking, seed: int, threads: int) -> Self:
        """Boost anew for as many rounds as the first fit kept."""
        rounds = max(self.booster.num_trees(), 1)
        return type(self)(lgb.train(_parameters(settings, seed, threads), _dataset(examples), rounds))

    def raw_scores(
        self, features: npt.NDArray[np.float32], position: npt.NDArray[np.float32], threads: int
    ) -> npt.NDArray[np.float64]:
        """Log odds, [n]."""
        scores = self.booster.predict(_matrix(features, position), raw_score=True, num_threads=threads)
        return np.asarray(scores, dtype=np.float64)

    def importance(self) -> dict[str, float]:
        """Gain of each feature's splits."""
        gain = self.booster.feature_importance("gain")
        names = self.booster.feature_name()
        return {name: float(value) for name, value in zip(names, gain, strict=True) if name != POSITION}

    def save(self) -> dict[str, bytes]:
        """LightGBM's own text format."""
        return {FILE: self.booster.model_to_string().encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The booster from its text."""
        return cls(lgb.Booster(model_str=files[FILE].decode()))


def _parameters(settings: Ranking, seed: int, threads: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "num_leaves": settings.num_leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.minimum_leaf_rows,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "num_threads": threads,
        "verbose": -1,
    }


def _dataset(examples: Examples, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    return lgb.Dataset(
        _matrix(examples.features, examples.position),
        examples.label,
        weight=examples.weight,
        feature_name=[*examples.feature_names, POSITION],
        reference=reference,
        free_raw_data=True,
    )


def _matrix(features: npt.NDArray[np.float32], position: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Features with the position as the last column; an unknown position is missing."""
    matrix = np.empty((len(features), features.shape[1] + 1), dtype=np.float32)
    matrix[:, :-1] = features
    matrix[:, -1] = position
    return matrix
