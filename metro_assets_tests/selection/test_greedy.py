"""The greedy policy in set form, against the loop that anyone would write."""

from collections.abc import Callable, Iterable

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from metro_assets.config import Selection
from metro_assets.selection.greedy import choose_greedily

Row = tuple[int, str, int, float, str]
"""customer_id, algorithm, offer_id, score, category."""
SCHEMA = {
    "customer_id": pl.Int32,
    "algorithm": pl.String,
    "offer_id": pl.Int32,
    "score": pl.Float32,
    "category": pl.String,
}
Choose = Callable[..., list[tuple[int, str, int, int, float]]]


@pytest.fixture(scope="module")
def choose(connection: duckdb.DuckDBPyConnection) -> Choose:
    def chosen(rows: Iterable[Row], slate_size: int = 10, cap: int = 3) -> list[tuple[int, str, int, int, float]]:
        eligible = pl.DataFrame(list(rows), schema=SCHEMA, orient="row")
        limits = Selection(slate_size=slate_size, maximum_per_category=cap)
        found = choose_greedily(connection.from_arrow(eligible.to_arrow()), limits)
        return sorted(found.select("customer_id, algorithm, rank, offer_id, score").fetchall())

    return chosen


def by_loop(rows: Iterable[Row], slate_size: int, cap: int) -> list[tuple[int, str, int, int, float]]:
    """Best first, ties to the smaller offer; an offer of a full category is passed over."""
    slates: dict[tuple[int, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (-row[3], row[2])):
        slate = slates.setdefault(row[:2], [])
        if len(slate) < slate_size and sum(row[4] == taken[4] for taken in slate) < cap:
            slate.append(row)
    return sorted(
        (customer, algorithm, rank, offer, score)
        for (customer, algorithm), slate in slates.items()
        for rank, (_, _, offer, score, _) in enumerate(slate, start=1)
    )


def test_the_best_come_first_and_a_full_category_is_passed_over(choose: Choose) -> None:
    rows = [(1, "a", offer, 1 - offer / 10, "DAIRY") for offer in (1, 2, 3)] + [(1, "a", 4, 0.125, "MEAT")]
    assert [row[2:4] for row in choose(rows, cap=2)] == [(1, 1), (2, 2), (3, 4)]


def test_ties_go_to_the_smaller_offer_also_at_the_cap_and_at_the_end(choose: Choose) -> None:
    rows = [(1, "a", offer, 0.5, "DAIRY") for offer in (9, 2, 30)] + [(1, "a", 5, 0.5, "MEAT")]
    assert [row[3] for row in choose(rows, slate_size=2, cap=2)] == [2, 5]
    assert [row[3] for row in choose(rows, slate_size=3, cap=2)] == [2, 5, 9]


def test_every_customer_and_algorithm_has_a_slate_of_its_own(choose: Choose) -> None:
    rows = [(1, "a", 1, 0.5, "X"), (1, "b", 1, 0.25, "X"), (2, "a", 1, 0.75, "X"), (1, "a", 2, 0.25, "X")]
    assert choose(rows, slate_size=1) == [(1, "a", 1, 1, 0.5), (1, "b", 1, 1, 0.25), (2, "a", 1, 1, 0.75)]


def test_nobody_eligible_means_no_slate(choose: Choose) -> None:
    assert choose([]) == []


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    offers=st.integers(1, 40),
    categories=st.integers(1, 6),
    levels=st.sampled_from([2, 5, 1000]),
    slate_size=st.integers(1, 12),
    cap=st.integers(1, 4),
)
def test_sets_and_loop_choose_the_same(
    choose: Choose, seed: int, offers: int, categories: int, levels: int, slate_size: int, cap: int
) -> None:
    random = np.random.default_rng(seed)
    category = [f"C{number}" for number in random.integers(0, categories, offers + 1)]
    rows = [
        (customer, algorithm, offer, int(random.integers(0, levels)) / 1024, category[offer])
        for customer in (1, 2)
        for algorithm in ("a", "b")
        for offer in random.permutation(np.arange(1, offers + 1)).tolist()
        if random.random() < 0.8
    ]
    assert choose(rows, slate_size, cap) == by_loop(rows, slate_size, cap)


def test_a_category_that_is_not_known_has_no_cap(choose: Choose) -> None:
    rows = [(1, "logistic", offer, 1 / offer, "UNKNOWN") for offer in range(1, 13)]
    assert [row[3] for row in choose(rows)] == list(range(1, 11))
