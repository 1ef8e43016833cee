"""The learners where an effect is planted, and where there is none."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from metro_assets.config import Uplift
from metro_assets.ranking.uplift.learners import (
    Boosting,
    Learner,
    LearnerKind,
    TrialRows,
    crossed_pseudo_effect,
    fit_crossed_responses,
    fit_learner,
    fold_of,
    pseudo_effect,
)
from metro_assets.uplift_metrics import Order, Trial, qini, resamples
from metro_assets.vocabulary import RANKING_FEATURES

QUICK = Uplift(boosting_rounds=60, learning_rate=0.1, minimum_leaf_rows=100, minimum_effect_rows=200)
BOOSTING = Boosting(QUICK, seed=3, threads=1)


def trial(rows: int, effect: float, seed: int = 1, share: float = 0.5) -> tuple[TrialRows, np.ndarray]:
    """Pairs whose base rate depends on one feature, whose effect, up to `effect`, on another; and the true effect."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((rows, len(RANKING_FEATURES))).astype(np.float32)
    shown = random.random(rows) < share
    true = effect / (1.0 + np.exp(-2.0 * features[:, 3].astype(np.float64)))
    base = 0.15 + 0.2 * (features[:, 7] > 0)
    outcome = (random.random(rows) < base + true * shown).astype(np.float64)
    customer = random.integers(1, rows // 5, rows)
    return TrialRows(features, shown, np.full(rows, share), outcome, customer, RANKING_FEATURES), true


@pytest.fixture(scope="module")
def planted() -> tuple[TrialRows, TrialRows, TrialRows, np.ndarray]:
    test, true = trial(6000, 0.5, seed=13)
    return trial(12_000, 0.5, seed=11)[0], trial(4000, 0.5, seed=12)[0], test, true


@pytest.mark.parametrize("kind", LearnerKind)
def test_every_learner_recovers_a_planted_effect(kind, planted) -> None:  # type: ignore[no-untyped-def]
    train, validation, test, true = planted
    learned = fit_learner(kind, train, validation, BOOSTING).effect(test.features, threads=1)
    assert spearmanr(learned, true).statistic > 0.7
    assert learned.mean() == pytest.approx(true.mean(), abs=0.03)
    assert qini(Trial(test.outcome, test.is_treated), Order.of(learned)) > 0.05


@pytest.mark.parametrize("kind", LearnerKind)
def test_every_learner_is_at_chance_without_an_effect(kind) -> None:  # type: ignore[no-untyped-def]
    (train, _), (validation, _), (test, _) = (
        trial(size, 0.0, seed) for size, seed in ((6000, 1), (3000, 2), (6000, 3))
    )
    learned = fit_learner(kind, train, validation, BOOSTING).effect(test.features, threads=1)
    judged = Trial(test.outcome, test.is_treated)
    found = [qini(judged, Order.of(learned), weight) for weight in resamples(test.customer_id, 150, seed=1)]
    assert np.quantile(found, 0.025) <= 0 <= np.quantile(found, 0.975)
    assert abs(learned.mean()) < 0.03


@pytest.mark.parametrize("kind", LearnerKind)
def test_a_learner_comes_back_from_its_files_and_twice_the_same(kind) -> None:  # type: ignore[no-untyped-def]
    (train, _), (validation, _) = trial(2000, 0.4, 5), trial(1000, 0.4, 6)
    first, second = (fit_learner(kind, train, validation, BOOSTING) for _ in range(2))
    files = first.save("is_bought")
    assert files == second.save("is_bought")
    loaded = Learner.load(kind, "is_bought", files)
    assert np.array_equal(first.effect(validation.features, 1), loaded.effect(validation.features, 1))


def test_a_refit_keeps_the_complexity() -> None:
    (train, _), (validation, _) = trial(3000, 0.4, 5), trial(1000, 0.4, 6)
    for kind in LearnerKind:
        first = fit_learner(kind, train, validation, BOOSTING)
        again = fit_learner(kind, train, None, Boosting(QUICK, 3, 1, first.rounds))
        assert again.rounds == first.rounds


def test_the_stand_in_by_hand() -> None:
    # shown with 1/4: bought against .6 expected; held out: bought against .1 expected
    rows = TrialRows(
        np.zeros((2, 1), np.float32), np.array([True, False]), np.full(2, 0.25), np.ones(2), np.array([1, 2]), ("x",)
    )
    found = pseudo_effect(rows, np.array([0.6, 0.5]), np.array([0.2, 0.1]))
    assert found == pytest.approx([0.6 - 0.2 + (1 - 0.6) / 0.25, 0.5 - 0.1 - (1 - 0.1) / 0.75])


def test_the_stand_ins_mean_is_the_effect_even_with_unequal_arms() -> None:
    rows, true = trial(12_000, 0.4, share=0.3)
    target = crossed_pseudo_effect(rows, fit_crossed_responses(rows, None, BOOSTING), threads=1)
    assert target.mean() == pytest.approx(true.mean(), abs=0.03)


def test_folds_are_of_customers_and_about_equal() -> None:
    customers = np.arange(1, 10_001)
    fold = fold_of(np.repeat(customers, 2), 2)
    assert (fold[::2] == fold[1::2]).all()
    assert fold.mean() == pytest.approx(0.5, abs=0.03)
    assert set(fold_of(customers, 3).tolist()) == {0, 1, 2}
