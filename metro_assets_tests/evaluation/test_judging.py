"""Metrics of a few lists, for both populations, added up by hand."""

from datetime import date
from math import log2
from typing import Any

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Evaluation
from metro_assets.evaluation.judging import SCHEMA, Lists, Occasion, judge
from metro_assets.evaluation.pictures import draw_ndcg
from metro_assets.storage.contract import contract
from metro_assets.vocabulary import Protocol

OCCASION = Occasion(Protocol.SHOWN, "HOLDOUT", date(2026, 5, 5), date(2026, 5, 11))
AT_TWO = Evaluation(cutoff=2, bootstrap_samples=200)
SECOND = 1 / log2(3)
"""What a relevant item at rank 2 adds to a DCG."""

# redeemed of list 31 of customer 1: the second offer; of list 32, also of customer 1: nothing; of customer 2's: both
LIST = [31, 31, 31, 32, 32, 33, 33]
CUSTOMER = [1, 1, 1, 1, 1, 2, 2]
OFFER = [1, 2, 3, 1, 2, 1, 2]
LABEL = [0, 1, 0, 0, 0, 1, 1]
MODEL = [0.9, 0.8, 0.1, 0.7, 0.2, 0.3, 0.4]
REPEAT = [0.0, 5.0, 5.0, 1.0, 0.0, 0.0, 0.0]


def lists(**scores: list[float]) -> Lists:
    arrays = [np.array(column) for column in (LIST, CUSTOMER, OFFER, LABEL)]
    return Lists(*arrays, scores={name: np.array(values) for name, values in scores.items()})


def found(metrics: pl.DataFrame, algorithm: str, population: str) -> dict[str, Any]:
    part = metrics.filter((pl.col("algorithm") == algorithm) & (pl.col("population") == population))
    return dict(part.select("metric", "value").rows())


@pytest.fixture(scope="module")
def metrics() -> pl.DataFrame:
    return judge(lists(model=MODEL, repeat_purchase=REPEAT), OCCASION, AT_TWO, seed=1)


def test_over_lists_with_a_redemption(metrics: pl.DataFrame) -> None:
    # list 31: rank 2 of 3 behind one that is not redeemed; list 33: both at the top, no pair to compare
    assert found(metrics, "model", "REDEEMERS") == pytest.approx(
        {
            "ndcg_at_2": (SECOND + 1) / 2,
            "precision_at_2": (1 / 2 + 2 / 2) / 2,
            "recall_at_2": (1 / 1 + 2 / 2) / 2,
            "mrr": (1 / 2 + 1) / 2,
            "auc_within_lists": 1 / 2,
            "ndcg_at_2_minus:repeat_purchase": (SECOND - 1) / 2,
        }
    )


def test_the_reference_is_not_compared_with_itself(metrics: pl.DataFrame) -> None:
    # list 31: offers 2 and 3 tie at the top, the smaller id goes first
    assert found(metrics, "repeat_purchase", "REDEEMERS") == pytest.approx(
        {
            "ndcg_at_2": (1 + 1) / 2,
            "precision_at_2": (1 / 2 + 2 / 2) / 2,
            "recall_at_2": 1,
            "mrr": 1,
            # pairs of list 31: offer 2 beats 1 and ties with 3
            "auc_within_lists": (1 + 1 / 2) / 2,
        }
    )


def test_over_all_lists_those_without_a_redemption_count_as_zero(metrics: pl.DataFrame) -> None:
    # .9 .8 .1 .7 .2 .3 .4: the redeemed .8 .3 .4 beat 3, 2 and 2 of the four that are not
    assert found(metrics, "model", "ALL") == pytest.approx(
        {"ndcg_at_2": (SECOND + 0 + 1) / 3, "precision_at_2": (1 + 0 + 2) / 2 / 3, "auc": (3 + 2 + 2) / (3 * 4)}
    )


def test_customers_and_lists_are_counted_for_each_population(metrics: pl.DataFrame) -> None:
    counts = metrics.select("population", "customer_count", "list_count").unique().sort("population").rows()
    assert counts == [("ALL", 2, 3), ("REDEEMERS", 2, 2)]


def test_rows_say_what_was_judged_and_when(metrics: pl.DataFrame) -> None:
    occasions = metrics.select("protocol", "subject", "from_date", "to_date").unique().rows()
    assert occasions == [("SHOWN", "HOLDOUT", date(2026, 5, 5), date(2026, 5, 11))]
    assert dict(metrics.schema) == SCHEMA
    assert set(SCHEMA) == set(contract("evaluation_metrics").column_names)
    assert not metrics.select(contract("evaluation_metrics").key).is_duplicated().any()


def test_intervals_hold_the_value_and_only_redeemers_have_one(metrics: pl.DataFrame) -> None:
    redeemers = metrics.filter(pl.col("population") == "REDEEMERS")
    assert redeemers.filter(pl.col("value").is_between("lower", "upper")).height == redeemers.height
    everybody = metrics.filter(pl.col("population") == "ALL")
    assert everybody["lower"].null_count() == everybody["upper"].null_count() == everybody.height


