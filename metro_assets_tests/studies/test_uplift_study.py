"""The study's own arithmetic, against a world that a person can count in."""

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from metro_assets.config import Selection
from metro_assets.ranking.uplift.learners import TrialRows
from metro_assets.studies.uplift.orders import TRUE, by_tenth, judge_orders, placebo
from metro_assets.studies.uplift.served import judge_slates
from metro_assets_tests.frames import DAY, connection, offer, relation


class Counted:
    """Showing at place k adds .1 / k to the chance of buying and .2 / k to that of redeeming."""

    def purchase_probability(
        self, day: date, customer_id: npt.NDArray[Any], offer_id: npt.NDArray[Any], position: Any = 1, *, is_shown: bool
    ) -> npt.NDArray[np.float64]:
        return 0.5 + is_shown * 0.1 / np.asarray(position) * np.ones(len(customer_id))

    def redemption_probability(
        self,
        day: date,
        customer_id: npt.NDArray[Any],
        offer_id: npt.NDArray[Any],
        position: Any = 1,
        *,
        is_shown: bool = True,
    ) -> npt.NDArray[np.float64]:
        return is_shown * 0.2 / np.asarray(position) * np.ones(len(customer_id))

    def unprompted_probability(self, day: date, customer_id: Any, offer_id: Any) -> npt.NDArray[np.float64]:
        raise NotImplementedError


def test_a_slate_adds_purchases_at_the_usual_margin_less_what_is_given_away() -> None:
    # offer 1 leaves 3 of 4 RON, offer 2 nothing of 1 RON; three units each
    margins = [
        {"customer_id": 1, "offer_id": 1, "usual_quantity": 3, "usual_margin_ron": 4, "offer_margin_ron": 3},
        {"customer_id": 1, "offer_id": 2, "usual_quantity": 3, "usual_margin_ron": 1, "offer_margin_ron": 0},
    ]
    slates = [
        {"customer_id": 1, "algorithm": algorithm, "rank": rank, "offer_id": number}
        for algorithm, order in (("logistic", (2, 1)), ("uplift", (1, 2)))
        for rank, number in enumerate(order, start=1)
    ]
    with connection() as database:
        found = judge_slates(
            relation(database, "recommendations", slates),
            relation(database, "candidate_margins", margins),
            relation(database, "offers", [offer(1), offer(2)]),
            Counted(),
            DAY,
            Selection(),
            samples=20,
            seed=1,
        )
    first, second = (3 * (0.1 * usual + 0.2 * (offered - usual)) for usual, offered in ((4, 3), (1, 0)))
    expected = {"uplift": first + second / 2, "logistic": second + first / 2, TRUE: first + second / 2}
    assert dict(found.select("algorithm", "margin_ron").rows()) == pytest.approx(
        {name: 1000 * value for name, value in expected.items()}, rel=1e-5
    )
    assert found["purchases"].to_list() == pytest.approx([1000 * 0.1 * 1.5] * 3)
    [less] = found.filter(pl.col("algorithm") == "logistic")["uplift_less_this_lower"]
    assert less == pytest.approx(1000 * (expected["uplift"] - expected["logistic"]), rel=1e-5)


def test_a_placebo_deals_whole_moments_and_keeps_the_arms_of_a_day() -> None:
    rows = pl.DataFrame(
        {
            "shown_date": [DAY] * 400,
            "customer_id": np.repeat(np.arange(40), 10),
            "offer_id": np.tile(np.arange(10), 40),
            "is_treated": np.repeat(np.arange(40) < 15, 10),
        }
    )
    dealt = placebo(rows, seed=3)
    arms = dealt.group_by("customer_id").agg(pl.col("is_treated").n_unique(), treated=pl.col("is_treated").first())
    assert arms["is_treated"].max() == 1
    assert arms["treated"].sum() == 15
    assert (dealt.sort("customer_id", "offer_id")["is_treated"] != rows["is_treated"]).any()


def test_an_order_is_judged_by_the_trial_and_by_the_truth() -> None:
    random = np.random.default_rng(1)
    true = np.repeat([0.4, 0.0], 2000)
    shown = random.random(4000) < 0.5
    outcome = (random.random(4000) < 0.2 + true * shown).astype(np.float64)
    rows = TrialRows(np.zeros((4000, 1), np.float32), shown, np.full(4000, 0.5), outcome, np.arange(4000) // 4, ("x",))
    table = judge_orders(rows, {"good": true, "bad": -true}, true, samples=30, seed=1)
    good, bad, best = table.rows(named=True)
    assert good["rank_correlation"] == pytest.approx(1.0)
    assert bad["rank_correlation"] == pytest.approx(-1.0)
    assert good["qini"] == pytest.approx(best["qini"])
    assert good["qini_lower"] > 0 > bad["qini_upper"]
    assert good["best_tenth"] == pytest.approx(0.4)
    tenths = by_tenth(rows, true, true)
    assert tenths["true"].to_list() == pytest.approx([0.4] * 5 + [0.0] * 5)
    assert (tenths["observed"] - tenths["true"]).abs().max() < 0.15
