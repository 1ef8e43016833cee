"""Scores of the pool by the saved rankers: the models and their `predict` are the platform's on both sides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metro_assets.ranking.calibration import Calibration
from metro_assets.ranking.fitting import score
from metro_assets.ranking.protocol import Ranker
from metro_assets.vocabulary import RANKING_FEATURES

PAIR = ["customer_id", "offer_id"]


def scored_candidates(
    pairs: pd.DataFrame,
    customers: pd.DataFrame,
    offers: pd.DataFrame,
    rankers: Mapping[str, tuple[Ranker, Calibration]],
    threads: int,
) -> pd.DataFrame:
    """One row per candidate and algorithm; the arguments but the last two are the three tables of features."""
    rows = pairs.merge(customers, on="customer_id").merge(offers, on="offer_id")
    matrix = rows[list(RANKING_FEATURES)].to_numpy(dtype=np.float32)
    parts = [
        rows[PAIR].assign(algorithm=name, score=score(*ranker, matrix, threads)) for name, ranker in rankers.items()
    ]
    # Nothing of phase 1 orders by money or explores.
    return pd.concat(parts, ignore_index=True).assign(value_ron=np.nan, log_odds_sd=np.nan)
