"""One contract for every ranker; and that each learns where there is something to learn, and only there."""

import pickle
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from metro_assets.config import Ranking
from metro_assets.metrics import auc, list_metrics
from metro_assets.ranking.bayesian_logistic import BayesianLogisticRanker
from metro_assets.ranking.examples import Examples
from metro_assets.ranking.fitting import RANKERS, ranker_class
from metro_assets.ranking.listwise import ListwiseRanker
from metro_assets.ranking.logistic import HEAVY_TAILED
from metro_assets.ranking.protocol import TOP_POSITION, Ranker
from metro_assets.vocabulary import RANKING_FEATURES

SETTINGS = Ranking(boosting_rounds=60, early_stopping_rounds=10, num_leaves=15, minimum_leaf_rows=50)
SEED, THREADS, LIST_ROWS = 11, 1, 10
DEPTH, PURCHASES = RANKING_FEATURES.index("discount_depth"), RANKING_FEATURES.index("product_purchases")
MATCH = RANKING_FEATURES.index("price_sensitivity_match")
LogOdds = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""True log odds of the rows, given standard normal draws of the features and the positions."""


def shown(
    seed: int,
    log_odds: LogOdds,
    lists: int = 1000,
    missing_share: float = 0.05,
    policy: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Examples:
    """Lists of ten; a policy gives the score by which offers are placed, else places are random."""
    random = np.random.default_rng(seed)
    rows = lists * LIST_ROWS
    normal = random.standard_normal((rows, len(RANKING_FEATURES)))
    wish = random.random(rows) if policy is None else policy(normal) + 0.5 * random.standard_normal(rows)
    position = (np.argsort(np.argsort(-wish.reshape(lists, LIST_ROWS), axis=1), axis=1) + 1.0).ravel()
    label = random.random(rows) < expit(log_odds(normal, position))
    is_heavy = np.array([name in HEAVY_TAILED for name in RANKING_FEATURES])
    features = np.where(is_heavy, np.exp(normal), normal).astype(np.float32)
    others = [place for place in range(len(RANKING_FEATURES)) if place not in (DEPTH, PURCHASES, MATCH)]
    features[:, others] = np.where(random.random((rows, len(others))) < missing_share, np.nan, features[:, others])
    return examples(features, label, position, np.repeat(np.arange(lists), LIST_ROWS))


def examples(features: np.ndarray, label: np.ndarray, position: np.ndarray, list_id: np.ndarray) -> Examples:
    rows = len(label)
    return Examples(
        features=features,
        position=position.astype(np.float32),
        label=label.astype(np.int8),
        weight=np.ones(rows, dtype=np.float32),
        list_id=list_id.astype(np.int64),
        customer_id=list_id.astype(np.int64),
        offer_id=np.arange(rows, dtype=np.int64),
        shown_date=np.full(rows, np.datetime64("2026-03-02")),
        impression_id=np.arange(rows, dtype=np.int64),
        policy=pl.Series(["logging"]).new_from_index(0, rows),
    )


def planted(normal: np.ndarray, position: np.ndarray) -> np.ndarray:
    return -2.5 + 1.2 * normal[:, DEPTH] + 0.8 * normal[:, PURCHASES]


def nothing(normal: np.ndarray, position: np.ndarray) -> np.ndarray:
    return np.full(len(normal), -2.5)


def at_top(ranker: Ranker, features: np.ndarray) -> np.ndarray:
    return ranker.raw_scores(features, np.full(len(features), TOP_POSITION, dtype=np.float32), THREADS)


def with_position(part: Examples, position: np.ndarray) -> Examples:
    return examples(part.features, part.label, position, part.list_id)


@pytest.fixture(scope="module")
def train() -> Examples:
    return shown(1, planted)


@pytest.fixture(scope="module")
def validation() -> Examples:
    return shown(2, planted, lists=400)


@pytest.fixture(scope="module", params=[*map(ranker_class, RANKERS), ListwiseRanker], ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Ranker]:
    fitted: type[Ranker] = request.param
    return fitted


@pytest.fixture(scope="module")
def ranker(kind: type[Ranker], train: Examples, validation: Examples) -> Ranker:
    return kind.fit(train, validation, SETTINGS, SEED, THREADS)


# the contract -------------------------------------------------------------------------------------------------------


def test_scores_are_one_finite_double_per_row(ranker: Ranker, validation: Examples) -> None:
    scores = ranker.raw_scores(validation.features, validation.position, THREADS)
    assert scores.dtype == np.float64
    assert scores.shape == (len(validation),)
    assert np.isfinite(scores).all()


def test_what_was_saved_and_loaded_scores_alike_to_the_bit(ranker: Ranker, validation: Examples) -> None:
    again = type(ranker).load(ranker.save())
    position = validation.position
    np.testing.assert_array_equal(
        again.raw_scores(validation.features, position, THREADS),
        ranker.raw_scores(validation.features, position, THREADS),
    )
    assert again.save() == ranker.save()


def test_files_are_text_or_safetensors_that_no_pickle_reads(ranker: Ranker) -> None:
    for name, content in ranker.save().items():
        assert name.endswith((".json", ".txt", ".safetensors"))
        assert name.endswith(".safetensors") or "\0" not in content.decode("utf-8")
        with pytest.raises((pickle.UnpicklingError, ValueError, IndexError, KeyError, EOFError)):
            pickle.loads(content)


def test_the_same_seed_gives_the_same_bytes(ranker: Ranker, train: Examples, validation: Examples) -> None:
    again = type(ranker).fit(train, validation, SETTINGS, SEED, THREADS)
    assert again.save() == ranker.save()
    refits = [one.refit(train, SETTINGS, SEED, THREADS).save() for one in (ranker, again)]
    assert refits[0] == refits[1]


def test_a_loaded_ranker_can_be_refitted_as_the_first_could(ranker: Ranker, validation: Examples) -> None:
    loaded = type(ranker).load(ranker.save())
    refits = [one.refit(validation, SETTINGS, SEED, THREADS).save() for one in (ranker, loaded)]
    assert refits[0] == refits[1]


def test_the_order_of_rows_does_not_change_their_scores(ranker: Ranker, validation: Examples) -> None:
    order = np.random.default_rng(5).permutation(len(validation))
    whole = ranker.raw_scores(validation.features, validation.position, THREADS)
    shuffled = ranker.raw_scores(validation.features[order], validation.position[order], THREADS)
    np.testing.assert_array_equal(shuffled, whole[order])


def test_a_row_alone_scores_as_among_others(ranker: Ranker, validation: Examples) -> None:
    whole = ranker.raw_scores(validation.features[:40], validation.position[:40], THREADS)
    alone = [ranker.raw_scores(validation.features[[row]], validation.position[[row]], THREADS)[0] for row in range(40)]
    np.testing.assert_array_equal(alone, whole)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_kind_of_outcome_gives_everybody_the_same_score(kind: type[Ranker], train: Examples, outcome: int) -> None:
    same = examples(train.features, np.full(len(train), outcome), train.position, train.list_id)
    scores = at_top(kind.fit(same, None, SETTINGS, SEED, THREADS), train.features)
    assert np.isfinite(scores).all()
    # The same label everywhere moves a belief a little from every feature that leans to one side.
    assert np.ptp(scores) < (1.0 if kind is BayesianLogisticRanker else 1e-6)


def test_no_row_has_no_score(ranker: Ranker, validation: Examples) -> None:
    assert ranker.raw_scores(validation.features[:0], validation.position[:0], THREADS).shape == (0,)


def test_a_row_of_which_nothing_is_known_has_a_score(ranker: Ranker) -> None:
    unknown = np.full((3, len(RANKING_FEATURES)), np.nan, dtype=np.float32)
    assert np.isfinite(ranker.raw_scores(unknown, np.full(3, np.nan, dtype=np.float32), THREADS)).all()


def test_a_feature_that_was_always_missing_is_no_obstacle(kind: type[Ranker], train: Examples) -> None:
    without = train.features.copy()
    without[:, 0] = np.nan
    fitted = kind.fit(examples(without, train.label, train.position, train.list_id), None, SETTINGS, SEED, THREADS)
    assert np.isfinite(at_top(fitted, train.features)).all()
    assert auc(train.label, at_top(fitted, train.features)) > 0.75


def test_no_position_known_is_no_obstacle(kind: type[Ranker], train: Examples, validation: Examples) -> None:
    blind = with_position(train, np.full(len(train), np.nan))
    fitted = kind.fit(blind, None, SETTINGS, SEED, THREADS)
    assert auc(validation.label, at_top(fitted, validation.features)) > 0.75


def test_importance_names_every_feature_and_the_planted_ones_lead(ranker: Ranker) -> None:
    importance = ranker.importance()
    assert list(importance) == list(RANKING_FEATURES)
    assert min(importance.values()) >= 0
    leading = sorted(importance, key=importance.__getitem__, reverse=True)[:2]
    assert leading == ["discount_depth", "product_purchases"]


def test_a_row_of_weight_three_counts_as_three_rows(kind: type[Ranker], train: Examples) -> None:
    tripled = np.where(train.label == 1, 3, 1)
    weighted = Examples(**{**vars(train), "weight": tripled.astype(np.float32)})
    rows = np.repeat(np.arange(len(train)), tripled)
    repeated = examples(train.features[rows], train.label[rows], train.position[rows], train.list_id[rows])
    fits = [kind.fit(part, None, SETTINGS, SEED, THREADS) for part in (weighted, repeated, train)]
    by_weight, by_rows, plain = (at_top(fit, train.features).mean() for fit in fits)
    # three times the odds of a redemption: the log odds rise by about ln 3 = 1.10, whichever way it is said
    assert by_weight == pytest.approx(by_rows, abs=0.1)
    assert by_weight - plain == pytest.approx(np.log(3), abs=0.15)


# learning -----------------------------------------------------------------------------------------------------------


def test_a_planted_signal_is_found_nearly_as_well_as_the_truth_knows_it(ranker: Ranker) -> None:
    fresh = shown(3, planted, lists=1000)
    depth, purchases = fresh.features[:, DEPTH], np.log(fresh.features[:, PURCHASES])
    truth = auc(fresh.label, 1.2 * depth + 0.8 * purchases)
    found = auc(fresh.label, at_top(ranker, fresh.features))
    assert truth > 0.8
    assert truth - 0.02 < found < truth + 0.005


def test_without_a_signal_fresh_days_are_at_chance(kind: type[Ranker]) -> None:
    fitted = kind.fit(shown(4, nothing), shown(5, nothing, lists=400), SETTINGS, SEED, THREADS)
    fresh = shown(6, nothing, lists=1000)
    redeemed, rows = int(fresh.label.sum()), len(fresh)
    # standard deviation of the AUC of an order that knows nothing (Mann and Whitney 1947)
    deviation = np.sqrt((rows + 1) / (12 * redeemed * (rows - redeemed)))
    assert abs(auc(fresh.label, at_top(fitted, fresh.features)) - 0.5) < 3 * deviation


def examined(normal: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Quality is the depth; the odds fall with the position to the power of 1.5, whatever is shown there."""
    return -1.0 + 0.8 * normal[:, DEPTH] - 1.5 * np.log(position)


