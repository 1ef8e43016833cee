"""The receipt of one offer for one customer: how its score came about, and what decided its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import polars as pl
from scipy.special import expit, logit

from metro_assets.dashboard.customer.standing import Candidate, Fate, counts_money, is_chance
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.explaining import (
    Explanation,
    Features,
    background,
    effect_explanation,
    explanation,
    explanation_seed,
    matrix,
    pair_features,
    scorer_of,
    scoring_version,
)
from metro_assets.ranking.protocol import Scorer
from metro_assets.ranking.uplift.scorer import UpliftScorer
from metro_assets.serving.queries import OpenPublication
from metro_assets.storage.models import Version
from metro_assets.vocabulary import MARGIN_FEATURES, UNRANKED

SAME_SCORE = 1e-4
"""Probabilities that differ by less are the same: scores are stored in single precision."""


@dataclass(frozen=True)
class Added:
    """How an uplift model's value in RON comes about (`ranking.uplift.scorer.incremental_margin`)."""

    bought: float
    """Change of the probability of a purchase by showing the offer."""
    redeemed: float
    """Change of the probability of a redemption."""
    quantity: float
    usual_margin_ron: float | None
    offer_margin_ron: float | None
    value_ron: float | None
    effect: Explanation
    """Of the change of the probability of a redemption, in probability."""


@dataclass(frozen=True)
class Account:
    """How a score came about; `explained` is None where the model is not kept or nothing was fitted."""

    features: Mapping[str, float | None]
    """Every feature of the pair that the model reads, as of the opening of the run date."""
    explained: Explanation | None
    version: Version | None
    metadata: Mapping[str, Any]
    """What was recorded with the model."""
    is_reproduced: bool
    """The sum is the log odds of the score that was published."""
    added: Added | None = None


@dataclass(frozen=True)
class WayIn:
    """What would have brought an offer in: a score to reach, or the rule that stands in the way."""

    fate: Fate
    needed: float | None
    """Score or RON, as the policy orders."""
    log_odds_missing: float | None
    """To the score that is needed; None where the order is not that of a probability, or a rule forbids."""


def account(desk: Desk, opened: OpenPublication, algorithm: str, customer_id: int, candidate: Candidate) -> Account:
    """The account of a candidate's score; raises WarehouseError."""
    publication, run_date = opened.publication, opened.publication.run_date
    row = pair_features(desk, publication, customer_id, [candidate.offer.offer_id])
    version = None if algorithm == UNRANKED else scoring_version(desk, algorithm, run_date)
    if version is None or row.is_empty():
        return Account({}, None, version, {}, is_reproduced=False)
    scorer = scorer_of(desk, publication, version)
    if not set(scorer.feature_names) <= set(row.columns):
        return Account({}, None, version, {}, is_reproduced=False)
    drawn = matrix(background(desk, publication), scorer.feature_names)
    own = matrix(row, scorer.feature_names)
    seed = explanation_seed(desk, run_date)
    explained = explanation(scorer, own[0], drawn, seed)
    return Account(
        features=row.select(scorer.feature_names).to_dicts()[0],
        explained=explained,
        version=version,
        metadata=desk.models.metadata(version.name, version.run_date),
        is_reproduced=abs(float(expit(explained.log_odds)) - candidate.offer.score) < SAME_SCORE,
        added=_added(scorer, row, drawn, seed, desk.settings.engine.threads),
    )


def _added(scorer: Scorer, row: pl.DataFrame, drawn: Features, seed: int, threads: int) -> Added | None:
    if not isinstance(scorer, UpliftScorer):
        return None
    features = matrix(row, scorer.feature_names)
    known, others = (np.ascontiguousarray(rows[:, : -len(MARGIN_FEATURES)]) for rows in (features, drawn))
    bought, redeemed = scorer.model.changes(known, threads)
    value = scorer.scored(features, threads).value_ron
    quantity, usual, offered = row.select(MARGIN_FEATURES).row(0)
    return Added(
        bought=float(bought[0]),
        redeemed=float(redeemed[0]),
        quantity=quantity,
        usual_margin_ron=usual,
        offer_margin_ron=offered,
        value_ron=None if value is None else float(value[0]),
        effect=effect_explanation(scorer.model.redeemed, known[0], others, seed, threads),
    )


def way_in(candidate: Candidate, algorithm: str) -> WayIn | None:
    """What would have brought a candidate in; None for one of the ten."""
    if candidate.fate == Fate.CHOSEN:
        return None
    missing = None
    if candidate.needed is not None and is_chance(algorithm) and not counts_money(algorithm):
        missing = float(logit(candidate.needed) - logit(candidate.preference))
    return WayIn(candidate.fate, candidate.needed, missing if missing is None or isfinite(missing) else None)


def passed_over(standing: list[Candidate], candidate: Candidate) -> list[Candidate]:
    """Candidates before it that a rule or chance kept out of the ten."""
    return [one for one in standing if one.place < candidate.place and one.fate not in {Fate.CHOSEN, Fate.OUTRANKED}]