def test_the_same_seed_gives_the_same_intervals(metrics: pl.DataFrame) -> None:
    assert judge(lists(model=MODEL, repeat_purchase=REPEAT), OCCASION, AT_TWO, seed=1).equals(metrics)


def test_the_order_of_rows_does_not_matter(metrics: pl.DataFrame) -> None:
    turned = np.arange(len(LIST))[::-1]
    arrays = [np.array(column)[turned] for column in (LIST, CUSTOMER, OFFER, LABEL)]
    scores = {"model": np.array(MODEL)[turned], "repeat_purchase": np.array(REPEAT)[turned]}
    again = judge(Lists(*arrays, scores=scores), OCCASION, AT_TWO, seed=1)
    assert again.drop("value", "lower", "upper").equals(metrics.drop("value", "lower", "upper"))
    for name in ("value", "lower", "upper"):
        assert again[name].to_list() == pytest.approx(metrics[name].to_list())


def test_a_difference_is_taken_in_pairs() -> None:
    # six lists are easy and six hard: the reference has the redeemed offer first or ninth, the model one place later
    rank = np.tile([1, 9], 6)
    offer = np.tile(np.arange(1, 11), (12, 1))
    label = (offer == rank[:, None]).astype(int)
    swapped = np.where(offer == rank[:, None], offer + 1, np.where(offer == rank[:, None] + 1, offer - 1, offer))
    list_id = np.repeat(np.arange(12), 10)
    scores = {"model": -swapped.ravel(), "repeat_purchase": -offer.ravel()}
    rows = judge(
        Lists(list_id, list_id, offer.ravel(), label.ravel(), scores),
        OCCASION,
        Evaluation(bootstrap_samples=300),
        seed=1,
    )
    redeemers = rows.filter(pl.col("population") == "REDEEMERS")
    by_name = redeemers.rows_by_key(["algorithm", "metric"], unique=True, named=True)
    difference = by_name["model", "ndcg_at_10_minus:repeat_purchase"]
    assert difference["value"] == pytest.approx(((SECOND - 1) + (1 / log2(11) - 1 / log2(10))) / 2)
    # apart the two are uncertain, for lists differ; on the same lists the model is worse for sure
    assert by_name["model", "ndcg_at_10"]["upper"] > by_name["repeat_purchase", "ndcg_at_10"]["lower"]
    assert difference["upper"] < 0


def test_only_the_lists_with_a_redemption_may_be_given_with_the_number_of_all() -> None:
    given = judge(lists(model=MODEL), OCCASION, AT_TWO, seed=1, all_lists=10)
    assert found(given, "model", "ALL") == pytest.approx({"ndcg_at_2": (SECOND + 1) / 10, "precision_at_2": 3 / 2 / 10})
    counts = given.select("population", "customer_count", "list_count").unique().sort("population").rows()
    assert counts == [("ALL", 10, 10), ("REDEEMERS", 2, 2)]


def test_without_any_redemption_there_are_no_redeemers_and_all_is_zero() -> None:
    none = Lists(*(np.array(column) for column in (LIST, CUSTOMER, OFFER, [0] * 7)), scores={"model": np.array(MODEL)})
    rows = judge(none, OCCASION, AT_TWO, seed=1)
    assert rows["population"].unique().to_list() == ["ALL"]
    values = found(rows, "model", "ALL")
    assert (values["ndcg_at_2"], values["precision_at_2"]) == (0, 0)
    assert np.isnan(values["auc"])


def test_one_list_of_one_offer() -> None:
    one = Lists(*(np.array([number]) for number in (1, 1, 1, 1)), scores={"model": np.array([0.5])})
    row = found(judge(one, OCCASION, AT_TWO, seed=1), "model", "REDEEMERS")
    assert (row["ndcg_at_2"], row["precision_at_2"], row["recall_at_2"], row["mrr"]) == (1, 1 / 2, 1, 1)
    assert np.isnan(row["auc_within_lists"])


def test_nothing_to_judge_is_no_row_of_the_same_columns() -> None:
    nothing = Lists(*(np.empty(0, dtype=int) for _ in range(4)), scores={"model": np.empty(0)})
    rows = judge(nothing, OCCASION, AT_TWO, seed=1)
    assert rows.is_empty()
    assert dict(rows.schema) == SCHEMA


def test_the_picture_is_drawn_with_and_without_an_oracle_and_of_nothing() -> None:
    with_oracle = judge(lists(model=MODEL, repeat_purchase=REPEAT, oracle=MODEL), OCCASION, AT_TWO, seed=1)
    assert [axes.get_title() for axes in draw_ndcg(with_oracle, 2).axes] == ["SHOWN: NDCG@2"]
    assert draw_ndcg(pl.DataFrame(schema=SCHEMA), 2).axes == []
