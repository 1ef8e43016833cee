"""Each rule that forbids an offer, at the edges of its days; and why a slate stayed short."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from metro_assets.config import Selection
from metro_assets.selection.rules import eligible_candidates, judged_candidates, shortfalls
from metro_assets.sql import Relation

RUN_DATE = date(2026, 5, 18)
DAY = timedelta(days=1)
LIMITS = Selection(slate_size=2, maximum_per_category=1, maximum_weekly_exposures=3)
Table = Callable[..., Relation]
Rows = list[dict[str, Any]]


def customer(customer_id: int = 1, **given: Any) -> dict[str, Any]:
    consent = {"has_email_consent": True, "has_sms_consent": False, "has_whatsapp_consent": False}
    return {"customer_id": customer_id, "registered_date": date(2025, 1, 1)} | consent | given


def offer(offer_id: int = 1, **given: Any) -> dict[str, Any]:
    validity = {"valid_from_date": RUN_DATE - 3 * DAY, "valid_to_date": RUN_DATE + 3 * DAY}
    return {"run_date": RUN_DATE, "offer_id": offer_id, "category": "DAIRY_EGGS"} | validity | given


def scored(offer_id: int = 1, customer_id: int = 1, score: float = 0.5, algorithm: str = "logistic") -> dict[str, Any]:
    return {"customer_id": customer_id, "offer_id": offer_id, "algorithm": algorithm, "score": score}


def redeemed(days_ago: int, order_id: int, recorded: date | None = None, **given: Any) -> dict[str, Any]:
    day = RUN_DATE - days_ago * DAY
    pair = {"customer_id": 1, "offer_id": 1}
    return {"run_date": day, "order_id": order_id, "recorded_date": recorded or day} | pair | given


def shown(days_ago: int, recorded: date | None = None, **given: Any) -> dict[str, Any]:
    day = RUN_DATE - days_ago * DAY
    return {"run_date": day, "customer_id": 1, "offer_id": 1, "recorded_date": recorded or day} | given


@pytest.fixture
def judged(table: Table) -> Callable[..., Relation]:
    def judge(
        candidates: Rows | None = None,
        offers: Rows | None = None,
        customers: Rows | None = None,
        impressions: Rows | None = None,
        redemptions: Rows | None = None,
    ) -> Relation:
        return judged_candidates(
            table("scored_candidates", [scored()] if candidates is None else candidates),
            table("offers", [offer()] if offers is None else offers),
            table("customers", [customer()] if customers is None else customers),
            table("impressions", impressions or []),
            table("redemptions", redemptions or []),
            RUN_DATE,
            LIMITS,
        )

    return judge


def barriers(rows: Relation) -> list[str | None]:
    return [row[0] for row in rows.order("customer_id, algorithm, offer_id").select("barrier").fetchall()]


# the rules ----------------------------------------------------------------------------------------------------------


def test_nothing_forbids_an_offer_that_is_new_to_a_customer_with_consent(judged: Callable[..., Relation]) -> None:
    rows = judged()
    assert rows.select("customer_id, algorithm, offer_id, score, category, barrier").fetchall() == [
        (1, "logistic", 1, 0.5, "DAIRY_EGGS", None)
    ]
    assert len(eligible_candidates(rows)) == 1


@pytest.mark.parametrize("channel", ["email", "sms", "whatsapp"])
def test_consent_for_one_channel_is_enough(judged: Callable[..., Relation], channel: str) -> None:
    only = customer(has_email_consent=False) | {f"has_{channel}_consent": True}
    assert barriers(judged(customers=[only])) == [None]


def test_no_consent_forbids_everything(judged: Callable[..., Relation]) -> None:
    rows = judged(
        candidates=[scored(), scored(2), scored(customer_id=2)],
        offers=[offer(), offer(2)],
        customers=[customer(has_email_consent=False), customer(2)],
    )
    assert barriers(rows) == ["NO_CONSENT", "NO_CONSENT", None]
    assert eligible_candidates(rows).select("customer_id").fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("first_day", "last_day", "is_live"), [(-3, -1, False), (-3, 0, True), (0, 0, True), (0, 3, True), (1, 3, False)]
)
def test_an_offer_is_live_from_its_first_day_to_its_last_both_inclusive(
    judged: Callable[..., Relation], first_day: int, last_day: int, is_live: bool
) -> None:
    validity = {"valid_from_date": RUN_DATE + first_day * DAY, "valid_to_date": RUN_DATE + last_day * DAY}
    assert len(judged(offers=[offer(**validity)])) == is_live


def test_a_candidate_whose_offer_is_not_in_the_catalogue_is_dropped(judged: Callable[..., Relation]) -> None:
    assert len(judged(offers=[offer(2)])) == 0


@pytest.mark.parametrize("maximum", [1, 2, None])
@pytest.mark.parametrize(
    ("orders", "barrier"), [([], None), ([11], "ALREADY_REDEEMED"), ([11, 12], "ALREADY_REDEEMED")]
)
def test_an_offer_that_was_redeemed_does_not_come_again_even_if_it_still_could_be_used(
    judged: Callable[..., Relation], maximum: int | None, orders: list[int], barrier: str | None
) -> None:
    rows = judged(offers=[offer(maximum_redemptions=maximum)], redemptions=[redeemed(2, order) for order in orders])
    assert barriers(rows) == [barrier]


@pytest.mark.parametrize(
    "other",
    [
        redeemed(0, 11),
        redeemed(1, 11, recorded=RUN_DATE),
        redeemed(1, 11, customer_id=2),
        redeemed(1, 11, offer_id=2),
    ],
    ids=["today", "not known yet", "by another customer", "another offer"],
)
def test_only_what_the_customer_redeemed_and_was_known_before_today_counts(
    judged: Callable[..., Relation], other: dict[str, Any]
) -> None:
    assert barriers(judged(offers=[offer(maximum_redemptions=1)], redemptions=[other])) == [None]


@pytest.mark.parametrize(
    ("days_ago", "barrier"),
    [
        ([1, 1], None),
        ([1, 1, 1], "EXPOSURE_LIMIT"),
        ([6, 3, 1], "EXPOSURE_LIMIT"),
        ([7, 3, 1], None),
        ([6, 3, 0], None),
        ([6, 5, 4, 1], "EXPOSURE_LIMIT"),
    ],
)
def test_with_today_the_week_has_seven_days(
    judged: Callable[..., Relation], days_ago: list[int], barrier: str | None
) -> None:
    assert barriers(judged(impressions=[shown(day) for day in days_ago])) == [barrier]


def test_only_known_exposures_of_the_same_pair_count(judged: Callable[..., Relation]) -> None:
    thrice = [shown(1)] * 2
    for other in (shown(1, recorded=RUN_DATE), shown(1, customer_id=2), shown(1, offer_id=2)):
        assert barriers(judged(impressions=[*thrice, other])) == [None]


def test_the_first_rule_that_forbids_is_named(judged: Callable[..., Relation]) -> None:
    all_three = {
        "offers": [offer(maximum_redemptions=1)],
        "impressions": [shown(1)] * 3,
        "redemptions": [redeemed(1, 11)],
    }
    assert barriers(judged(customers=[customer(has_email_consent=False)], **all_three)) == ["NO_CONSENT"]
    assert barriers(judged(**all_three)) == ["ALREADY_REDEEMED"]


def test_a_barrier_holds_for_every_algorithm(judged: Callable[..., Relation]) -> None:
    both = [scored(), scored(algorithm="boosted_trees")]
    assert barriers(judged(candidates=both, impressions=[shown(2)] * 3)) == ["EXPOSURE_LIMIT"] * 2


# shortfalls ---------------------------------------------------------------------------------------------------------

PRODUCED = [{"customer_id": 9, "algorithm": "logistic", "rank": rank, "offer_id": rank} for rank in (1, 2)]
"""Another customer's full slate: it says which algorithms there are."""