def by_match(normal: np.ndarray) -> np.ndarray:
    """A logging policy that puts offers at the top for a feature that says nothing about their quality."""
    return normal[:, MATCH]


def test_a_planted_examination_curve_is_recovered(kind: type[Ranker]) -> None:
    fitted = kind.fit(shown(7, examined, lists=3000), None, SETTINGS, SEED, THREADS)
    fresh = shown(8, examined, lists=100).features
    for position in (2, 4, 8):
        shown_there = fitted.raw_scores(fresh, np.full(len(fresh), position, dtype=np.float32), THREADS)
        fall = (shown_there - at_top(fitted, fresh)).mean()
        assert fall == pytest.approx(-1.5 * np.log(position), abs=0.35)


def test_the_order_by_quality_is_found_only_if_the_position_is_told_from_it(kind: type[Ranker]) -> None:
    log = shown(9, examined, policy=by_match)
    blind = with_position(log, np.full(len(log), np.nan))
    fresh = shown(10, examined, lists=400, policy=by_match)
    quality = fresh.features[:, DEPTH].reshape(-1, LIST_ROWS)
    is_best = (quality == quality.max(axis=1, keepdims=True)).ravel()

    def first_places(part: Examples) -> float:
        """NDCG@10 of the offer of the highest quality in every list."""
        scores = at_top(kind.fit(part, None, SETTINGS, SEED, THREADS), fresh.features)
        return float(list_metrics(fresh.list_id, is_best, scores, fresh.offer_id, 10).ndcg.mean())

    knowing, ignoring = first_places(log), first_places(blind)
    assert knowing > 0.75
    assert knowing > ignoring + 0.1
