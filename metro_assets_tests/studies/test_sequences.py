"""The study of next-item orders: every order against every target, by the same customers, in blocks of any size."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Evaluation, Sequences
from metro_assets.sequences.baskets import day_number, from_lines
from metro_assets.sql import Relation
from metro_assets.studies.sequences.__main__ import main
from metro_assets.studies.sequences.next_items import WEEK, Order, Week, choose, judge_next_items, week_to_foresee

Table = Callable[..., Relation]
MONDAY = date(2026, 5, 4)
PRODUCTS = 6
SMALL = Sequences(dimension=4, maximum_epochs=2, customers_per_block=3, full_softmax_products=1, sampled_products=4)
"""The softmax over drawn products, as on a large catalogue."""


@pytest.fixture
def week() -> Week:
    """Ten customers who each keep to a product of their own for two weeks, and buy another one in the third."""
    own = [(customer, day, customer % 3) for customer in range(1, 11) for day in range(0, 14, 2)]
    following = [(customer, 14 + customer % 7, 3 + customer % 3) for customer in range(1, 11)]
    first = day_number(MONDAY)
    rows = np.array(sorted(own + following))
    baskets = from_lines(rows[:, 0], rows[:, 1] + first, rows[:, 1] + first, rows[:, 2])
    return week_to_foresee(baskets, MONDAY + timedelta(days=14), PRODUCTS, Sequences())


@pytest.mark.parametrize("size", [1, 4, 100])
def test_the_blocks_of_a_week_are_the_week(week: Week, size: int) -> None:
    blocks = list(week.blocks(size))
    assert np.concatenate([block.customers for block in blocks]).tolist() == list(range(1, 11))
    for flags in ("next_basket", "whole_week", "is_new"):
        np.testing.assert_array_equal(np.concatenate([getattr(block, flags) for block in blocks]), getattr(week, flags))
    # popularity is that of all customers in every block: 10 with 7 baskets each, of 3 products
    assert all(block.popularity.tolist() == [3 * 7, 4 * 7, 3 * 7, 0, 0, 0] for block in blocks)


def test_a_week_in_which_nobody_comes_has_no_customers(week: Week) -> None:
    nobody = week_to_foresee(week.known, MONDAY + timedelta(days=14), PRODUCTS, Sequences())
    assert not len(nobody.customers)
    assert not list(nobody.blocks(4))


def test_validation_gives_habits_no_weight_beside_who_knows_and_the_most_beside_who_knows_nothing(week: Week) -> None:
    def knows(block: Week) -> np.ndarray:
        return np.where(block.next_basket, 0.0, -1.0)

    def knows_nothing(block: Week) -> np.ndarray:
        return np.zeros((len(block.customers), block.products))

    habits = week_to_foresee(week.known, MONDAY + timedelta(days=10), PRODUCTS, Sequences())
    orders: dict[str, Order] = {"knows": knows, "knows nothing": knows_nothing}
    assert choose(week, orders, SMALL, Evaluation()).weights["knows"] == 0.0
    assert choose(habits, orders, SMALL, Evaluation()).weights["knows nothing"] > 0.0


def test_every_order_is_one_of_the_whole_catalogue_over_all_weeks(table: Table) -> None:
    """Twelve customers with a basket every third day; product 5 comes up only after the networks have learned."""
    days = range(0, 63, 3)
    rows = [
        {
            "run_date": (happened := MONDAY + timedelta(days=day)),
            "recorded_date": happened,
            "order_id": customer * 100 + day,
            "customer_id": customer,
            "product_id": product,
            "quantity": 1,
        }
        for customer in range(1, 13)
        for day in days
        for product in {customer % 4, (day // 3) % 4, *([5] if day > 48 else [])}
    ]
    customers = table("customers", [{"customer_id": customer} for customer in range(1, 13)])
    told: list[str] = []
    test_dates = [MONDAY + timedelta(days=49), MONDAY + timedelta(days=49) + WEEK]
    found = judge_next_items(
        table("order_items", rows),
        customers,
        np.arange(PRODUCTS),
        test_dates,
        SMALL,
        Evaluation(bootstrap_samples=20),
        1,
        1,
        told.append,
    )
    assert found["order"].n_unique() == 7
    assert len(found) == 7 * 2 * 2
    everything = found.filter(population="all products", target="next 7 days")
    assert everything["customer_weeks"].to_list() == [12 * 2] * 7
    habit, popular = (
        everything.row(by_predicate=pl.col("order") == name, named=True)
        for name in ("personal frequency", "popularity")
    )
    assert habit["difference"] == 0
    assert popular["difference"] == pytest.approx(popular["ndcg_at_10"] - habit["ndcg_at_10"])
    # among what a customer had never bought is only the product that the networks never saw sold
    new = found.filter(population="never bought before", target="next 7 days")
    assert new["customer_weeks"].to_list() == [12] * 7
    assert told[-1] == "12 customers, 6 products"


@pytest.mark.slow
def test_every_order_is_judged_on_the_same_customers(ran: Path, tmp_path: Path) -> None:
    output = tmp_path / "sequences.csv"
    main(warehouse=ran, run_date=datetime(2026, 5, 18), output=output, threads=1)
    rows = pl.read_csv(output)
    assert rows["order"].n_unique() == 7
    assert len(rows) == 7 * 4
    judged = rows.group_by("target", "population").agg(pl.col("customer_weeks").n_unique())
    assert judged["customer_weeks"].to_list() == [1] * 4
    best = rows.filter(pl.col("target") == "next basket", pl.col("population") == "all products")
    habit, popular = (
        best.row(by_predicate=pl.col("order") == name, named=True) for name in ("personal frequency", "popularity")
    )
    assert habit["ndcg_at_10"] > popular["ndcg_at_10"]
    assert habit["difference"] == 0
