"""Every promise of the slates, broken on purpose and counted."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from metro_assets.config import Selection
from metro_assets.selection.promises import broken_promises
from metro_assets.sql import Relation

RUN_DATE = date(2026, 5, 18)
DAY = timedelta(days=1)
LIMITS = Selection(slate_size=3, maximum_per_category=2)
KEPT = {
    "every_customer_is_served": 0,
    "no_offer_is_expired": 0,
    "categories_are_capped": 0,
    "ranks_are_dense": 0,
    "champion_is_one": 0,
}
Rows = list[dict[str, Any]]


def slate(customer_id: int, algorithm: str = "logistic") -> Rows:
    return [
        {
            "customer_id": customer_id,
            "algorithm": algorithm,
            "rank": rank,
            "offer_id": rank,
            "score": 0.5 - rank / 10,
            "category": "MEAT_POULTRY" if rank == 3 else "DAIRY_EGGS",
            "is_champion": algorithm == "logistic",
        }
        for rank in (1, 2, 3)
    ]


def shortfall(customer_id: int, count: int, algorithm: str = "logistic") -> dict[str, Any]:
    names = {"customer_id": customer_id, "algorithm": algorithm}
    return names | {"recommended_count": count, "reason": "NO_CANDIDATES"}


@pytest.fixture
def broken(table: Callable[..., Relation]) -> Callable[..., dict[str, int]]:
    """What differs from a day on which every promise is kept."""

    def count(recommendations: Rows, shortfalls: Rows = (), offers: Rows | None = None) -> dict[str, int]:
        validity = {"valid_from_date": RUN_DATE - DAY, "valid_to_date": RUN_DATE + DAY}
        tables = {
            "customers": table(
                "customers",
                [
                    {"customer_id": 1, "registered_date": date(2025, 1, 1)},
                    {"customer_id": 2, "registered_date": RUN_DATE - DAY},
                    {"customer_id": 3, "registered_date": RUN_DATE},
                ],
            ),
            "offers": table("offers", offers or [{"offer_id": offer_id} | validity for offer_id in (1, 2, 3, 4)]),
            "recommendations": table("recommendations", recommendations),
            "recommendation_shortfalls": table("recommendation_shortfalls", list(shortfalls)),
        }
        counts = broken_promises(tables, RUN_DATE, LIMITS)
        assert list(counts) == list(KEPT)
        return {promise: number for promise, number in counts.items() if number}

    return count


Broken = Callable[..., dict[str, int]]


def test_full_slates_of_everybody_break_nothing(broken: Broken) -> None:
    both = [
        row for algorithm in ("logistic", "boosted_trees") for customer in (1, 2) for row in slate(customer, algorithm)
    ]
    assert broken(both) == {}


def test_a_customer_without_a_slate_or_a_word_why(broken: Broken) -> None:
    assert broken(slate(1)) == {"every_customer_is_served": 1}
    assert broken(slate(1), [shortfall(2, 0)]) == {}


def test_a_slate_that_is_short_without_a_word_why(broken: Broken) -> None:
    assert broken(slate(1) + slate(2)[:2]) == {"every_customer_is_served": 1}
    assert broken(slate(1) + slate(2)[:2], [shortfall(2, 2)]) == {}


def test_a_word_that_does_not_fit_the_slate(broken: Broken) -> None:
    assert broken(slate(1) + slate(2)[:2], [shortfall(2, 1)]) == {"every_customer_is_served": 1}


def test_an_algorithm_that_left_customers_out(broken: Broken) -> None:
    assert broken(slate(1) + slate(2), [shortfall(1, 0, "boosted_trees")]) == {"every_customer_is_served": 1}


@pytest.mark.parametrize(("first_day", "last_day", "count"), [(-5, -1, 2), (-5, 0, 0), (0, 5, 0), (1, 5, 2)])
def test_an_offer_that_is_not_live(broken: Broken, first_day: int, last_day: int, count: int) -> None:
    offers = [
        {"offer_id": 1, "valid_from_date": RUN_DATE + first_day * DAY, "valid_to_date": RUN_DATE + last_day * DAY},
        *({"offer_id": number, "valid_from_date": RUN_DATE, "valid_to_date": RUN_DATE} for number in (2, 3)),
    ]
    expected = {"no_offer_is_expired": count} if count else {}
    assert broken(slate(1) + slate(2), offers=offers) == expected


def test_an_offer_that_nobody_announced(broken: Broken) -> None:
    unknown = [row | {"offer_id": 77} if row["rank"] == 3 else row for row in slate(2)]
    assert broken(slate(1) + unknown) == {"no_offer_is_expired": 1}


def test_a_third_offer_of_a_category_where_two_are_allowed(broken: Broken) -> None:
    crowded = [row | {"category": "DAIRY_EGGS"} for row in slate(1)]
    assert broken(crowded + slate(2)) == {"categories_are_capped": 1}
    assert broken(crowded + [row | {"category": "SEAFOOD"} for row in slate(2)]) == {"categories_are_capped": 2}


def test_a_gap_between_the_ranks(broken: Broken) -> None:
    gap = [row | {"rank": 4} if row["rank"] == 3 else row for row in slate(1)]
    assert broken(gap + slate(2)) == {"ranks_are_dense": 1}


def test_an_offer_that_comes_twice(broken: Broken) -> None:
    twice = [row | {"offer_id": 1} for row in slate(1)[:2]] + slate(1)[2:]
    assert broken(twice + slate(2)) == {"ranks_are_dense": 1}


def test_a_better_score_behind_a_worse_one(broken: Broken) -> None:
    turned = [row | {"score": 0.9} if row["rank"] == 3 else row for row in slate(1)]
    assert broken(turned + slate(2)) == {"ranks_are_dense": 1}
    tied = [row | {"score": 0.4} for row in slate(1)]
    assert broken(tied + slate(2)) == {}


@pytest.mark.parametrize("champions", [[], ["logistic", "boosted_trees"]], ids=["none", "two"])
def test_another_number_of_champions_than_one(broken: Broken, champions: list[str]) -> None:
    both = [
        row for algorithm in ("logistic", "boosted_trees") for customer in (1, 2) for row in slate(customer, algorithm)
    ]
    served = [row | {"is_champion": row["algorithm"] in champions} for row in both]
    assert broken(served) == {"champion_is_one": 1}


def test_each_violation_is_counted_under_its_own_name(broken: Broken) -> None:
    offers = [{"offer_id": 1, "valid_from_date": RUN_DATE - 9 * DAY, "valid_to_date": RUN_DATE - DAY}]
    crowded = [row | {"category": "SEAFOOD", "is_champion": False} for row in slate(1)]
    gap = [row | {"rank": 2 * row["rank"], "is_champion": False} for row in slate(2)[:2]]
    # customer 2 has two of three offers and no word why; five rows of offers not live; one category; ranks 2 and 4
    assert broken(crowded + gap, offers=offers) == {
        "every_customer_is_served": 1,
        "no_offer_is_expired": 5,
        "categories_are_capped": 1,
        "ranks_are_dense": 1,
        "champion_is_one": 1,
    }
