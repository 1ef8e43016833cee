"""The two protocols on small tables: which rows are judged, against which outcomes, beside which baselines."""

from collections.abc import Callable
from datetime import date, timedelta
from math import log2
from typing import Any

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Evaluation
from metro_assets.evaluation.judging import SCHEMA
from metro_assets.evaluation.protocols import judge_pool, judge_shown
from metro_assets.sql import Relation

RUN_DATE = date(2026, 5, 18)
DAY = timedelta(days=1)
SERVED = RUN_DATE - 7 * DAY
SETTINGS = Evaluation(bootstrap_samples=50)
SECOND = 1 / log2(3)
Table = Callable[..., Relation]
Rows = list[dict[str, Any]]


class Truth:
    """A stub oracle that knows a chance per customer and offer, and remembers what it was asked."""

    def __init__(self, chance: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        self.chance = chance
        self.asked: list[tuple[date, list[int]]] = []

    def redemption_probability(
        self, day: date, customer_id: np.ndarray, offer_id: np.ndarray, position: np.ndarray | None = None
    ) -> np.ndarray:
        self.asked.append((day, [] if position is None else position.tolist()))
        return self.chance(customer_id, offer_id)

    def unprompted_probability(self, day: date, customer_id: np.ndarray, offer_id: np.ndarray) -> np.ndarray:
        return self.chance(customer_id, offer_id)


def values(metrics: pl.DataFrame, metric: str, population: str = "REDEEMERS") -> dict[str, float]:
    part = metrics.filter((pl.col("metric") == metric) & (pl.col("population") == population))
    return dict(part.select("algorithm", "value").rows())


# SHOWN --------------------------------------------------------------------------------------------------------------


def shown(offer_id: int, logistic: float, trees: float, label: int = 0, slate_id: int = 1, **given: Any) -> Rows:
    """An impression as both algorithms scored it."""
    row = {
        "impression_id": 100 * slate_id + offer_id,
        "slate_id": slate_id,
        "customer_id": slate_id,
        "offer_id": offer_id,
        "shown_date": SERVED,
        "position": offer_id,
        "policy": "logging",
        "label": label,
        "product_purchases": 0,
    }
    scores = {"logistic": logistic, "boosted_trees": trees}
    return [row | given | {"algorithm": algorithm, "score": score} for algorithm, score in scores.items()]


def sold(product_id: int, days_before: int, lines: int = 1, recorded: date | None = None) -> Rows:
    day = SERVED - days_before * DAY
    return [{"run_date": day, "product_id": product_id, "recorded_date": recorded or day}] * lines


def of_offers(*pairs: tuple[int, int]) -> Rows:
    return [{"offer_id": offer, "product_id": product} for offer, product in pairs]


@pytest.fixture
def judged(table: Table) -> Callable[..., pl.DataFrame]:
    def judge(
        rows: Rows | pl.DataFrame, lines: Rows = (), products: Rows = (), truth: Truth | None = None
    ) -> pl.DataFrame:
        return judge_shown(
            table("holdout_scores", rows),
            table("order_items", list(lines)),
            table("offer_products", list(products)),
            truth,
            SETTINGS,
            seed=1,
        )

    return judge


Judge = Callable[..., pl.DataFrame]


def test_each_algorithm_is_judged_by_its_own_scores(judged: Judge) -> None:
    metrics = judged(shown(1, 0.9, 0.2) + shown(2, 0.5, 0.8, label=1))
    assert values(metrics, "ndcg_at_10")["logistic"] == pytest.approx(SECOND)
    assert values(metrics, "ndcg_at_10")["boosted_trees"] == 1
    assert set(values(metrics, "ndcg_at_10")) == {
        "logistic",
        "boosted_trees",
        "random",
        "popularity",
        "repeat_purchase",
    }
    assert metrics.select("protocol", "subject").unique().rows() == [("SHOWN", "HOLDOUT")]


def test_the_outcomes_are_of_the_days_on_which_the_lists_were_shown(judged: Judge) -> None:
    metrics = judged(shown(1, 0.9, 0.2) + shown(2, 0.5, 0.8, slate_id=2, shown_date=SERVED + 2 * DAY))
    assert metrics.select("from_date", "to_date").unique().rows() == [(SERVED, SERVED + 2 * DAY)]


def test_repeat_purchase_orders_by_how_often_the_products_were_bought(judged: Judge) -> None:
    rows = shown(1, 0.5, 0.5, product_purchases=1) + shown(2, 0.5, 0.5, label=1, product_purchases=4)
    assert values(judged(rows), "ndcg_at_10")["repeat_purchase"] == 1


def test_popularity_counts_the_lines_of_four_weeks_known_before_the_first_day(judged: Judge) -> None:
    # offer 2 has two lines of its two products; of offer 1's five lines one counts: three are too old or too new, one
    # became known too late
    lines = [
        *sold(21, 1),
        *sold(22, 28),
        *sold(11, 3),
        *sold(11, 29, lines=2),
        *sold(11, 0),
        *sold(11, 2, recorded=SERVED),
    ]
    # that offers are listed for several days does not count their products twice
    products = of_offers((1, 11), (1, 11), (1, 11), (2, 21), (2, 22))
    rows = shown(1, 0.5, 0.5) + shown(2, 0.5, 0.5, label=1) + shown(3, 0.5, 0.5)
    assert values(judged(rows, lines, products), "ndcg_at_10")["popularity"] == 1
    one_more = [*lines, *sold(11, 5, lines=2)]
    assert values(judged(rows, one_more, products), "ndcg_at_10")["popularity"] == pytest.approx(SECOND)


def test_the_oracle_knows_each_day_and_place(judged: Judge) -> None:
    truth = Truth(lambda customer, offer: offer / 10)
    rows = [
        *shown(1, 0.9, 0.9, slate_id=2, shown_date=SERVED + DAY, position=4),
        *shown(1, 0.9, 0.9, position=3),
        *shown(2, 0.1, 0.1, label=1, position=None),
    ]
    metrics = judged(rows, truth=truth)
    assert truth.asked == [(SERVED, [3, 1]), (SERVED + DAY, [4])]
    assert values(metrics, "ndcg_at_10")["oracle"] == 1


def test_no_holdout_is_nothing_judged(judged: Judge) -> None:
    metrics = judged([])
    assert metrics.is_empty()
    assert dict(metrics.schema) == SCHEMA


def drawn(lists: int, size: int = 10) -> tuple[pl.DataFrame, Truth]:
    """Lists whose redemptions follow a known chance: logistic sees half of it, boosted trees nothing."""
    random = np.random.default_rng(1)
    logit = random.normal(0, 1.5, lists * size)
    chance = 1 / (1 + np.exp(2 - logit))
    number = np.arange(lists * size)
    rows = pl.DataFrame(
        {
            "impression_id": number,
            "slate_id": number // size,
            "customer_id": number // size,
            "offer_id": number % size,
            "shown_date": [SERVED] * len(number),
            "position": number % size + 1,
            "policy": ["logging"] * len(number),
            "label": (random.random(len(number)) < chance).astype(np.int8),
            "product_purchases": random.integers(0, 3, len(number)),
        }
    )
    scores = {"logistic": logit / 2 + random.normal(0, 0.75, len(number)), "boosted_trees": random.random(len(number))}
    by_pair = chance.reshape(lists, size)
    both = [rows.with_columns(algorithm=pl.lit(name), score=pl.Series(score)) for name, score in scores.items()]
    return pl.concat(both), Truth(lambda customer, offer: by_pair[customer, offer])


def test_random_is_at_chance_and_the_oracle_is_the_ceiling(judged: Judge) -> None:
    lists = 600
    rows, truth = drawn(lists)
    metrics = judged(rows, truth=truth)
    within = values(metrics, "auc_within_lists")
    # an AUC of one of ten against the rest has a standard deviation of about .3
    assert within["random"] == pytest.approx(0.5, abs=3 * 0.3 / np.sqrt(lists))
    assert within["boosted_trees"] == pytest.approx(0.5, abs=3 * 0.3 / np.sqrt(lists))
    assert within["popularity"] == 0.5
    for metric in ("ndcg_at_10", "auc_within_lists", "mrr"):
        found = values(metrics, metric)
        assert (
            found["oracle"] > found["logistic"] > max(found["random"], found["boosted_trees"], found["repeat_purchase"])
        )
    gain = metrics.filter(
        (pl.col("algorithm") == "logistic") & (pl.col("metric") == "ndcg_at_10_minus:repeat_purchase")
    )
    assert gain["lower"][0] > 0


# POOL ---------------------------------------------------------------------------------------------------------------


def candidate(customer_id: int, offer_id: int, **ranks: int) -> dict[str, Any]:
    return {"customer_id": customer_id, "offer_id": offer_id} | ranks


def redeemed(customer_id: int, offer_id: int, days_later: int = 1, recorded: date | None = None) -> dict[str, Any]:
    day = SERVED + days_later * DAY
    return {"run_date": day, "customer_id": customer_id, "offer_id": offer_id, "recorded_date": recorded or day}


def recommended(customer_id: int, offer_id: int, score: float, algorithm: str = "logistic") -> dict[str, Any]:
    return {"customer_id": customer_id, "offer_id": offer_id, "score": score, "algorithm": algorithm}


POOL = [
    candidate(1, 10, category_affinity_rank=1, repeat_purchase_rank=2, embedding_rank=3),
    candidate(1, 20, high_margin_rank=1),
    candidate(2, 10, segment_popularity_rank=1),
    candidate(3, 30, high_margin_rank=1),
]


@pytest.fixture
def pooled(table: Table) -> Judge:
    def judge(
        redemptions: Rows = (),
        pool: Rows = POOL,
        recommendations: Rows = (),
        impressions: Rows = (),
        purchases: dict[tuple[int, int], int] | None = None,
        truth: Truth | None = None,
    ) -> pl.DataFrame:
        """The logistic ranker prefers the smaller offer, boosted trees the larger."""
        pairs = [(row["customer_id"], row["offer_id"]) for row in pool]
        scores = {"logistic": lambda offer: 1 - offer / 100, "boosted_trees": lambda offer: offer / 100}
        return judge_pool(
            table(
                "scored_candidates",
                [
                    {"customer_id": customer, "offer_id": offer, "algorithm": name, "score": score(offer)}
                    for customer, offer in pairs
                    for name, score in scores.items()
                ],
            ),
            table(
                "interaction_features",
                [candidate(*pair, product_purchases=(purchases or {}).get(pair, 0)) for pair in pairs],
            ),
            table("candidate_pool", list(pool)),
            table("offers", [{"offer_id": offer} for offer in (10, 20, 30)]),
            table("recommendations", list(recommendations)),
            table("impressions", list(impressions)),
            table("redemptions", list(redemptions)),
            table("order_items", sold(2, 1)),
            table("offer_products", of_offers((10, 1), (20, 2))),
            truth,
            RUN_DATE,
            SETTINGS,
            seed=1,
        )

    return judge


def test_the_pool_of_who_redeemed_something_of_it_is_ranked(pooled: Judge) -> None:
    metrics = pooled([redeemed(1, 20)], purchases={(1, 10): 3, (1, 20): 1})
    ndcg = values(metrics, "ndcg_at_10")
    assert ndcg["logistic"] == pytest.approx(SECOND)
    assert ndcg["boosted_trees"] == 1
    assert ndcg["popularity"] == 1
    assert ndcg["repeat_purchase"] == pytest.approx(SECOND)
    # three customers had a pool, two of them redeemed nothing of it
    assert values(metrics, "ndcg_at_10", "ALL")["logistic"] == pytest.approx(SECOND / 3)
    counts = metrics.filter(pl.col("metric") == "ndcg_at_10").select("population", "customer_count", "list_count")
    assert counts.unique().sort("population").rows() == [("ALL", 3, 3), ("REDEEMERS", 1, 1)]
    assert metrics.select("protocol", "subject", "from_date", "to_date").unique().rows() == [
        ("POOL", "SERVED", SERVED, RUN_DATE - DAY)
    ]


@pytest.mark.parametrize(
    ("redemption", "counts"),
    [
        (redeemed(1, 20, days_later=-1), False),
        (redeemed(1, 20, days_later=0), True),
        (redeemed(1, 20, days_later=6), True),
        (redeemed(1, 20, days_later=6, recorded=RUN_DATE), False),
        (redeemed(1, 20, days_later=7), False),
    ],
    ids=["before", "first day", "last day", "known too late", "after"],
)
def test_outcomes_are_those_of_the_horizon_known_when_it_has_passed(
    pooled: Judge, redemption: dict[str, Any], counts: bool
) -> None:
    metrics = pooled([redemption])
    assert ("logistic" in values(metrics, "ndcg_at_10")) == counts
    recall = metrics.filter(pl.col("metric") == "pool_recall:pool")
    assert recall["list_count"][0] == counts


def test_recall_of_the_pool_and_of_each_strategy_by_hand(pooled: Judge) -> None:
    metrics = pooled(
        [
            redeemed(1, 10),
            redeemed(1, 10, days_later=3),
            redeemed(1, 30),
            redeemed(2, 20),
            redeemed(3, 30),
            redeemed(1, 40),
            redeemed(9, 10),
        ]
    )
    # of 1-10 (twice, counted once), 1-30, 2-20 and 3-30 the pool held the first and the last; offer 40 was not live,
    # and customer 9 has no pool
    recall = dict(metrics.filter(pl.col("metric").str.starts_with("pool_recall")).select("metric", "value").rows())
    assert recall == {
        "pool_recall:pool": 2 / 4,
        "pool_recall:category_affinity": 1 / 4,
        "pool_recall:segment_popularity": 0,
        "pool_recall:repeat_purchase": 1 / 4,
        "pool_recall:high_margin": 1 / 4,
        "pool_recall:embedding": 1 / 4,
    }
    counts = metrics.filter(pl.col("metric") == "pool_recall:pool").select("customer_count", "list_count")
    assert counts.rows() == [(3, 4)]


def test_calibration_is_measured_where_what_was_served_was_shown(pooled: Judge) -> None:
    recommendations = [
        recommended(1, 10, 0.5),
        recommended(1, 20, 0.25),
        recommended(2, 10, 0.75),
        recommended(1, 10, 0.125, "boosted_trees"),
    ]
    impressions = [{"customer_id": 1, "offer_id": 10}, {"customer_id": 2, "offer_id": 10}]
    metrics = pooled([redeemed(1, 10)], recommendations=recommendations, impressions=impressions)
    # logistic: 2-10 at .75 not redeemed, 1-10 at .5 redeemed, 1-20 not shown; boosted trees: 1-10 at .125 redeemed
    assert values(metrics, "ece", "SHOWN") == pytest.approx({"logistic": (0.75 + 0.5) / 2, "boosted_trees": 0.875})
    ratio = values(metrics, "predicted_over_observed", "SHOWN")
    assert ratio == pytest.approx({"logistic": (0.75 + 0.5) / 2 / (1 / 2), "boosted_trees": 0.125})


def test_nobody_redeemed_anything(pooled: Judge) -> None:
    metrics = pooled()
    assert values(metrics, "ndcg_at_10") == {}
    assert values(metrics, "ndcg_at_10", "ALL")["logistic"] == 0
    recall = metrics.filter(pl.col("metric").str.starts_with("pool_recall"))
    assert recall["value"].null_count() == len(recall) == 6
    assert set(recall["list_count"]) == {0}


def test_nothing_was_served_seven_days_before(pooled: Judge) -> None:
    metrics = pooled([redeemed(1, 10)], pool=[])
    assert metrics.is_empty()
    assert dict(metrics.schema) == SCHEMA


def test_the_oracle_is_judged_beside_the_others_where_there_is_one(pooled: Judge) -> None:
    truth = Truth(lambda customer, offer: np.where(offer == 20, 0.9, 0.1))
    redemptions = [redeemed(1, 20)]
    assert "oracle" not in values(pooled(redemptions), "ndcg_at_10")
    found = values(pooled(redemptions, truth=truth), "ndcg_at_10")
    assert found["oracle"] == max(found.values()) == 1


def test_the_same_seed_gives_the_same_random_order(pooled: Judge) -> None:
    wide = [candidate(customer, offer) for customer in range(1, 9) for offer in (10, 20, 30)]
    redemptions = [redeemed(customer, 10 * (1 + customer % 3)) for customer in range(1, 9)]
    assert pooled(redemptions, wide).equals(pooled(redemptions, wide[::-1]))