@pytest.fixture
def short(table: Table) -> Callable[..., list[tuple[Any, ...]]]:
    def shortfall(judged_rows: Relation, served: int = 0, **given: Any) -> list[tuple[Any, ...]]:
        own = [{"customer_id": 1, "algorithm": "logistic", "rank": r, "offer_id": r} for r in range(1, served + 1)]
        rows = shortfalls(
            table("customers", [customer(**given), customer(9)]),
            judged_rows,
            table("recommendations", PRODUCED + own),
            RUN_DATE,
            LIMITS,
        )
        return sorted(rows.select("customer_id, algorithm, recommended_count, reason").fetchall())

    return shortfall


Judge = Callable[..., Relation]
Short = Callable[..., list[tuple[Any, ...]]]
THREE = [scored(1), scored(2), scored(3)]
THREE_OFFERS = [offer(1, maximum_redemptions=1), offer(2, maximum_redemptions=1), offer(3)]


def test_a_full_slate_is_no_shortfall(judged: Judge, short: Short) -> None:
    assert short(judged(THREE, THREE_OFFERS), served=2) == []


def test_without_consent(judged: Judge, short: Short) -> None:
    unwilling = customer(has_email_consent=False)
    rows = judged([*THREE], THREE_OFFERS, [unwilling])
    assert short(rows, has_email_consent=False) == [(1, "logistic", 0, "NO_CONSENT")]
    assert short(judged([]), has_email_consent=False) == [(1, "logistic", 0, "NO_CONSENT")]


