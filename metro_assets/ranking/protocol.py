"""What every ranker offers: fit on examples, score features, save to and load from open formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from metro_assets.config import Ranking
from metro_assets.ranking.examples import Examples

TOP_POSITION = 1.0
"""At scoring every candidate is taken as shown at the top: the position is a bias of the log, not of the offer."""


class Ranker(Protocol):
    """A fitted model of P(redemption)."""

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
