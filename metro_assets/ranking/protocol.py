"""What every ranker and every scorer offers: fit on examples, score features, save to and load from open formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from metro_assets.config import Ranking
from metro_assets.ranking.examples import Examples

TOP_POSITION = 1.0
"""At scoring every candidate is taken as shown at the top: the position is a bias of the log, not of the offer."""


class Scored(NamedTuple):
    """What `scored_candidates` holds of rows by one algorithm, arrays [n]."""

    score: npt.NDArray[np.float32]
    """Calibrated probability if shown at the top."""
    value_ron: npt.NDArray[np.float32] | None = None
    """What a policy that orders by money orders by."""
    log_odds_sd: npt.NDArray[np.float32] | None = None
    """Posterior standard deviation of the log odds, for a policy that explores."""


class Scorer(Protocol):
    """Something fitted that scores rows of the pool."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns that it reads, in order."""
        ...

    def scored(self, features: npt.NDArray[np.float32], threads: int) -> Scored:
        """Scores of rows [n, features]."""
        ...


class Ranker(Protocol):
    """A fitted model of P(redemption)."""

    feature_names: ClassVar[tuple[str, ...]]
    """Columns of its feature matrix in the daily pipeline."""

    @classmethod
    def fit(cls, train: Examples, validation: Examples | None, settings: Ranking, seed: int, threads: int) -> Self:
        """Fit on the train window; the validation window, if given, stops early."""
        ...

    def refit(self, examples: Examples, settings: Ranking, seed: int, threads: int) -> Self:
        """Fit anew on more examples with the complexity that the first fit chose."""
        ...

    def raw_scores(
        self, features: npt.NDArray[np.float32], position: npt.NDArray[np.float32], threads: int
    ) -> npt.NDArray[np.float64]:
        """Log odds of redemption, uncalibrated, [n]."""
        ...

    def importance(self) -> dict[str, float]:
        """Weight of each feature in the model, in the model's own measure."""
        ...

    def save(self) -> dict[str, bytes]:
        """Files of the model in an open format."""
        ...

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The model from its files."""
        ...


@runtime_checkable
class LearnsByEpochs(Protocol):
    """A ranker that learns in passes over its rows."""

    @property
    def curve(self) -> list[dict[str, float]]:
        """Weighted log loss per epoch of the first fit: `epoch`, `train`, and `validation` where there was one."""
        ...