def test_without_candidates(judged: Judge, short: Short) -> None:
    assert short(judged([])) == [(1, "logistic", 0, "NO_CANDIDATES")]


def test_with_one_candidate_for_two_places(judged: Judge, short: Short) -> None:
    assert short(judged([scored(1)], THREE_OFFERS), served=1) == [(1, "logistic", 1, "TOO_FEW_CANDIDATES")]


def test_with_two_of_three_redeemed(judged: Judge, short: Short) -> None:
    rows = judged(THREE, THREE_OFFERS, redemptions=[redeemed(1, 11, offer_id=1), redeemed(1, 12, offer_id=2)])
    assert short(rows, served=1) == [(1, "logistic", 1, "ALREADY_REDEEMED")]


def test_with_one_redeemed_and_one_shown_too_often(judged: Judge, short: Short) -> None:
    # 3 candidates - 1 redeemed fill 2 places; - 1 overexposed they do not
    rows = judged(
        THREE, THREE_OFFERS, impressions=[shown(1, offer_id=3)] * 3, redemptions=[redeemed(1, 11, offer_id=1)]
    )
    assert short(rows, served=1) == [(1, "logistic", 1, "EXPOSURE_LIMIT")]


def test_with_all_candidates_of_one_category(judged: Judge, short: Short) -> None:
    assert short(judged(THREE, THREE_OFFERS), served=1) == [(1, "logistic", 1, "CATEGORY_LIMIT")]


def test_who_registers_today_is_not_expected_yet(judged: Judge, short: Short) -> None:
    assert short(judged([]), registered_date=RUN_DATE) == []
    assert len(short(judged([]), registered_date=RUN_DATE - DAY)) == 1


def test_every_algorithm_is_accounted_for_also_one_that_served_nobody(judged: Judge, short: Short) -> None:
    rows = judged([*THREE, scored(1, algorithm="boosted_trees")], THREE_OFFERS)
    assert short(rows, served=1) == [
        (1, "boosted_trees", 0, "TOO_FEW_CANDIDATES"),
        (1, "logistic", 1, "CATEGORY_LIMIT"),
        (9, "boosted_trees", 0, "NO_CANDIDATES"),
    ]


# what a company's files do not say ------------------------------------------------------------------------------------

UNSAID = {"has_email_consent": None, "has_sms_consent": None, "has_whatsapp_consent": None}


@pytest.mark.parametrize(
    ("consent", "barrier"),
    [
        (UNSAID, None),
        (UNSAID | {"has_email_consent": False}, None),
        (dict.fromkeys(UNSAID, False), "NO_CONSENT"),
        (UNSAID | {"has_sms_consent": True}, None),
    ],
)
def test_a_consent_that_is_not_known_is_no_refusal(
    judged: Callable[..., Relation], consent: dict[str, bool | None], barrier: str | None
) -> None:
    rows = judged(customers=[customer(**consent)]).pl().rows(named=True)
    assert [row["barrier"] for row in rows] == [barrier]
