"""The mixture against enumeration, its propensities against counts, its budget, and greedy where nothing is open."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metro_assets.config import Selection
from metro_assets.selection.greedy import choose_greedily
from metro_assets.selection.thompson import (
    Block,
    Floats,
    Integers,
    choose_by_sampling,
    greedy_slates,
    inclusion_counts,
    mixture,
)
from metro_assets.sql import Relation

RUN_DATE = date(2026, 5, 18)
SEED = 42
Table = Callable[..., Relation]


def candidates(customers: int, offers: int, sd: float, seed: int = 0, categories: int = 3) -> pl.DataFrame:
    """Scored candidates with a category; every fifth is of an unknown one, scores repeat."""
    generator = np.random.default_rng(seed)
    rows = customers * offers
    offer_id = np.tile(np.arange(1, offers + 1), customers)
    return pl.DataFrame(
        {
            "customer_id": np.repeat(np.arange(1, customers + 1), offers),
            "algorithm": ["thompson"] * rows,
            "offer_id": offer_id,
            "score": generator.integers(1, 30, rows) / 100,
            "log_odds_sd": np.full(rows, sd),
            "category": ["UNKNOWN" if offer % 5 == 0 else f"C{offer % categories}" for offer in offer_id.tolist()],
        }
    ).sample(fraction=1.0, shuffle=True, seed=1)


@pytest.fixture
def served(table: Table) -> Callable[..., pl.DataFrame]:
    def serve(rows: pl.DataFrame, rules: Selection, run_date: date = RUN_DATE, seed: int = SEED) -> pl.DataFrame:
        known = table("scored_candidates", rows, log_odds_sd="FLOAT", category="VARCHAR") if len(rows) else None
        relation = known or table("scored_candidates", [], log_odds_sd="FLOAT", category="VARCHAR")
        return choose_by_sampling(relation, run_date, rules, seed, threads=1)

    return serve


def test_without_doubt_the_slate_is_the_greedy_one(table: Table, served: Callable[..., pl.DataFrame]) -> None:
    rows, rules = candidates(7, 40, sd=0.0), Selection()
    chosen = served(rows, rules)
    greedy = choose_greedily(table("scored_candidates", rows, log_odds_sd="FLOAT", category="VARCHAR"), rules).pl()
    columns = ["customer_id", "rank", "offer_id", "score"]
    assert chosen.select(columns).rows() == greedy.sort("customer_id", "rank").select(columns).rows()
    assert chosen["propensity"].unique().to_list() == [1.0]
    assert not chosen["is_explored"].any()


def test_inverse_propensities_of_the_shown_add_up_to_those_who_could_be_shown_it(
    served: Callable[..., pl.DataFrame],
) -> None:
    """Horvitz and Thompson (1952), over many customers with the same candidates."""
    rows = candidates(1, 12, sd=1.0)
    crowd = pl.concat([rows.with_columns(customer_id=pl.lit(number)) for number in range(1, 1501)])
    rules = Selection(slate_size=3, maximum_per_category=2, sampled_slates=8, exploration_budget=3)
    chosen = served(crowd, rules)
    shown = chosen.group_by("offer_id").agg(share=pl.len() / 1500, mass=(1 / pl.col("propensity")).sum() / 1500)

    often = shown.filter(pl.col("share") > 0.05)
    assert often.height >= 5
    possible = _possible(crowd, rules)
    for offer, _, mass in often.rows():
        assert mass == pytest.approx(possible[offer] / 1500, abs=0.15)


def _possible(crowd: pl.DataFrame, rules: Selection) -> dict[int, int]:
    """Customers who hold the offer in at least one of their slates."""
    block = _block(crowd, customers=1500)
    _, slates = mixture(block, RUN_DATE, rules, SEED)
    counts = (inclusion_counts(slates, block.offer_id.shape[1]) > 0).sum(axis=0)
    return dict(zip(block.offer_id[0].tolist(), counts.tolist(), strict=True))


def _block(rows: pl.DataFrame, customers: int) -> Block:
    ordered = rows.sort("customer_id", "offer_id")
    score = ordered["score"].cast(pl.Float32).to_numpy().reshape(customers, -1)
    names = ordered["category"].to_list()
    kinds = sorted(set(names) - {"UNKNOWN"})
    codes = np.array([kinds.index(name) if name in kinds else len(kinds) for name in names])
    probability = score.astype(np.float64)
    return Block(
        customer_id=np.unique(ordered["customer_id"].to_numpy()).astype(np.int64),
        offer_id=ordered["offer_id"].to_numpy().astype(np.int64).reshape(customers, -1),
        score=score,
        category=codes.reshape(customers, -1),
        log_odds=np.log(probability / (1 - probability)),
        log_odds_sd=ordered["log_odds_sd"].to_numpy().reshape(customers, -1),
        uncapped=len(kinds),
    )


def test_propensities_are_exact_counts_over_the_slates_that_enumeration_finds(
    served: Callable[..., pl.DataFrame],
) -> None:
    rules = Selection(slate_size=3, maximum_per_category=1, sampled_slates=16, exploration_budget=1)
    rows = candidates(5, 8, sd=0.8)
    block = _block(rows, customers=5)
    mean, slates = mixture(block, RUN_DATE, rules, SEED)
    counts = inclusion_counts(slates, 8)
    assert counts.sum(axis=1).tolist() == [16 * 3] * 5  # 16 slates of three offers each
    chosen = served(rows, rules)
    for row in chosen.iter_rows(named=True):
        held = counts[row["customer_id"] - 1, row["offer_id"] - 1]
        assert row["propensity"] == held / 16
        assert row["is_explored"] == (row["offer_id"] - 1 not in mean[row["customer_id"] - 1])
    # The served slate is one of the sixteen.
    for (customer,), own in chosen.group_by("customer_id"):
        sampled = {frozenset((slate + 1).tolist()) for slate in slates[customer - 1]}  # type: ignore[operator]
        assert frozenset(own["offer_id"].to_list()) in sampled


def _best_by_enumeration(values: Floats, category: Integers, within: set[int], rules: Selection) -> list[int]:
    """The feasible slate whose values, best first, are the highest in the order of words."""
    feasible = [
        slate
        for size in range(rules.slate_size, 0, -1)
        for slate in combinations(range(len(values)), size)
        if max(np.bincount(category[list(slate)])) <= rules.maximum_per_category
        and len(set(slate) - within) <= rules.exploration_budget
    ]
    longest = max(map(len, feasible))
    ordered = [sorted(slate, key=lambda column: -values[column]) for slate in feasible if len(slate) == longest]
    return max(ordered, key=lambda slate: [values[column] for column in slate])


@settings(max_examples=60, deadline=None)
@given(
    values=st.permutations(range(9)),
    mean=st.permutations(range(9)),
    category=st.lists(st.integers(0, 3), min_size=9, max_size=9),
    slate_size=st.integers(1, 4),
    cap=st.integers(1, 3),
    budget=st.integers(0, 4),
)
def test_a_slate_is_the_best_of_all_within_cap_and_budget(
    values: list[int], mean: list[int], category: list[int], slate_size: int, cap: int, budget: int
) -> None:
    rules = Selection(slate_size=slate_size, maximum_per_category=cap, exploration_budget=budget)
    kinds = np.array([category])
    greedy = greedy_slates(np.array(mean, dtype=float).reshape(1, 1, 9), kinds, 4, rules)
    within = inclusion_counts(greedy, 9) > 0
    found = greedy_slates(np.array(values, dtype=float).reshape(1, 1, 9), kinds, 4, rules, within)[0, 0]
    taken = found[found >= 0]
    assert len(taken) == within.sum()  # the budget makes no slate shorter
    assert np.bincount(kinds[0, taken]).max() <= cap
    assert (~within[0, taken]).sum() <= budget
    expected = _best_by_enumeration(np.array(values, dtype=float), kinds[0], set(np.flatnonzero(within)), rules)
    assert taken.tolist() == expected


def test_the_same_day_gives_the_same_slates_and_another_day_others(served: Callable[..., pl.DataFrame]) -> None:
    rows = candidates(20, 30, sd=0.7)
    first = served(rows, Selection())
    assert first.equals(served(rows.reverse(), Selection()))
    assert not first.equals(served(rows, Selection(), RUN_DATE + timedelta(days=1)))
    assert not first.equals(served(rows, Selection(), seed=SEED + 1))
    # A customer's slate does not depend on who else is there.
    alone = served(rows.filter(pl.col("customer_id") == 7), Selection())
    assert alone.equals(first.filter(pl.col("customer_id") == 7))


def test_scores_fall_within_a_slate_and_ranks_are_dense(served: Callable[..., pl.DataFrame]) -> None:
    chosen = served(candidates(20, 30, sd=0.7), Selection())
    for _, own in chosen.group_by("customer_id"):
        assert own["rank"].to_list() == list(range(1, 11))
        assert own["score"].is_sorted(descending=True)
    assert chosen["is_explored"].sum() > 0


def test_few_candidates_make_a_short_slate_and_none_make_none(served: Callable[..., pl.DataFrame]) -> None:
    rows = pl.concat([candidates(1, 2, sd=0.5), candidates(2, 30, sd=0.5).filter(pl.col("customer_id") == 2)])
    chosen = served(rows, Selection())
    assert chosen.group_by("customer_id").len().sort("customer_id").rows() == [(1, 2), (2, 10)]
    assert chosen.filter(pl.col("customer_id") == 1)["propensity"].to_list() == [1.0, 1.0]
    assert served(rows.clear(), Selection()).is_empty()
