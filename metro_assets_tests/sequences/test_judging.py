"""Metrics over the full catalogue, by hand and against those of lists, and habits as the study of baskets counts."""

from collections.abc import Callable
from datetime import date, timedelta

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metro_assets.metrics import list_metrics
from metro_assets.sequences.baskets import baskets_between, day_number, from_lines
from metro_assets.sequences.judging import (
    best_products,
    bought_between,
    global_popularity,
    next_baskets,
    next_item_metrics,
    personal_frequency,
)
from metro_assets.sql import Relation, query, values

Table = Callable[..., Relation]
MONDAY = date(2026, 5, 4)


def test_the_metrics_of_a_catalogue_of_four_by_hand() -> None:
    """Order 2, 0, 3, 1; bought 0 and 1, on ranks 2 and 4."""
    scores, bought = np.array([[0.5, 0.1, 0.9, 0.3]]), np.array([[True, True, False, False]])
    found = next_item_metrics(scores, bought, cutoff=2)
    assert found.ndcg[0] == pytest.approx((1 / np.log2(3)) / (1 / np.log2(2) + 1 / np.log2(3)))
    assert found.recall[0] == pytest.approx(1 / 2)
    assert found.reciprocal_rank[0] == pytest.approx(1 / 2)


def test_who_bought_nothing_that_counts_has_no_metric() -> None:
    found = next_item_metrics(np.array([[0.5, 0.1]]), np.array([[False, False]]), cutoff=10)
    assert all(np.isnan(column).all() for column in found)


@given(
    arrays(np.int64, (3, 7), elements=st.integers(0, 4)),
    arrays(np.bool_, (3, 7)),
    st.integers(1, 8),
)
def test_they_are_the_metrics_of_lists_that_hold_every_product(scores: np.ndarray, bought: np.ndarray, k: int) -> None:
    customers, products = np.indices(scores.shape)
    lists = list_metrics(customers.ravel(), bought.ravel(), scores.ravel(), products.ravel(), k)
    mine = next_item_metrics(scores.astype(float), bought, k)
    np.testing.assert_allclose(mine.ndcg, lists.ndcg)
    np.testing.assert_allclose(mine.recall, lists.recall)
    np.testing.assert_allclose(mine.reciprocal_rank, lists.reciprocal_rank)


@given(
    arrays(np.float64, (3, 7), elements=st.sampled_from([-np.inf, 0.0, 1.0, 2.0])),
    st.integers(1, 9),
)
def test_the_best_products_are_the_head_of_the_sorted_catalogue(scores: np.ndarray, k: int) -> None:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    expected = np.where(np.take_along_axis(scores, order, axis=1) > -np.inf, order, -1)
    np.testing.assert_array_equal(best_products(scores, k), expected)


def test_what_is_left_out_of_an_order_is_not_found_but_counts_as_wanted() -> None:
    """Order 1, 2; product 0 is left out. Bought 0 and 2: a hit on rank 2 of two wanted."""
    found = next_item_metrics(np.array([[-np.inf, 1.0, 0.5]]), np.array([[True, False, True]]), cutoff=10)
    assert found.recall[0] == pytest.approx(1 / 2)
    assert found.reciprocal_rank[0] == pytest.approx(1 / 2)
    assert found.ndcg[0] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))


def test_the_next_basket_is_the_first_day_and_the_week_all_of_them() -> None:
    baskets = from_lines([1, 1, 1, 2], [3, 5, 6, 9], [3, 5, 6, 9], [0, 1, 2, 1])
    customers = np.array([1, 2, 3])
    assert next_baskets(baskets, customers, 3, 4, 11).tolist() == [
        [False, True, False],
        [False, True, False],
        [False, False, False],
    ]
    assert bought_between(baskets, customers, 3, 4, 11)[0].tolist() == [False, True, True]
    assert global_popularity(baskets, customers, 3, 10, 4)[1].tolist() == [0, 1, 1]


def test_habits_are_counted_as_in_the_study_of_next_baskets(
    table: Table, connection: duckdb.DuckDBPyConnection
) -> None:
    random = np.random.default_rng(2)
    rows = [
        {
            "run_date": (happened := MONDAY + timedelta(days=int(day))),
            "order_id": customer * 100 + int(day),
            "customer_id": customer,
            "product_id": int(product),
            "quantity": 1,
            "recorded_date": happened,
        }
        for customer in (1, 2)
        for day in range(1, 20, 3)
        for product in random.choice(6, 3, replace=False)
    ]
    items, first_day = table("order_items", rows), MONDAY + timedelta(days=14)
    studied = query(
        "metro_assets.studies.complete_journey",
        "next_basket",
        known=items.filter(f"run_date < date '{first_day}'"),
        bought=items.filter(f"run_date >= date '{first_day}'"),
        items=connection.sql("select range::integer as product_id, range::ubigint as item from range(6)"),
        parameters=values(first_day=first_day, half_life_days=7.0),
    ).pl()
    customers, moment = np.array([1, 2]), day_number(first_day)
    baskets = baskets_between(items, MONDAY, first_day, (1, 2))
    for column, half_life in (("frequency", np.inf), ("decayed_56", 56.0), ("decayed_112", 112.0)):
        mine = personal_frequency(baskets, customers, 6, moment, half_life)
        for row in studied.iter_rows(named=True):
            assert max(row[column], 0.0) == pytest.approx(mine[row["customer_id"] - 1, row["item"]])
