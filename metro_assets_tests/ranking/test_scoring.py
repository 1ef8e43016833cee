"""Scores of the pool: every pair by every algorithm, whatever the batches."""

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl
import pytest

from metro_assets.ranking import scoring
from metro_assets.ranking.calibration import Calibration
from metro_assets.ranking.fitting import CalibratedRanker
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.ranking.scoring import retrieval_order, score_pool
from metro_assets.sql import Relation
from metro_assets.vocabulary import CUSTOMER_FEATURES, OFFER_FEATURES, RANKING_FEATURES, UNRANKED

RUN_DATE = date(2026, 5, 18)
Table = Callable[..., Relation]


class Echo:
    """A stub whose log odds are one feature, and which remembers the positions that it was asked for."""

    feature_names = RANKING_FEATURES

    def __init__(self, feature: str) -> None:
        self.place = RANKING_FEATURES.index(feature)
        self.positions: set[float] = set()

    def raw_scores(self, features: np.ndarray, position: np.ndarray, threads: int) -> np.ndarray:
        self.positions |= set(position.tolist())
        return features[:, self.place].astype(np.float64)


def pool(table: Table, pairs: list[tuple[int, int]]) -> tuple[Relation, Relation, Relation]:
    """Features that say where they come from: recency is the customer's id, depth a tenth of the offer's."""
    customers, offers = sorted({pair[0] for pair in pairs}), sorted({pair[1] for pair in pairs})
    given = dict.fromkeys(("bought_before", "product_purchases"), 0)
    return (
        table(
            "interaction_features",
            [
                {"run_date": RUN_DATE, "customer_id": c, "offer_id": o, "days_since_product": c + o / 100} | given
                for c, o in pairs
            ],
        ),
        table(
            "customer_features",
            [dict.fromkeys(CUSTOMER_FEATURES, 1.0) | {"customer_id": c, "recency_days": c} for c in customers],
        ),
        table(
            "offer_features",
            [dict.fromkeys(OFFER_FEATURES, 1.0) | {"offer_id": o, "discount_depth": o / 10} for o in offers],
        ),
    )


def sigmoid(number: float) -> float:
    return 1 / (1 + np.exp(-number))


def test_every_pair_is_scored_by_every_algorithm_with_its_own_features(table: Table) -> None:
    rankers = {
        "by_offer": CalibratedRanker(Echo("discount_depth"), Calibration(2.0, -1.0)),
        "by_customer": CalibratedRanker(Echo("recency_days"), Calibration(1.0, 0.0)),
        "by_pair": CalibratedRanker(Echo("days_since_product"), Calibration(1.0, 0.0)),
    }
    scored = score_pool(rankers, *pool(table, [(2, 7), (1, 7), (1, 3)]), threads=1)
    expected = [
        (customer, offer, algorithm, logit)
        for customer, offer in ((1, 3), (1, 7), (2, 7))
        for algorithm, logit in (
            ("by_customer", customer),
            ("by_offer", 2 * offer / 10 - 1),
            ("by_pair", customer + offer / 100),
        )
    ]
    assert scored.columns == ["customer_id", "offer_id", "algorithm", "score", "value_ron", "log_odds_sd"]
    assert scored.select("customer_id", "offer_id", "algorithm").rows() == [row[:3] for row in expected]
    assert scored["score"].to_list() == pytest.approx([sigmoid(row[3]) for row in expected], rel=1e-6)
    assert scored.schema["score"] == pl.Float32


def test_everything_is_scored_as_if_shown_at_the_top(table: Table) -> None:
    echo = Echo("recency_days")
    score_pool({"echo": CalibratedRanker(echo, Calibration(1.0, 0.0))}, *pool(table, [(1, 1), (1, 2)]), threads=1)
    assert echo.positions == {1.0}


def test_an_unknown_feature_reaches_the_ranker_as_missing(table: Table) -> None:
    pairs, customers, offers = pool(table, [(1, 1), (2, 1)])
    one_unknown = table("customer_features", [{"customer_id": 1, "recency_days": None}, {"customer_id": 2}])
    both = table("customer_features", [{"customer_id": 1, "recency_days": 5.0}, {"customer_id": 2}])
    rankers = {"echo": CalibratedRanker(Echo("recency_days"), Calibration(1.0, 0.0))}
    assert np.isnan(score_pool(rankers, pairs, one_unknown, offers, threads=1)["score"].to_numpy()).all()
    found = score_pool(rankers, pairs, both, offers, threads=1)["score"].to_numpy()
    np.testing.assert_allclose(found, [sigmoid(5), np.nan], rtol=1e-6)
    assert not np.isnan(score_pool(rankers, pairs, customers, offers, threads=1)["score"].to_numpy()).any()


def test_scoring_in_batches_equals_scoring_at_once(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = len(RANKING_FEATURES)
    logistic = LogisticRanker([0.0] * columns, [1.0] * columns, [], list(np.linspace(-0.3, 0.4, columns + 1)), -2.0)
    rankers = {
        "echo": CalibratedRanker(Echo("days_since_product"), Calibration(0.3, -1.0)),
        "logistic": CalibratedRanker(logistic, Calibration(1.0, 0.0)),
    }
    pairs = [(customer, offer) for customer in range(1, 41) for offer in range(1, 2 + customer % 7)]
    relations = pool(table, pairs)
    at_once = score_pool(rankers, *relations, threads=1)
    assert len(at_once) == 2 * len(pairs)
    for size in (1, 3, 50):
        monkeypatch.setattr(scoring, "ROWS_AT_A_TIME", size)
        in_batches = score_pool(rankers, *relations, threads=1)
        assert in_batches.equals(at_once)
        echo = pl.col("algorithm") == "echo"
        assert in_batches.filter(echo).equals(at_once.filter(echo))


def test_an_empty_pool_has_no_scores_but_the_columns(table: Table) -> None:
    scored = score_pool(
        {"echo": CalibratedRanker(Echo("recency_days"), Calibration(1.0, 0.0))}, *pool(table, []), threads=1
    )
    assert scored.is_empty()
    assert scored.columns == ["customer_id", "offer_id", "algorithm", "score", "value_ron", "log_odds_sd"]


def test_where_nothing_is_fitted_the_pool_comes_in_the_order_of_retrieval(table: Table) -> None:
    """What the customer buys first, then their categories, then what others buy; the score is 1 / place."""
    ranks = [
        {"customer_id": 1, "offer_id": 5, "segment_popularity_rank": 1},
        {"customer_id": 1, "offer_id": 6, "repeat_purchase_rank": 2, "category_affinity_rank": 1},
        {"customer_id": 1, "offer_id": 7, "repeat_purchase_rank": 1},
        {"customer_id": 1, "offer_id": 8, "category_affinity_rank": 3},
        {"customer_id": 2, "offer_id": 5, "high_margin_rank": 1},
    ]
    rows = retrieval_order(table("candidate_pool", ranks)).pl().sort("customer_id", "score", descending=[False, True])
    assert rows["offer_id"].to_list() == [7, 6, 8, 5, 5]
    assert rows["score"].to_list() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1])
    assert rows["algorithm"].unique().to_list() == [UNRANKED]
