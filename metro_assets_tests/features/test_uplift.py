"""Randomised moments: who is an example with which offers, and that the features are those of the training rows."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
from polars.testing import assert_frame_equal

from metro_assets.config import Features, Uplift
from metro_assets.features.training import examples
from metro_assets.features.uplift import Trial, uplift_examples_of
from metro_assets.vocabulary import RANKING_FEATURES
from metro_assets_tests.features.both_paths import relations, served_on, tables
from metro_assets_tests.frames import (
    DAY,
    Row,
    ago,
    connection,
    customer,
    impression,
    line,
    listed_for,
    offer,
    offer_product,
    on_days,
    redemption,
    relation,
)

YESTERDAY = ago(1)
HELD_OUT, EXPLORED = 1, 2


def drawn(customer_id: int, arm: str, **columns: object) -> Row:
    """A row of `assignments`: due yesterday."""
    return {
        "run_date": YESTERDAY,
        "customer_id": customer_id,
        "arm": arm,
        "probability": 0.1,
        "recorded_date": YESTERDAY,
    } | columns


BOTH_ARMS = [drawn(HELD_OUT, "HOLDOUT"), drawn(EXPLORED, "EXPLORATION")]


def rows_of(assignments: Sequence[Row], audience: Sequence[Row] = (), **given: Sequence[Row]) -> pl.DataFrame:
    """Examples of yesterday's moments, as the daily tables of yesterday describe them."""
    defaults: dict[str, Sequence[Row]] = {
        "customers": [customer(HELD_OUT), customer(EXPLORED)],
        "offers": [offer(1, YESTERDAY)],
        "offer_products": [offer_product(1, 1, YESTERDAY)],
        "impressions": [impression(1, YESTERDAY, customer_id=EXPLORED)],
    }
    with connection() as database:
        history = relations(database, tables(**(defaults | given)))
        trial = Trial(relation(database, "assignments", assignments), relation(database, "offer_audience", audience))
        served = served_on(history, YESTERDAY, Features())
        found = uplift_examples_of(history, trial, [DAY], Features(), Uplift(), 7, served)
        return found.pl().sort("customer_id", "offer_id")


def pairs(rows: pl.DataFrame) -> list[tuple[int, int, bool]]:
    return rows.select("customer_id", "offer_id", "is_treated").rows()


def test_an_example_was_shown_at_random_or_held_out_as_likely() -> None:
    found = rows_of(BOTH_ARMS)
    assert pairs(found) == [(HELD_OUT, 1, False), (EXPLORED, 1, True)]
    assert found["treatment_probability"].to_list() == [0.1 / (0.1 + 0.1)] * 2
    assert found["position"].to_list() == [None, 1]
    assert found["shown_date"].unique().to_list() == [YESTERDAY]


def test_who_is_no_part_of_the_trial() -> None:
    mute = customer(4, has_email_consent=False)
    late = drawn(5, "HOLDOUT", recorded_date=DAY)
    found = rows_of(
        [*BOTH_ARMS, drawn(3, "POLICY"), drawn(4, "HOLDOUT"), late, drawn(6, "HOLDOUT")],
        customers=[*map(customer, (1, 2, 3)), mute, customer(5), customer(6, registered_date=YESTERDAY)],
        impressions=[impression(number, YESTERDAY, customer_id=number) for number in (EXPLORED, 3)],
    )
    assert pairs(found) == [(HELD_OUT, 1, False), (EXPLORED, 1, True)]


def test_a_day_with_one_arm_says_nothing() -> None:
    assert rows_of(BOTH_ARMS[:1]).is_empty()


def test_a_hold_out_gets_offers_that_it_could_have_been_shown() -> None:
    live = [
        offer(1, YESTERDAY),
        offer(2, YESTERDAY, store_ids=[9]),
        offer(3, YESTERDAY, is_listed=True),
        offer(4, YESTERDAY, is_listed=True),
        offer(5, YESTERDAY, store_ids=[1]),
    ]
    found = rows_of(
        BOTH_ARMS,
        audience=[listed_for(3, HELD_OUT, YESTERDAY), listed_for(4, EXPLORED, YESTERDAY), listed_for(4, HELD_OUT)],
        offers=live,
        offer_products=[offer_product(number, 1, YESTERDAY) for number in range(1, 6)],
    )
    assert [offer_id for who, offer_id, _ in pairs(found) if who == HELD_OUT] == [1, 3, 5]


def test_a_hold_out_draws_as_many_as_a_slate_and_not_always_the_same() -> None:
    many = range(1, 31)
    holdouts = range(2, 40)
    found = rows_of(
        [drawn(1, "EXPLORATION"), *(drawn(number, "HOLDOUT") for number in holdouts)],
        customers=[customer(1), *(customer(number) for number in holdouts)],
        offers=[offer(number, YESTERDAY) for number in many],
        offer_products=[offer_product(number, 1, YESTERDAY) for number in many],
        impressions=[impression(1, YESTERDAY)],
    ).filter(~pl.col("is_treated"))
    assert found.group_by("customer_id").len()["len"].unique().to_list() == [10]
    drawn_offers = found.group_by("offer_id").len()["len"]
    # each of 30 offers is expected 38 x 10 / 30 = 12.7 times
    assert len(drawn_offers) == 30
    assert drawn_offers.max() < 3 * 38 * 10 / 30


def test_the_features_are_those_of_an_impression_of_the_same_moment() -> None:
    days = [ago(day) for day in (1, 5)]
    given = tables(
        customers=[customer(HELD_OUT), customer(EXPLORED)],
        offers=on_days([offer(1)], days),
        offer_products=on_days([offer_product(1)], days),
        order_items=[line(ago(5)), line(ago(3), quantity=2), line(ago(2), customer_id=EXPLORED), line(YESTERDAY)],
        redemptions=[redemption(1, ago(5))],
        impressions=[impression(number, YESTERDAY, customer_id=number) for number in (HELD_OUT, EXPLORED)],
    )
    with connection() as database:
        history = relations(database, given)
        shown = examples(history, [DAY], Features()).pl().sort("customer_id")
        trial = Trial(relation(database, "assignments", BOTH_ARMS), relation(database, "offer_audience", []))
        by_both_ways = [
            uplift_examples_of(history, trial, [DAY], Features(), Uplift(), 7, served).pl().sort("customer_id")
            for served in (None, served_on(history, YESTERDAY, Features()))
        ]
    columns = ["run_date", "shown_date", "valid_to_date", *RANKING_FEATURES]
    for found in by_both_ways:
        assert_frame_equal(found.select(columns), shown.select(columns), check_exact=True)


def test_what_happens_from_the_moment_on_changes_no_example() -> None:
    before = rows_of(BOTH_ARMS, order_items=[line(ago(3))])
    after = rows_of(
        BOTH_ARMS,
        order_items=[line(ago(3)), line(YESTERDAY, quantity=9), line(DAY), line(DAY + timedelta(days=1))],
        redemptions=[redemption(1, YESTERDAY), redemption(2, DAY, customer_id=EXPLORED)],
    )
    assert_frame_equal(before, after, check_exact=True)
