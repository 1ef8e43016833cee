"""Explanations: each kind sums to the log odds, gives what is worked out by hand, and nothing to what says nothing."""

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pytest

from metro_assets.config import Bandit
from metro_assets.dashboard.explaining import (
    additive_explanation,
    effect_explanation,
    explanation,
    sampled_explanation,
    tree_explanation,
)
from metro_assets.ranking.bayesian_logistic import BayesianLogisticRanker
from metro_assets.ranking.boosted_trees import BoostedTreesRanker
from metro_assets.ranking.calibration import Calibration
from metro_assets.ranking.fitting import CalibratedRanker
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.ranking.posterior import Rows, prior
from metro_assets.ranking.settled import CODES
from metro_assets.ranking.uplift.effects import Scale, ScaledEffect
from metro_assets.ranking.uplift.learners import Learner, LearnerKind
from metro_assets.vocabulary import RANKING_FEATURES

Features = npt.NDArray[np.float32]
CALIBRATION = Calibration(0.8, -0.3)
COUNT = len(RANKING_FEATURES)


def pool(rows: int, columns: int, seed: int = 7) -> Features:
    values = np.random.default_rng(seed).exponential(2.0, (rows, columns)).astype(np.float32)
    values[::7, 0] = np.nan
    return values


def logistic() -> LogisticRanker:
    random = np.random.default_rng(1)
    return LogisticRanker(
        mean=random.normal(size=COUNT).tolist(),
        scale=[2.0] * COUNT,
        marked=[0],
        coefficients=random.normal(size=COUNT + 2).tolist(),
        intercept=-3.0,
    )


def trees(columns: int, names: list[str], objective: str = "regression", seed: int = 3) -> lgb.Booster:
    """Trees that have learned a sum and a product of the first columns."""
    features = pool(400, columns, seed)
    target = np.nan_to_num(features[:, 0]) + features[:, 1] * features[:, 2]
    target = target > np.median(target) if objective == "binary" else target / 10
    settings = {"objective": objective, "num_leaves": 6, "verbose": -1, "num_threads": 1, "seed": 1}
    return lgb.train(settings, lgb.Dataset(features, target, feature_name=names), 10)


def test_a_sum_is_explained_term_by_term() -> None:
    def log_odds(rows: Features) -> npt.NDArray[np.float64]:
        return 2.0 * rows[:, 0].astype(np.float64) - rows[:, 1] + 0.5

    background = np.array([[1, 4], [3, 0]], dtype=np.float32)
    found = additive_explanation(log_odds, ("a", "b"), np.array([5, 1], dtype=np.float32), background)
    assert found.contributions == pytest.approx({"a": 2 * (5 - (1 + 3) / 2), "b": -(1 - (4 + 0) / 2)})
    assert found.baseline == pytest.approx((2 * 1 - 4 + 0.5 + 2 * 3 - 0 + 0.5) / 2)


def test_a_product_is_shared_between_its_factors() -> None:
    def log_odds(rows: Features) -> npt.NDArray[np.float64]:
        return (rows[:, 0] * rows[:, 1]).astype(np.float64)

    # From (0, 0) to (2, 3) either factor alone changes nothing, so each is worth half of 6; the third says nothing.
    found = sampled_explanation(
        log_odds, ("a", "b", "c"), np.array([2, 3, 9], np.float32), np.zeros((1, 3), np.float32), seed=1
    )
    assert found.contributions == pytest.approx({"a": 2 * 3 / 2, "b": 2 * 3 / 2, "c": 0.0})
    assert found.errors == pytest.approx({"a": 0.0, "b": 0.0, "c": 0.0})


