"""Wide & Deep beyond the contract of rankers: interactions of categories, unseen ones, early stopping, its files."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import expit

from metro_assets.config import ConfigurationError, Ranking, WideDeep
from metro_assets.metrics import auc
from metro_assets.ranking import wide_deep_network
from metro_assets.ranking.examples import Examples
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.ranking.wide_deep import (
    CROSSES,
    DESCRIPTION,
    PARAMETERS,
    UNSEEN,
    Encoding,
    WideDeepRanker,
    fitted_encoding,
)
from metro_assets.vocabulary import CONTEXT_FEATURES, RANKING_FEATURES

NAMES = WideDeepRanker.feature_names
KNOBS = WideDeep(batch_rows=256, learning_rate=3e-3)
SETTINGS = Ranking(wide_deep=KNOBS)
SEED, THREADS, LIST_ROWS = 11, 1, 10
CODES = [NAMES.index(name) for name in CONTEXT_FEATURES]
SEGMENT, MECHANIC, STORE, BENEFIT = (
    NAMES.index(f"{name}_code") for name in ("segment", "mechanic", "store", "benefit")
)
Odds = Callable[[np.ndarray], np.ndarray]
"""True log odds of rows of features."""


def shown(seed: int, log_odds: Odds, lists: int = 1000) -> Examples:
    """Lists of ten rows of normal features and of seven categories with two codes each."""
    random = np.random.default_rng(seed)
    rows = lists * LIST_ROWS
    features = random.standard_normal((rows, len(NAMES))).astype(np.float32)
    features[:, CODES] = 16_000_000 + 7 * np.array(CODES) + random.integers(0, 2, (rows, len(CODES)))
    return labelled(features, random.random(rows) < expit(log_odds(features)))


def labelled(features: np.ndarray, label: np.ndarray) -> Examples:
    rows = len(label)
    lists = np.arange(rows, dtype=np.int64) // LIST_ROWS
    return Examples(
        features=features,
        position=np.ones(rows, dtype=np.float32),
        label=label.astype(np.int8),
        weight=np.ones(rows, dtype=np.float32),
        list_id=lists,
        customer_id=lists,
        offer_id=np.arange(rows, dtype=np.int64),
        shown_date=np.full(rows, np.datetime64("2026-03-02")),
        impression_id=np.arange(rows, dtype=np.int64),
        policy=pl.Series(["logging"]).new_from_index(0, rows),
        feature_names=NAMES,
    )


def exclusive(one: int, other: int) -> Odds:
    """Either category alone says nothing; the odds rise where one of the two codes is odd and the other even."""
    return lambda features: -2.0 + 2.5 * (features[:, one] % 2 != features[:, other] % 2)


def scores(ranker: WideDeepRanker, features: np.ndarray, threads: int = THREADS) -> np.ndarray:
    return ranker.raw_scores(features, np.ones(len(features), dtype=np.float32), threads)


def deviation_at_chance(label: np.ndarray) -> float:
    """Standard deviation of the AUC of an order that knows nothing (Mann and Whitney 1947)."""
    redeemed, rows = int(label.sum()), len(label)
    return float(np.sqrt((rows + 1) / (12 * redeemed * (rows - redeemed))))


@pytest.fixture(scope="module")
def train() -> Examples:
    return shown(1, exclusive(SEGMENT, MECHANIC))


@pytest.fixture(scope="module")
def validation() -> Examples:
    return shown(2, exclusive(SEGMENT, MECHANIC), lists=500)


@pytest.fixture(scope="module")
def ranker(train: Examples, validation: Examples) -> WideDeepRanker:
    return WideDeepRanker.fit(train, validation, SETTINGS, SEED, THREADS)


# learning -----------------------------------------------------------------------------------------------------------


def test_a_planted_interaction_is_found_that_no_linear_model_can_see(ranker: WideDeepRanker, train: Examples) -> None:
    assert ("segment_code", "mechanic_code") in CROSSES
    fresh = shown(3, exclusive(SEGMENT, MECHANIC))
    truth = auc(fresh.label, exclusive(SEGMENT, MECHANIC)(fresh.features))
    assert truth > 0.7
    assert truth - 0.02 < auc(fresh.label, scores(ranker, fresh.features)) < truth + 0.02
    linear = LogisticRanker.fit(train, None, SETTINGS, SEED, THREADS)
    blind = auc(fresh.label, linear.raw_scores(fresh.features, fresh.position, THREADS))
    assert abs(blind - 0.5) < 3 * deviation_at_chance(fresh.label)


def test_the_deep_part_finds_an_interaction_that_nobody_crossed() -> None:
    assert not {("store_code", "benefit_code"), ("benefit_code", "store_code")} & set(CROSSES)
    odds = exclusive(STORE, BENEFIT)
    fitted = WideDeepRanker.fit(shown(4, odds), shown(5, odds, lists=500), SETTINGS, SEED, THREADS)
    fresh = shown(6, odds)
    assert auc(fresh.label, scores(fitted, fresh.features)) > auc(fresh.label, odds(fresh.features)) - 0.03


def test_on_permuted_labels_fresh_days_are_at_chance(train: Examples, validation: Examples) -> None:
    random = np.random.default_rng(8)
    told, judged = (replace(part, label=random.permutation(part.label)) for part in (train, validation))
    fitted = WideDeepRanker.fit(told, judged, SETTINGS, SEED, THREADS)
    fresh = shown(9, exclusive(SEGMENT, MECHANIC))
    fresh = replace(fresh, label=random.permutation(fresh.label))
    assert abs(auc(fresh.label, scores(fitted, fresh.features)) - 0.5) < 3 * deviation_at_chance(fresh.label)


def test_importance_is_led_by_the_two_categories_that_matter(ranker: WideDeepRanker) -> None:
    importance = ranker.importance()
    assert list(importance) == list(NAMES)
    assert set(sorted(importance, key=importance.__getitem__)[-2:]) == {"segment_code", "mechanic_code"}


# epochs -------------------------------------------------------------------------------------------------------------


def test_it_converges_in_under_twenty_epochs_and_keeps_the_best(ranker: WideDeepRanker) -> None:
    losses = [entry["validation"] for entry in ranker.curve]
    assert [entry["epoch"] for entry in ranker.curve] == list(range(len(losses)))
    assert 1 <= ranker.epochs == int(np.argmin(losses)) < 20
    # three more epochs were tried before it gave up, and none was better
    assert len(losses) - 1 == ranker.epochs + KNOBS.patience


def test_epoch_0_is_the_logistic_regression(ranker: WideDeepRanker, train: Examples, validation: Examples) -> None:
    known = len(RANKING_FEATURES)
    numeric = replace(train, features=train.features[:, :known], feature_names=RANKING_FEATURES)
    linear = LogisticRanker.fit(numeric, None, SETTINGS, SEED, THREADS)
    odds = linear.raw_scores(validation.features[:, :known], validation.position, THREADS)
    loss = np.logaddexp(0, np.where(validation.label == 1, -odds, odds)).mean()
    assert ranker.curve[0]["validation"] == pytest.approx(loss, abs=1e-5)


def test_a_refit_learns_for_as_many_epochs_and_keeps_the_curve(ranker: WideDeepRanker, validation: Examples) -> None:
    few = replace(ranker, epochs=2).refit(validation, SETTINGS, SEED, THREADS)
    fixed = Ranking(wide_deep=KNOBS.model_copy(update={"unjudged_epochs": 2}))
    same = WideDeepRanker.fit(validation, None, fixed, SEED, THREADS)
    assert few.save()[PARAMETERS] == same.save()[PARAMETERS]
    assert (few.epochs, few.curve) == (2, ranker.curve)
    assert [set(entry) for entry in same.curve] == [{"epoch", "train"}] * 3


# determinism and files ----------------------------------------------------------------------------------------------


def test_threads_change_no_byte_and_another_seed_does(train: Examples, validation: Examples) -> None:
    once = Ranking(wide_deep=KNOBS.model_copy(update={"epochs": 1}))
    one, two, other = (
        WideDeepRanker.fit(validation, None, once, seed, threads) for seed, threads in ((1, 1), (1, 2), (2, 1))
    )
    assert one.save() == two.save() != other.save()
    many = np.tile(train.features, (2, 1))
    np.testing.assert_array_equal(scores(one, many, threads=2), scores(one, many, threads=1))


def test_a_fit_leaves_random_state_and_threads_as_they_were(validation: Examples) -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    fitted = WideDeepRanker.fit(validation, None, SETTINGS, SEED, THREADS)
    scores(fitted, validation.features, threads=2)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_looked_up_scores_are_those_of_the_network(ranker: WideDeepRanker, train: Examples) -> None:
    encoder = wide_deep_network.Encoder(ranker.encoding)
    columns = len(ranker.parameters["linear"])
    nothing = LogisticRanker([], [], [], [0.0] * (columns + 1), 0.0)
    network = wide_deep_network.Network(encoder, ranker.encoding.hash_buckets, nothing, KNOBS).eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in ranker.parameters.items()})
    rows = encoder.encoded(torch.from_numpy(train.features))
    rows = replace(rows, cells=torch.from_numpy(ranker.encoding.buckets)[rows.cells])
    position = np.arange(len(train), dtype=np.float32) % 10 + 1
    with torch.inference_mode():
        expected = network(rows, torch.from_numpy(np.log(position))).numpy()
    np.testing.assert_allclose(ranker.raw_scores(train.features, position, THREADS), expected, atol=2e-5)


def test_it_is_kept_as_safetensors_and_json(ranker: WideDeepRanker) -> None:
    files = ranker.save()
    assert set(files) == {PARAMETERS, DESCRIPTION}
    described = json.loads(files[DESCRIPTION])
    assert described["epochs"] == ranker.epochs
    assert described["encoding"]["features"] == list(NAMES)
    # the header of a safetensors file is JSON after its length in eight bytes
    length = int.from_bytes(files[PARAMETERS][:8], "little")
    assert set(json.loads(files[PARAMETERS][8 : 8 + length])) == set(ranker.parameters)


def test_with_categories_too_what_was_loaded_scores_and_refits_alike_and_a_row_scores_alone_as_among_others(
    ranker: WideDeepRanker, validation: Examples
) -> None:
    loaded = WideDeepRanker.load(ranker.save())
    whole = scores(ranker, validation.features)
    np.testing.assert_array_equal(scores(loaded, validation.features), whole)
    alone = [scores(loaded, validation.features[[row]])[0] for row in range(5)]
    np.testing.assert_array_equal(alone, whole[:5])
    refits = [one.refit(validation, SETTINGS, SEED, THREADS).save() for one in (ranker, loaded)]
    assert refits[0] == refits[1]


# categories ---------------------------------------------------------------------------------------------------------


def test_codes_that_were_never_seen_score_like_missing_ones(ranker: WideDeepRanker, validation: Examples) -> None:
    unseen, missing = validation.features.copy(), validation.features.copy()
    unseen[:, CODES], missing[:, CODES] = 5.0, np.nan
    assert np.isfinite(scores(ranker, unseen)).all()
    np.testing.assert_array_equal(scores(ranker, unseen), scores(ranker, missing))


def test_a_rare_code_counts_as_unseen(train: Examples) -> None:
    features = train.features[:1000].copy()
    features[:, SEGMENT] = 30.0
    features[:19, SEGMENT], features[19:39, SEGMENT] = 10.0, 20.0
    part = labelled(features, train.label[:1000])
    encoding = encoded(part)
    # 19 rows are too few, 20 are enough
    assert encoding.codes["segment_code"] == [20, 30]
    slots = wide_deep_network.Encoder(encoding).fields(torch.from_numpy(features))[0]
    assert slots.unique_consecutive().tolist() == [UNSEEN, 1, 2]


def encoded(part: Examples, **knobs: int) -> Encoding:
    linear = LogisticRanker.fit(part, None, SETTINGS, SEED, THREADS)
    return fitted_encoding(part, linear, WideDeep(**knobs))


def test_a_crossed_feature_is_cut_at_its_quantiles(train: Examples) -> None:
    features = train.features[:8].copy()
    depth = NAMES.index("discount_depth")
    features[:, depth] = [1, 1, 2, 3, 4, 5, 6, np.nan]
    encoding = encoded(labelled(features, np.arange(8) % 2), quantile_buckets=2)
    # the median of the seven known is 3; a value at an edge belongs below it
    assert encoding.edges["discount_depth"] == [3.0]
    assert encoding.slots("discount_depth") == 3
    place = len(encoding.codes) + list(encoding.edges).index("discount_depth")
    slots = wide_deep_network.Encoder(encoding).fields(torch.from_numpy(features))[place]
    assert slots.tolist() == [1, 1, 1, 1, 2, 2, 2, UNSEEN]


def test_every_cell_of_every_cross_has_a_bucket_and_few_share_one(train: Examples) -> None:
    encoding = encoded(train, hash_buckets=1 << 14)
    cells = sum(encoding.slots(one) * encoding.slots(other) for one, other in CROSSES)
    assert encoding.cross_offsets[-1] == len(encoding.buckets) == cells
    assert 0 <= encoding.buckets.min() <= encoding.buckets.max() < 1 << 14
    # birthdays: n cells in m buckets leave m (1 - exp(-n / m)) distinct on average
    expected = (1 << 14) * (1 - np.exp(-cells / (1 << 14)))
    assert len(np.unique(encoding.buckets)) == pytest.approx(expected, rel=0.02)


def test_rows_without_any_category_are_no_obstacle(train: Examples) -> None:
    some = labelled(train.features[:3000], train.label[:3000])
    numeric = replace(some, features=some.features[:, : len(RANKING_FEATURES)], feature_names=RANKING_FEATURES)
    fitted = WideDeepRanker.fit(numeric, None, SETTINGS, SEED, THREADS)
    assert list(fitted.importance()) == list(RANKING_FEATURES)
    assert np.isfinite(scores(fitted, numeric.features)).all()


# without the extra --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["torch", "safetensors.numpy"])
def test_a_missing_library_is_said_with_what_to_install(
    library: str, train: Examples, ranker: WideDeepRanker, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ranker.save()
    monkeypatch.delitem(sys.modules, "metro_assets.ranking.wide_deep_network")
    monkeypatch.delattr("metro_assets.ranking.wide_deep_network")
    monkeypatch.setitem(sys.modules, library, None)
    for needing in (
        lambda: WideDeepRanker.fit(train, None, SETTINGS, SEED, THREADS),
        lambda: WideDeepRanker.load(files),
    ):
        with pytest.raises(ConfigurationError, match=r"pip install 'metro-assets\[phase2\]'"):
            needing()


def test_other_rankers_do_not_load_torch() -> None:
    code = "import sys, metro_assets.ranking.fitting; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_gpu_that_is_not_there_is_said(train: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    wanted = Ranking(wide_deep=WideDeep(device="cuda"))
    with pytest.raises(ConfigurationError, match="no GPU"):
        WideDeepRanker.fit(train, None, wanted, SEED, THREADS)
