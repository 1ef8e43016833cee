"""What showing an offer changes: effects as learned and scaled, and the model that serves, to and from its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from metro_assets.ranking.uplift.learners import Learner, LearnerKind
from metro_assets.ranking.uplift.trial import BOUGHT, REDEEMED

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]
FILE, RESPONSE, WITHOUT = "uplift.json", "redemption_response.txt", "purchase_without.txt"
MEDIATED = "M"
"""The mediated effect, where the learners go by their kind."""


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
class ScaledEffect:
    """A learner with its scale: what showing an offer changes of one outcome."""

    learner: Learner
    scale: Scale

    def of(self, features: Features, threads: int) -> Floats:
        """Change of the outcome's probability, [n]."""
        return self.scale.effect(self.learner.effect(features, threads))


@dataclass(frozen=True)
class MediatedEffect:
    """share x effect on redemptions x probability of no purchase else: what showing changes of purchases.

    It holds where an offer moves nobody who does not redeem it. Then an added purchase is a redemption that showing
    brought to somebody who would not have bought, and the effect on redemptions is seen far better than that on
    purchases, most of which need no offer. `share` is all that is left to learn.
    """

    redeemed: ScaledEffect
    without: lgb.Booster
    share: float

    def of(self, features: Features, threads: int) -> Floats:
        """Change of the probability of a purchase, [n]."""
        return self.share * mediated(self.redeemed.of(features, threads), self.without, features, threads)


def mediated(redeemed: Floats, without: lgb.Booster, features: Features, threads: int) -> Floats:
    """Effect on redemptions x probability of no purchase without the offer, [n]; never below zero."""
    idle = 1.0 - np.asarray(without.predict(features, num_threads=threads), dtype=np.float64)
    product: Floats = np.maximum(redeemed, 0.0) * idle
    return product


@dataclass(frozen=True)
class UpliftModel:
    """What showing an offer changes, and the probability of a redemption where it is shown."""

    bought: ScaledEffect | MediatedEffect
    redeemed: ScaledEffect
    response: lgb.Booster

    def changes(self, features: Features, threads: int) -> tuple[Floats, Floats]:
        """Change of the probability of a purchase and of a redemption by showing the offer, [n] each."""
        redeemed = self.redeemed.of(features, threads)
        if isinstance(self.bought, MediatedEffect):
            # The same effect on redemptions: asked once, for it is most of the cost of scoring a pool.
            return self.bought.share * mediated(redeemed, self.bought.without, features, threads), redeemed
        return self.bought.of(features, threads), redeemed

    def redemption_probability(self, features: Features, threads: int) -> Floats:
        """Probability that an offer is redeemed if a slate shows it at any of its places, [n]."""
        return np.asarray(self.response.predict(features, num_threads=threads), dtype=np.float64)

    def files(self) -> dict[str, bytes]:
        """The model in LightGBM's text and JSON."""
        files = {RESPONSE: _text(self.response), **self.redeemed.learner.save(REDEEMED)}
        described: dict[str, Any] = {REDEEMED: _described(self.redeemed)}
        if isinstance(self.bought, MediatedEffect):
            described[BOUGHT] = {"kind": MEDIATED, "share": self.bought.share}
            files[WITHOUT] = _text(self.bought.without)
        else:
            described[BOUGHT] = _described(self.bought)
            files |= self.bought.learner.save(BOUGHT)
        return {FILE: json.dumps(described, indent=1).encode(), **files}


def load_uplift_model(files: Mapping[str, bytes]) -> UpliftModel:
    """The model from its files."""
    described = json.loads(files[FILE])

    def scaled(outcome: str) -> ScaledEffect:
        parts = described[outcome]
        return ScaledEffect(Learner.load(LearnerKind(parts["kind"]), outcome, files), Scale(**parts["scale"]))

    redeemed = scaled(REDEEMED)
    bought: ScaledEffect | MediatedEffect
    if described[BOUGHT]["kind"] == MEDIATED:
        bought = MediatedEffect(redeemed, _booster(files[WITHOUT]), described[BOUGHT]["share"])
    else:
        bought = scaled(BOUGHT)
    return UpliftModel(bought, redeemed, _booster(files[RESPONSE]))


def _described(effect: ScaledEffect) -> dict[str, Any]:
    return {"kind": str(effect.learner.kind), "scale": asdict(effect.scale)}


def _text(booster: lgb.Booster) -> bytes:
    text: str = booster.model_to_string()
    return text.encode()


def _booster(content: bytes) -> lgb.Booster:
    return lgb.Booster(model_str=content.decode())
