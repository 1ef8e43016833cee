"""The gate: evidence by hand, and every objection on its own."""

from dataclasses import replace
from datetime import date
from math import log2

import polars as pl
import pytest

from metro_assets.config import Evaluation, Gate
from metro_assets.evaluation.gate import (
    Evidence,
    gate_row,
    gates,
    newest_of_both,
    objections,
    paired_evidence,
    twin_evidence,
)
from metro_assets.storage.contract import contract

GATE = Gate(minimum_segment_customers=2)
EVALUATION = Evaluation(bootstrap_samples=200)
MONDAY, TUESDAY = date(2026, 5, 11), date(2026, 5, 12)
GOOD = Evidence(
    lists=500,
    customers=300,
    effective_customers=250.0,
    difference=0.02,
    lower=0.005,
    upper=0.03,
    calibration_error=0.004,
    auc_within_lists=0.8,
    worst_segment="SCO",
    worst_segment_difference=-0.01,
)


def holdout(run_date: date = MONDAY) -> pl.DataFrame:
    """Three customers with lists of two offers: the champion puts the redeemed one second, the challenger first but for
    customer 3, whose list 4 has no redemption besides."""
    rows = []
    for slate, customer, redeemed, champion, challenger in (
        (1, 1, 1, (0.1, 0.9), (0.9, 0.1)),
        (2, 2, 1, (0.1, 0.9), (0.9, 0.1)),
        (3, 3, 2, (0.1, 0.9), (0.9, 0.1)),
        (4, 3, 0, (0.1, 0.9), (0.9, 0.1)),
    ):
        for name, scores in (("champion", champion), ("challenger", challenger)):
            rows += [
                {
                    "run_date": run_date,
                    "slate_id": slate,
                    "customer_id": customer,
                    "offer_id": offer,
                    "algorithm": name,
                    "label": int(offer == redeemed),
                    "score": score,
                }
                for offer, score in zip((1, 2), scores, strict=True)
            ]
    return pl.DataFrame(rows)


SEGMENTS = pl.DataFrame({"customer_id": [1, 2, 3], "segment": ["HORECA", "HORECA", "TRADER"]})


def evidence(**changes: float) -> Evidence | None:
    return paired_evidence(
        holdout(), SEGMENTS, "champion", "challenger", 0.004, GATE.model_copy(update=changes), EVALUATION, seed=1
    )


def test_the_evidence_by_hand() -> None:
    found = evidence()
    assert found is not None
    second = 1 / log2(3)
    gains = [1 - second, 1 - second, second - 1]
    assert found.difference == pytest.approx(sum(gains) / 3)
    assert (found.lists, found.customers, found.effective_customers) == (3, 3, 3.0)
    assert found.lower == pytest.approx(second - 1)  # all three draws may be customer 3
    assert found.upper == pytest.approx(1 - second)
    assert found.auc_within_lists == pytest.approx((1 + 1 + 0) / 3)
    # TRADER has one customer and is not judged alone
    assert (found.worst_segment, found.worst_segment_difference) == ("HORECA", pytest.approx(1 - second))


def test_a_customer_with_many_lists_counts_for_less_than_his_lists() -> None:
    more = holdout().with_columns(customer_id=pl.when(pl.col("slate_id") == 2).then(3).otherwise("customer_id"))
    found = paired_evidence(more, SEGMENTS, "champion", "challenger", 0.0, GATE, EVALUATION, seed=1)
    assert found is not None
    assert found.effective_customers == pytest.approx((1 + 2) ** 2 / (1 + 4))


def test_a_segment_with_enough_customers_is_judged() -> None:
    found = evidence(minimum_segment_customers=1)
    assert found is not None
    assert (found.worst_segment, found.worst_segment_difference) == ("TRADER", pytest.approx(1 / log2(3) - 1))


def test_without_common_lists_there_is_no_evidence() -> None:
    rows = holdout().filter(pl.col("algorithm") == "champion")
    assert paired_evidence(rows, SEGMENTS, "champion", "challenger", 0.0, GATE, EVALUATION, seed=1) is None
    assert objections(None, None, [], GATE) == [
        "no list of the test window was scored by both, and no experiment played both"
    ]


def test_who_orders_by_money_is_judged_by_the_twin_alone() -> None:
    assert objections(None, {"difference": 900.0, "lower": 100.0, "upper": 1700.0}, [], GATE) == []
    (objection,) = objections(None, {"difference": 900.0, "lower": -100.0, "upper": 1900.0}, [], GATE)
    assert "in closed loop" in objection


def test_the_newest_experiment_that_played_both_speaks() -> None:
    schema = ["policy", "metric", "value", "lower", "upper"]
    newest = pl.DataFrame([("uplift", "margin_ron_minus:random", 5.0, 4.0, 6.0)], schema=schema, orient="row")
    older = pl.DataFrame([("uplift", "margin_ron_minus:logistic", 3.0, 1.0, 5.0)], schema=schema, orient="row")
    found = twin_evidence([newest, older], "logistic", "uplift")
    assert found == {"difference": 3.0, "lower": 1.0, "upper": 5.0}
    assert twin_evidence([newest, older], "uplift", "logistic") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lower": 0.0}, "interval begins at"),
        ({"lower": float("nan")}, "interval begins at"),
        ({"effective_customers": 99.0}, "customers in effect"),
        ({"calibration_error": 0.011}, "calibration error"),
        ({"calibration_error": float("nan")}, "calibration error"),
        ({"auc_within_lists": 0.96}, "knows the future"),
        ({"worst_segment_difference": -0.021}, "SCO loses 0.0210"),
    ],
)
def test_each_condition_alone_keeps_a_challenger_out(change: dict[str, float], said: str) -> None:
    assert objections(GOOD, None, [], GATE) == []
    (objection,) = objections(replace(GOOD, **change), None, [], GATE)
    assert said in objection


def test_the_twin_has_a_word_where_it_was_asked() -> None:
    assert objections(GOOD, {"difference": 900.0, "lower": 100.0, "upper": 1700.0}, [], GATE) == []
    (objection,) = objections(GOOD, {"difference": 900.0, "lower": -100.0, "upper": 1900.0}, [], GATE)
    assert "in closed loop" in objection


def test_the_newest_day_on_which_both_were_fitted() -> None:
    later = holdout(TUESDAY).filter(pl.col("algorithm") == "champion")
    newest, rows = newest_of_both(pl.concat([holdout(), later]), "champion", "challenger")
    assert newest == MONDAY
    assert rows["run_date"].unique().to_list() == [MONDAY]
    assert newest_of_both(later, "champion", "challenger")[0] is None


def test_rows_fit_the_contract() -> None:
    told = gates(
        [
            gate_row("challenger", "champion", MONDAY, GOOD, None, [], GATE),
            gate_row("x", "champion", None, None, None, [], GATE),
        ]
    )
    assert set(told.columns) == {column.name for column in contract("promotion_gates").columns}
    assert told["is_passed"].to_list() == [True, False]