def test_sampled_orders_come_near_the_exact_terms_and_are_the_same_every_time() -> None:
    scorer = CalibratedRanker(logistic(), CALIBRATION)
    row, background = pool(1, COUNT, 5)[0], pool(160, COUNT)
    exact = explanation(scorer, row, background, seed=1)

    def log_odds(rows: Features) -> npt.NDArray[np.float64]:
        return CALIBRATION.slope * scorer.ranker.raw_scores(rows, np.ones(len(rows), np.float32), 1) - 0.3

    sampled, again = (sampled_explanation(log_odds, RANKING_FEATURES, row, background, seed=2) for _ in range(2))
    assert sampled == again
    assert sampled.log_odds == pytest.approx(exact.log_odds)
    assert sampled.errors is not None
    misses = [
        abs(sampled.contributions[name] - exact.contributions[name]) > 4 * sampled.errors[name] + 1e-6
        for name in RANKING_FEATURES
    ]
    assert not any(misses)


@pytest.mark.parametrize("kind", ["logistic", "boosted_trees", "thompson"])
def test_baseline_and_contributions_sum_to_the_score(kind: str) -> None:
    features = pool(50, COUNT)
    if kind == "logistic":
        scorer: CalibratedRanker | BayesianLogisticRanker = CalibratedRanker(logistic(), CALIBRATION)
    elif kind == "boosted_trees":
        booster = trees(COUNT + 1, [*RANKING_FEATURES, "position"], "binary")
        scorer = CalibratedRanker(BoostedTreesRanker(booster), CALIBRATION)
    else:
        codes = np.random.default_rng(2).integers(0, 3, (50, 2)).astype(np.float32)
        features = np.column_stack([features, codes])
        names = (*RANKING_FEATURES, *CODES)
        seen = Rows(features[:, :-1], np.ones(50, np.float32), np.zeros(50), np.ones(50), np.arange(50) % 3)
        belief = prior(seen, names, CODES, Bandit())
        random = np.random.default_rng(4)
        belief = replace(
            belief,
            mean=random.normal(scale=0.2, size=len(belief.names)),
            offer_id=np.arange(3),
            offer_mean=random.normal(size=3),
            offer_slope=np.zeros((3, len(belief.names))),
            offer_variance=np.ones(3),
        )
        scorer = BayesianLogisticRanker(belief, 0.5)
    scores = scorer.scored(features, 1).score.astype(np.float64)
    log_odds = np.log(scores / (1 - scores))
    for place in (0, 1, 7):
        found = explanation(scorer, features[place], features, seed=1)
        assert set(scorer.feature_names) <= set(found.contributions)
        assert found.baseline + sum(found.contributions.values()) == pytest.approx(log_odds[place], abs=1e-4)
        if kind != "boosted_trees":
            assert found.baseline == pytest.approx(log_odds.mean(), abs=1e-3)


def test_trees_say_nothing_of_a_feature_that_they_never_split_on() -> None:
    booster = trees(5, list("abcde"))
    row = pool(1, 5, 9)[0]
    found = tree_explanation(booster, row, Calibration(2.0, 1.0))
    assert found.log_odds == pytest.approx(2.0 * booster.predict(row[None])[0] + 1.0)
    used = {name for name, gain in zip("abcde", booster.feature_importance("gain"), strict=True) if gain}
    assert {name for name, value in found.contributions.items() if value} <= used


@pytest.mark.parametrize("kind", [LearnerKind.X, LearnerKind.DR, LearnerKind.T])
def test_an_effect_is_explained_whatever_its_learner(kind: LearnerKind) -> None:
    names = list(RANKING_FEATURES)
    parts = {LearnerKind.X: ("on_treated", "on_controls"), LearnerKind.DR: ("effect",)}
    wanted = parts.get(kind, ("with_offer", "without"))
    objective = "binary" if kind is LearnerKind.T else "regression"
    boosters = {name: trees(COUNT, names, objective, seed) for seed, name in enumerate(wanted, start=3)}
    effect = ScaledEffect(Learner(kind, boosters), Scale(0.02, 0.1, 0.5))
    row = pool(1, COUNT, 11)[0]
    found = effect_explanation(effect, row, pool(20, COUNT), 1, 1)
    assert found.log_odds == pytest.approx(float(effect.of(row[None], 1)[0]))
