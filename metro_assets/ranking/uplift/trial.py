"""Examples of randomised moments with their outcomes, in time windows, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import Ranking, Uplift
from metro_assets.ranking.examples import Windows, windows_before
from metro_assets.ranking.uplift.learners import TrialRows
from metro_assets.sql import Relation, query, values
from metro_assets.vocabulary import RANKING_FEATURES

BOUGHT, REDEEMED = "is_bought", "is_redeemed"
OUTCOMES = (BOUGHT, REDEEMED)
"""Bought: any of the offer's products, with the offer or without it. Redeemed: bought under the offer."""


@dataclass(frozen=True)
class TrialSources:
    """The tables that say what became of the examples, over the examples' days and the horizon after them."""

    order_items: Relation
    redemptions: Relation
    offers: Relation
    offer_products: Relation
    daily_prices: Relation
    products: Relation


@dataclass(frozen=True)
class TrialWindow:
    """The pairs of a window, sorted by day, customer and offer."""

    frame: pl.DataFrame
    """customer_id, offer_id, shown_date, is_treated, treatment_probability, features, outcomes, margin_ron."""

    def __len__(self) -> int:
        """Number of pairs."""
        return self.frame.height

    def rows(self, outcome: str) -> TrialRows:
        """The pairs as arrays, with one of the outcomes."""
        frame = self.frame
        return TrialRows(
            features=self.features,
            is_treated=frame["is_treated"].to_numpy(),
            treatment_probability=frame["treatment_probability"].to_numpy(),
            outcome=frame[outcome].cast(pl.Float64).to_numpy(),
            customer_id=frame["customer_id"].cast(pl.Int64).to_numpy(),
            feature_names=RANKING_FEATURES,
        )

    @property
    def features(self) -> npt.NDArray[np.float32]:
        """[pairs, features] in the order of `RANKING_FEATURES`, NaN where missing."""
        matrix = self.frame.select(pl.col(RANKING_FEATURES).cast(pl.Float32).fill_null(float("nan"))).to_numpy()
        return np.ascontiguousarray(matrix)


def with_outcomes(uplift_examples: Relation, sources: TrialSources, run_date: date, horizon_days: int) -> Relation:
    """Uplift examples with `is_bought`, `is_redeemed` and `margin_ron` within the horizon, as known at the run date."""
    return query(
        __package__,
        "outcomes",
        examples=uplift_examples,
        order_items=sources.order_items,
        redemptions=sources.redemptions,
        offers=sources.offers,
        offer_products=sources.offer_products,
        daily_prices=sources.daily_prices,
        products=sources.products,
        parameters=values(run_date=run_date, horizon_days=horizon_days),
    )


def trial_windows(run_date: date, first_shown: date, settings: Uplift, ranking: Ranking) -> Windows:
    """Windows of the newest settled moments, by the rule of the rankers with the trial's own lengths.

    Raises NotEnoughHistoryError below `minimum_days`.
    """
    lengths = ("train_days", "validation_days", "test_days", "minimum_days")
    own = ranking.model_copy(update={name: getattr(settings, name) for name in lengths})
    return windows_before(run_date, first_shown, own)


def load_window(labelled: Relation, window: tuple[date, date], seed: int, maximum_rows: int) -> TrialWindow:
    """The pairs of a window; beyond the maximum, moments are kept or left whole, by a hash."""
    bound = values(first_date=window[0], last_date=window[1], seed=seed, maximum_rows=maximum_rows)
    return TrialWindow(query(__package__, "trial_window", labelled=labelled, parameters=bound).pl())
