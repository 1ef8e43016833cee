"""A whole fit on a small log: windows that do not see each other, what is kept of a model, a leak that is noticed."""

import pickle
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from metro_assets.config import Gate, Ranking
from metro_assets.ranking.examples import NotEnoughHistoryError, load_examples, windows_before
from metro_assets.ranking.fitting import (
    RANKERS,
    FittedRanker,
    choose,
    fit_ranker,
    impressions_read,
    judged,
    load_holdout,
    load_ranker,
    load_references,
    load_scorer,
    partition_seed,
    score,
    stored_references,
    stored_scores,
)
from metro_assets.sql import Relation
from metro_assets.vocabulary import CONTEXT_FEATURES, NEXT_ITEM_FEATURE, OFFER_CODE, RANKING_FEATURES, Algorithm

SUSPICIOUS_AUC_WITHIN_LISTS = Gate().suspicious_auc_within_lists
SETTINGS = Ranking(train_days=14, validation_days=3, test_days=3, boosting_rounds=30, minimum_leaf_rows=20)
RUN_DATE = date(2026, 5, 18)
NEWEST = date(2026, 5, 11)
DAYS, LISTS_A_DAY, LIST_ROWS = 20, 25, 8
FIRST = NEWEST - timedelta(days=DAYS - 1)
WINDOWS = windows_before(RUN_DATE, FIRST, SETTINGS)
SEED, THREADS, BINS = 42, 1, 5
Table = Callable[..., Relation]


