"""The uplift model as a scorer of the pool: the margin that showing an offer can be expected to add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from metro_assets.ranking.protocol import Scored
from metro_assets.ranking.uplift.effects import UpliftModel, load_uplift_model
from metro_assets.vocabulary import MARGIN_FEATURES, RANKING_FEATURES

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class UpliftScorer:
    """Scores are probabilities of redemption where a slate shows the offer, values RON that showing it adds."""

    model: UpliftModel

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What the effects read, then units and margins of a purchase."""
        return RANKING_FEATURES + MARGIN_FEATURES

    def scored(self, features: npt.NDArray[np.float32], threads: int) -> Scored:
        """Scores and values of rows [n, features]; the value is NaN where a margin is unknown."""
        known = np.ascontiguousarray(features[:, : len(RANKING_FEATURES)])
        quantity, usual_margin, offer_margin = features[:, len(RANKING_FEATURES) :].T.astype(np.float64)
        value = incremental_margin(*self.model.changes(known, threads), usual_margin, offer_margin, quantity)
        score = np.clip(self.model.redemption_probability(known, threads), 0.0, 1.0)
        return Scored(score.astype(np.float32), value_ron=value.astype(np.float32))

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The scorer from a stored model's files."""
        return cls(load_uplift_model(files))


def incremental_margin(
    bought: Floats, redeemed: Floats, usual_margin_ron: Floats, offer_margin_ron: Floats, quantity: Floats
) -> Floats:
    """Expected change of the margin by showing an offer, RON, [n].

    Of those who buy (p with the offer shown, q without), r and s do so under the offer; the others pay the usual price.
    The margin is (p - r) usual + r offered against (q - s) usual + s offered, so the change is (p - q) usual + (r - s)
    (offered - usual), times the units: more purchases at the usual margin, less what is given away on every redemption
    that showing brings, also of those who would have bought anyway. Where all who are shown redeem and nobody else can
    (r = p, s = 0), it is p x offered - q x usual.

    Parameters
    ----------
    bought, redeemed : change of the probability of buying (p - q) and of redeeming (r - s) by showing the offer.
    usual_margin_ron, offer_margin_ron : per unit, without the offer and with it.
    """
    change: Floats = (bought * usual_margin_ron + redeemed * (offer_margin_ron - usual_margin_ron)) * quantity
    return change
