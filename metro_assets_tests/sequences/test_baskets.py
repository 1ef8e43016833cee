"""Baskets in time: what a moment knows of them, and which products they hold."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metro_assets.config import Sequences
from metro_assets.sequences.baskets import (
    Baskets,
    baskets_between,
    baskets_to_learn_from,
    customer_ranges,
    day_number,
    from_lines,
    joined,
    newest_baskets,
)
from metro_assets.sql import Relation

Table = Callable[..., Relation]
MONDAY = date(2026, 5, 4)
EVERYBODY = (0, 1_000)


def line(customer: int, day: int, product: int, known_later: int = 0, order: int | None = None) -> dict[str, object]:
    happened = MONDAY + timedelta(days=day)
    return {
        "run_date": happened,
        "order_id": order or customer * 1000 + day,
        "customer_id": customer,
        "product_id": product,
        "quantity": 1,
        "recorded_date": happened + timedelta(days=known_later),
    }


def read(baskets: Baskets) -> list[tuple[int, int, list[int]]]:
    """Customer, day since Monday and products of every basket."""
    parts = np.split(baskets.product, baskets.line_start[1:-1])
    days = (baskets.day - day_number(MONDAY)).tolist()
    return [
        (customer, day, part.tolist())
        for customer, day, part in zip(baskets.customer_id.tolist(), days, parts, strict=False)
    ]


def test_a_basket_is_a_day_with_each_product_once(table: Table) -> None:
    items = table("order_items", [line(1, 0, 30), line(1, 0, 10, order=7), line(1, 0, 30, order=7), line(2, 1, 20)])
    baskets = baskets_between(items, MONDAY, MONDAY + timedelta(days=9), EVERYBODY)
    assert read(baskets) == [(1, 0, [10, 30]), (2, 1, [20])]


def test_nothing_of_the_day_itself_or_later_and_nothing_that_became_known_later(table: Table) -> None:
    known = [line(1, 0, 10), line(1, 2, 11, known_later=1)]
    items = table("order_items", [*known, line(1, 3, 12, known_later=2), line(1, 4, 13), line(1, 5, 14)])
    baskets = baskets_between(items, MONDAY, MONDAY + timedelta(days=4), EVERYBODY)
    assert read(baskets) == [(1, 0, [10]), (1, 2, [11])]


def test_late_lines_are_a_basket_of_their_own_that_earlier_moments_leave_out(table: Table) -> None:
    items = table("order_items", [line(1, 0, 10), line(1, 0, 11, known_later=3), line(1, 1, 12)])
    baskets = baskets_between(items, MONDAY, MONDAY + timedelta(days=9), EVERYBODY)
    assert read(baskets) == [(1, 0, [10]), (1, 0, [11]), (1, 1, [12])]
    second, fourth = day_number(MONDAY) + 2, day_number(MONDAY) + 4
    assert read(baskets.taken(baskets.known_at(second))) == [(1, 0, [10]), (1, 1, [12])]
    assert len(baskets.known_at(fourth)) == 3


def test_the_newest_baskets_are_last_and_what_lacks_comes_before(table: Table) -> None:
    items = table("order_items", [line(1, 0, 10), *(line(2, day, day) for day in range(1, 6))])
    baskets = baskets_between(items, MONDAY, MONDAY + timedelta(days=9), EVERYBODY)
    customers, places = newest_baskets(baskets, day_number(MONDAY) + 5, 3)
    assert customers.tolist() == [1, 2]
    assert places.tolist() == [[-1, -1, 0], [2, 3, 4]]
    nobody, nothing = newest_baskets(baskets, day_number(MONDAY), 3)
    assert nobody.shape == (0,)
    assert nothing.shape == (0, 3)


def test_the_newest_are_the_same_whether_cut_in_the_query_or_later(table: Table) -> None:
    rows = [line(customer, day, day % 4) for customer in (1, 2) for day in range(customer, 9)]
    items = table("order_items", rows)
    end = MONDAY + timedelta(days=8)
    cut = baskets_between(items, MONDAY, end, EVERYBODY, most_baskets=3)
    baskets = baskets_between(items, MONDAY, end, EVERYBODY)
    _, places = newest_baskets(baskets, day_number(end), 3)
    assert read(cut) == read(baskets.taken(places.ravel()))


def test_products_become_places_in_the_catalogue_and_unknown_ones_go() -> None:
    baskets = from_lines([1, 1, 1], [5, 5, 6], [5, 5, 6], [20, 40, 30])
    coded = baskets.coded(np.array([10, 20, 40]))
    assert coded.product.tolist() == [1, 2]
    assert coded.line_start.tolist() == [0, 2, 2]
    assert len(baskets.coded(np.array([], dtype=np.int64)).product) == 0


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5), st.integers(0, 3)), max_size=30), st.integers(1, 4))
def test_ranges_of_customers_join_to_the_whole(lines: list[tuple[int, int, int]], split: int) -> None:
    rows = sorted(set(lines))
    columns = [[row[place] for row in rows] for place in (0, 1, 1, 2)]
    whole = from_lines(*columns)
    parts = [
        from_lines(*[[c[i] for i in range(len(rows)) if keep(rows[i][0])] for c in columns])
        for keep in (
            lambda customer: customer <= split,
            lambda customer: customer > split,
        )
    ]
    assert read(joined(parts)) == read(whole)


def test_at_most_so_many_customers_are_learned_from_and_always_the_same(table: Table) -> None:
    customers = table("customers", [{"customer_id": number} for number in range(1, 31)])
    items = table("order_items", [line(number, 0, 1) for number in range(1, 31)])
    settings = Sequences(maximum_customers=10, customers_per_range=7)
    first = baskets_to_learn_from(items, customers, MONDAY + timedelta(days=5), settings, seed=1)
    again = baskets_to_learn_from(items, customers, MONDAY + timedelta(days=5), settings, seed=1)
    assert len(first) == 10
    assert first.customer_id.tolist() == again.customer_id.tolist()
    assert customer_ranges(customers, 7)[-1] == (29, 30)
    assert customer_ranges(customers.limit(0), 7) == []