def log(leak: bool = False) -> pl.DataFrame:
    """Twenty days of labelled lists; depth decides, and days_since_product is missing for half of the rows."""
    random = np.random.default_rng(1)
    rows = DAYS * LISTS_A_DAY * LIST_ROWS
    features = dict(zip(RANKING_FEATURES, random.random((len(RANKING_FEATURES), rows)), strict=True))
    position = np.arange(rows) % LIST_ROWS + 1
    label = random.random(rows) < expit(-2.5 + 4 * features["discount_depth"] - 0.5 * np.log(position))
    features["days_since_product"] = np.where(random.random(rows) < 0.5, np.nan, features["days_since_product"])
    if leak:
        features["bought_before"] = label.astype(float)
    number = np.arange(rows) // LIST_ROWS
    frame = {
        "impression_id": np.arange(rows) + 1,
        "slate_id": number,
        "customer_id": number % 40,
        "offer_id": random.permuted(np.tile(np.arange(LIST_ROWS), (rows // LIST_ROWS, 1)), axis=1).ravel(),
        "shown_date": [FIRST + timedelta(days=int(day)) for day in number // LISTS_A_DAY],
        "position": position,
        "policy": ["logging"] * rows,
        "label": label.astype(np.int8),
        **{name: 1_000.0 + random.integers(0, 3, rows) for name in CONTEXT_FEATURES},
        NEXT_ITEM_FEATURE: random.normal(-6.0, 1.0, rows),
    }
    return pl.DataFrame(frame | features).with_columns(pl.col("days_since_product").fill_nan(None))


def fitted(algorithm: Algorithm, rows: Relation, settings: Ranking = SETTINGS) -> FittedRanker:
    return fit_ranker(algorithm, rows, WINDOWS, RUN_DATE, settings, SEED, THREADS, BINS)


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return log()


@pytest.fixture(scope="module")
def as_relation(table: Table) -> Callable[[pl.DataFrame], Relation]:
    codes = dict.fromkeys((*CONTEXT_FEATURES, OFFER_CODE, NEXT_ITEM_FEATURE), "float")
    return partial(table, "training_examples", label="utinyint", **codes)


@pytest.fixture(scope="module")
def rows(as_relation: Callable[[pl.DataFrame], Relation], frame: pl.DataFrame) -> Relation:
    return as_relation(frame)


@pytest.fixture(scope="module", params=sorted(RANKERS), ids=str)
def algorithm(request: pytest.FixtureRequest) -> Algorithm:
    return request.param


@pytest.fixture(scope="module")
def model(algorithm: Algorithm, rows: Relation) -> FittedRanker:
    return fitted(algorithm, rows)


def test_the_windows_are_of_the_days_they_say(model: FittedRanker) -> None:
    # 14, 3 and 3 days of 25 lists of 8
    assert model.metadata["rows"] == {"train": 2800, "validation": 600, "test": 600, "refit": 4000}
    assert model.metadata["windows"] == {
        "train": ["2026-04-22", "2026-05-05"],
        "validation": ["2026-05-06", "2026-05-08"],
        "test": ["2026-05-09", "2026-05-11"],
    }
    assert model.metadata["features"] == list(model.ranker.feature_names)


def test_rows_that_a_fit_does_not_read_may_lack_a_costly_feature(
    frame: pl.DataFrame, as_relation: Callable[[pl.DataFrame], Relation]
) -> None:
    few = SETTINGS.model_copy(update={"maximum_rows": 1_200, "maximum_judged_rows": 400})
    rows = as_relation(frame)
    read = impressions_read(Algorithm.SASREC, rows, WINDOWS, RUN_DATE, few, SEED)["impression_id"]
    assert read.is_sorted()
    assert read.n_unique() == len(read)
    assert 1_200 < len(read) < len(frame) * 0.7
    is_read = pl.col("impression_id").is_in(read.implode())
    bare = as_relation(frame.with_columns(pl.when(is_read).then(NEXT_ITEM_FEATURE)))
    whole, sparse = (fitted(Algorithm.SASREC, part, few).files() for part in (rows, bare))
    assert whole == sparse


def test_it_learned_and_says_how_well(model: FittedRanker) -> None:
    for window in ("validation", "test"):
        metrics = model.metadata["metrics"][window]
        assert list(metrics) == ["auc", "auc_within_lists", "ndcg_at_10", "ece", "lists_with_redemption"]
        assert 0.7 < metrics["auc"] < 0.9
        assert 0.7 < metrics["auc_within_lists"] < SUSPICIOUS_AUC_WITHIN_LISTS
        assert metrics["ece"] < 0.1
    assert max(model.metadata["importance"], key=model.metadata["importance"].__getitem__) == "discount_depth"


def test_the_same_day_fitted_again_is_the_same_to_the_byte(
    algorithm: Algorithm,
    model: FittedRanker,
    frame: pl.DataFrame,
    as_relation: Callable[[pl.DataFrame], Relation],
) -> None:
    again = fitted(algorithm, as_relation(frame.sample(fraction=1, shuffle=True, seed=1)))
    assert again.files() == model.files()
    assert again.metadata == model.metadata


def test_the_first_fit_has_not_seen_the_test_window(
    algorithm: Algorithm,
    model: FittedRanker,
    frame: pl.DataFrame,
    as_relation: Callable[[pl.DataFrame], Relation],
) -> None:
    is_test = pl.col("shown_date") >= WINDOWS.test[0]
    turned = frame.with_columns(label=pl.when(is_test).then(1 - pl.col("label")).otherwise("label"))
    other = fitted(algorithm, as_relation(turned))
    assert other.holdout["score"].equals(model.holdout["score"])
    assert other.metadata["metrics"]["validation"] == model.metadata["metrics"]["validation"]
    assert other.metadata["metrics"]["test"]["auc"] == pytest.approx(1 - model.metadata["metrics"]["test"]["auc"])
    assert other.ranker.save() != model.ranker.save()


def test_a_day_after_the_windows_changes_nothing(
    algorithm: Algorithm,
    model: FittedRanker,
    frame: pl.DataFrame,
    as_relation: Callable[[pl.DataFrame], Relation],
) -> None:
    later = frame.head(80).with_columns(
        pl.lit(NEWEST + timedelta(days=1)).alias("shown_date"), pl.lit(1, dtype=pl.Int8).alias("label")
    )
    assert fitted(algorithm, as_relation(pl.concat([frame, later]))).files() == model.files()


def test_a_planted_leak_is_too_good_to_be_true(
    algorithm: Algorithm, as_relation: Callable[[pl.DataFrame], Relation]
) -> None:
    metrics = fitted(algorithm, as_relation(log(leak=True))).metadata["metrics"]["validation"]
    assert metrics["auc_within_lists"] > SUSPICIOUS_AUC_WITHIN_LISTS


def test_the_holdout_is_the_test_window_scored_as_if_shown_at_the_top(model: FittedRanker, frame: pl.DataFrame) -> None:
    holdout = model.holdout.sort("impression_id")
    test = frame.filter(pl.col("shown_date") >= WINDOWS.test[0]).sort("impression_id")
    for name in ("impression_id", "slate_id", "customer_id", "offer_id", "shown_date", "position", "label"):
        assert holdout[name].to_list() == test[name].to_list()
    assert holdout["product_purchases"].to_numpy() == pytest.approx(test["product_purchases"].to_numpy())
    # how an offer was placed by chance says nothing of its score: the correlation is that of 600 unrelated pairs
    assert abs(np.corrcoef(holdout["position"], holdout["score"])[0, 1]) < 3 / np.sqrt(600)


class Kept:
    """A model store of one version."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def load(self, name: str, run_date: date) -> dict[str, bytes]:
        assert run_date == RUN_DATE
        return self.files


def test_what_is_kept_gives_scores_references_and_holdout_back(
    algorithm: Algorithm, model: FittedRanker, rows: Relation
) -> None:
    files = model.files()
    names = model.ranker.feature_names
    features = load_examples(rows, WINDOWS.test, SEED, 10_000, feature_names=names).features
    scores = score(model.ranker, model.calibration, features, THREADS)
    assert scores.dtype == np.float32
    assert ((scores > 0) & (scores < 1)).all()
    np.testing.assert_array_equal(score(*load_ranker(algorithm, files), features, THREADS), scores)
    kept = Kept(files)
    shown = pl.DataFrame(features, schema=list(names), orient="row")
    served = load_scorer(algorithm, files).scored(features, THREADS).score
    np.testing.assert_array_equal(stored_scores(kept, f"{algorithm}_ranker", RUN_DATE, shown, THREADS), served)
    assert stored_scores(kept, f"{algorithm}_ranker", RUN_DATE, shown.drop("discount_depth"), THREADS) is None
    assert stored_references(kept, f"{algorithm}_ranker", RUN_DATE) == load_references(files) == model.references
    assert load_holdout(files).equals(model.holdout)


def test_nothing_kept_is_a_pickle(model: FittedRanker) -> None:
    for name, content in model.files().items():
        assert name.endswith((".json", ".txt", ".safetensors", ".parquet"))
        with pytest.raises((pickle.UnpicklingError, ValueError, IndexError, KeyError, EOFError)):
            pickle.loads(content)


def test_references_count_every_row_of_the_refit(model: FittedRanker, frame: pl.DataFrame) -> None:
    assert set(model.references) == {*RANKING_FEATURES, "score", "label"}
    assert {reference.rows for reference in model.references.values()} == {4000}
    assert model.references["days_since_product"].counts[-1] == frame["days_since_product"].null_count()
    redeemed = int(frame["label"].sum())
    assert model.references["label"].counts == (4000 - redeemed, redeemed, 0)


def test_references_of_a_sampled_fit_stand_for_the_whole_log(algorithm: Algorithm, rows: Relation) -> None:
    sampled = fitted(algorithm, rows, SETTINGS.model_copy(update={"maximum_rows": 2000}))
    assert sampled.metadata["rows"]["refit"] < 2400
    assert sampled.metadata["impressions"]["refit"] == pytest.approx(4000, rel=0.1)
    for reference in sampled.references.values():
        assert reference.rows == pytest.approx(sampled.metadata["impressions"]["refit"])


def test_all_algorithms_are_judged_on_the_same_lists(rows: Relation) -> None:
    few = SETTINGS.model_copy(update={"maximum_judged_rows": 300})
    first, *others = (fitted(algorithm, rows, few) for algorithm in sorted(RANKERS))
    assert len(first.holdout) < 600
    assert all(first.holdout["impression_id"].equals(other.holdout["impression_id"]) for other in others)
    counted = [
        (model.metadata["rows"]["validation"], model.metadata["metrics"]["validation"]["lists_with_redemption"])
        for model in (first, *others)
    ]
    assert set(counted) == {counted[0]}
    assert counted[0][0] < 600


def test_judged_by_hand(rows: Relation) -> None:
    part = load_examples(rows, (NEWEST, NEWEST), SEED, 10_000)
    perfect, useless = part.label.astype(np.float32), np.full(len(part), 0.5, dtype=np.float32)
    best = judged(part, perfect, part.label.astype(np.float64))
    assert (best["auc"], best["auc_within_lists"], best["ndcg_at_10"], best["ece"]) == (1, 1, 1, 0)
    flat = judged(part, useless, np.full(len(part), part.label.mean()))
    assert (flat["auc"], flat["auc_within_lists"]) == (0.5, 0.5)
    has = len(set(part.list_id[part.label == 1]))
    assert best["lists_with_redemption"] == flat["lists_with_redemption"] == has


def test_the_best_metric_is_chosen_ties_and_unknowns_by_name() -> None:
    def metrics(**auc: float) -> dict[str, dict[str, float]]:
        return {name: {"auc": value} for name, value in auc.items()}

    assert choose(metrics(b=0.7, a=0.6), "auc") == "b"
    assert choose(metrics(b=0.7, a=0.7), "auc") == "a"
    assert choose(metrics(b=0.1, a=float("nan")), "auc") == "b"
    assert choose(metrics(b=float("nan"), a=float("nan")), "auc") == "a"


def test_every_purpose_and_day_has_a_seed_of_its_own() -> None:
    seeds = {
        partition_seed(seed, purpose, day) for seed in (1, 2) for purpose in ("a", "b") for day in (RUN_DATE, NEWEST)
    }
    assert len(seeds) == 8
    assert max(seeds) < 2**31
    assert partition_seed(1, "a", RUN_DATE) == partition_seed(1, "a", RUN_DATE)


@pytest.mark.parametrize("algorithm", sorted(RANKERS), ids=str)
def test_a_validation_window_without_a_list_is_no_obstacle(
    algorithm: Algorithm, frame: pl.DataFrame, as_relation: Callable[[pl.DataFrame], Relation]
) -> None:
    without = frame.filter(~pl.col("shown_date").is_between(*WINDOWS.validation))
    assert fitted(algorithm, as_relation(without)).metadata["rows"]["validation"] == 0


@pytest.mark.parametrize("algorithm", sorted(RANKERS), ids=str)
def test_a_train_window_without_a_list_is_said(
    algorithm: Algorithm, frame: pl.DataFrame, as_relation: Callable[[pl.DataFrame], Relation]
) -> None:
    without = frame.filter(~pl.col("shown_date").is_between(*WINDOWS.train))
    with pytest.raises(NotEnoughHistoryError, match="the window to train on"):
        fitted(algorithm, as_relation(without))
