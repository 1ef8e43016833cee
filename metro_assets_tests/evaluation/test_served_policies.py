"""Recommendations judged on the random slates of their own day: whose rows count, and what they come to by hand."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from metro_assets.config import Evaluation
from metro_assets.evaluation.served_policies import estimate_served
from metro_assets.sql import Relation
from metro_assets.vocabulary import UNRANKED, Estimator

RUN_DATE = date(2026, 5, 18)
DAY = timedelta(days=1)
SHOWN = RUN_DATE - 8 * DAY
RULES = Evaluation(minimum_effective_sample=1, bootstrap_samples=20)
Table = Callable[..., Relation]
Rows = list[dict[str, Any]]


def assigned(customer_id: int, arm: str = "EXPLORATION", day: date = SHOWN) -> dict[str, Any]:
    return {"run_date": day, "customer_id": customer_id, "arm": arm, "recorded_date": day}


def shown(customer_id: int, offer_id: int, propensity: float | None = 0.2, day: date = SHOWN) -> dict[str, Any]:
    return {
        "run_date": day,
        "impression_id": 100 * customer_id + offer_id,
        "slate_id": customer_id,
        "customer_id": customer_id,
        "offer_id": offer_id,
        "propensity": propensity,
        "recorded_date": day,
    }


def redeemed(customer_id: int, offer_id: int, day: date, recorded: date | None = None) -> dict[str, Any]:
    return {"run_date": day, "customer_id": customer_id, "offer_id": offer_id, "recorded_date": recorded or day}


def recommended(customer_id: int, *offers: int, algorithm: str = "logistic", day: date = SHOWN) -> Rows:
    return [
        {"run_date": day, "customer_id": customer_id, "algorithm": algorithm, "offer_id": offer, "score": 0.25}
        for offer in offers
    ]


@pytest.fixture
def judged(table: Table) -> Callable[..., dict[str, dict[str, Any]]]:
    def judge(
        recommendations: Rows, assignments: Rows, impressions: Rows, redemptions: Rows, algorithm: str = "logistic"
    ) -> dict[str, dict[str, Any]]:
        found = estimate_served(
            table("recommendations", recommendations),
            table("assignments", assignments),
            table("impressions", impressions),
            table("redemptions", redemptions),
            RUN_DATE,
            RULES,
            seed=1,
        )
        own = found.filter(pl.col("algorithm") == algorithm)
        return {row["estimator"]: row for row in own.iter_rows(named=True)}

    return judge


BOTH = [assigned(1), assigned(2)]
IMPRESSIONS = [shown(1, 10), shown(1, 11), shown(2, 10, 0.5), shown(2, 12, 0.5)]
RECOMMENDED = [*recommended(1, 10, 20), *recommended(2, 12, 10)]


def test_by_hand(judged: Callable[..., dict[str, dict[str, Any]]]) -> None:
    rows = judged(RECOMMENDED, BOTH, IMPRESSIONS, [redeemed(1, 10, SHOWN + 6 * DAY), redeemed(1, 11, SHOWN)])
    assert rows["ips"]["value"] == pytest.approx((1 / 0.2) / 4)
    assert rows["snips"]["value"] == pytest.approx((1 / 0.2) / (1 / 0.2 + 2 / 0.5))
    assert rows["replay"]["value"] == pytest.approx(1 / 3)
    assert rows["direct_method"]["value"] == pytest.approx(0.25)
    residuals = (1 - 0.25) / 0.2 + 2 * (0 - 0.25) / 0.5
    assert rows["doubly_robust"]["value"] == pytest.approx(0.25 + residuals / 4)
    for row in rows.values():
        assert row["effective_sample_size"] == pytest.approx((5 + 2 + 2) ** 2 / (25 + 4 + 4))
    counts = ("slate_count", "matched_count", "redemption_count")
    assert [rows["ips"][name] for name in counts] == [2, 3, 1]
    assert (rows["ips"]["from_date"], rows["ips"]["to_date"]) == (RUN_DATE - 13 * DAY, RUN_DATE - 7 * DAY)


@pytest.mark.parametrize(
    ("redemption", "counts"),
    [
        pytest.param(redeemed(1, 10, SHOWN), True, id="on the day"),
        pytest.param(redeemed(1, 10, SHOWN + 6 * DAY), True, id="on the last day of the horizon"),
        pytest.param(redeemed(1, 10, SHOWN + 7 * DAY), False, id="after the horizon"),
        pytest.param(redeemed(1, 10, SHOWN - DAY), False, id="before it was shown"),
        pytest.param(redeemed(1, 10, SHOWN, recorded=RUN_DATE), False, id="not known before the run date"),
    ],
)
def test_what_counts_as_redeemed(
    judged: Callable[..., dict[str, dict[str, Any]]], redemption: dict[str, Any], counts: bool
) -> None:
    assert judged(RECOMMENDED, BOTH, IMPRESSIONS, [redemption])["ips"]["redemption_count"] == int(counts)


@pytest.mark.parametrize(
    ("assignments", "impressions"),
    [
        pytest.param([assigned(1), assigned(2, arm="POLICY")], IMPRESSIONS, id="of another arm"),
        pytest.param([assigned(1)], IMPRESSIONS, id="of no arm"),
        pytest.param(BOTH, [*IMPRESSIONS[:2], shown(2, 10, None), shown(2, 12, None)], id="without a propensity"),
        pytest.param(BOTH, [*IMPRESSIONS[:2], shown(2, 10, day=RUN_DATE - 6 * DAY)], id="not settled"),
        pytest.param(BOTH, [*IMPRESSIONS[:2], shown(2, 10, day=RUN_DATE - 14 * DAY)], id="before the window"),
    ],
)
def test_slates_that_say_nothing(
    judged: Callable[..., dict[str, dict[str, Any]]], assignments: Rows, impressions: Rows
) -> None:
    row = judged(RECOMMENDED, assignments, impressions, [])["ips"]
    assert (row["slate_count"], row["matched_count"]) == (1, 1)


def test_a_customer_without_recommendations_of_the_day_is_left_out(
    judged: Callable[..., dict[str, dict[str, Any]]],
) -> None:
    other_day = recommended(2, 12, 10, day=SHOWN + DAY)
    assert judged([*recommended(1, 10, 20), *other_day], BOTH, IMPRESSIONS, [])["ips"]["slate_count"] == 1


def test_the_gate_holds_for_a_small_log(table: Table) -> None:
    rows = estimate_served(
        table("recommendations", RECOMMENDED),
        table("assignments", BOTH),
        table("impressions", IMPRESSIONS),
        table("redemptions", []),
        RUN_DATE,
        Evaluation(),
        seed=1,
    )
    assert rows.height == len(Estimator)
    assert rows["value"].null_count() == rows.height
    assert all("below the 100" in reason for reason in rows["reason"])


def test_an_order_without_probabilities_has_no_model(judged: Callable[..., dict[str, dict[str, Any]]]) -> None:
    ranked = [row | {"algorithm": UNRANKED} for row in RECOMMENDED]
    rows = judged(ranked, BOTH, IMPRESSIONS, [], algorithm=UNRANKED)
    assert rows["ips"]["is_reported"]
    assert rows["direct_method"]["reason"] == "no model of the reward"


def test_without_recommendations_there_is_nothing_to_judge(judged: Callable[..., dict[str, dict[str, Any]]]) -> None:
    assert judged([], BOTH, IMPRESSIONS, []) == {}
