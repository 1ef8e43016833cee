"""The features of a customer and an offer worked by hand: bought before, due again, the category, the depth."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from metro_assets.config import Features
from metro_assets.features.customers import moments_of_day, purchases_by_product
from metro_assets.features.pairs import features_of_pairs, sums_at
from metro_assets.features.windows import known_before
from metro_assets.vocabulary import Category, Segment
from metro_assets_tests.frames import (
    DAY,
    Row,
    ago,
    connection,
    customer,
    line,
    offer_product,
    product,
    redemption,
    relation,
)

SINGLE = 1e-6
"""Pairs are stored in single precision."""
DAIRY, COFFEE = product(1), product(2, category=Category.COFFEE_TEA)
PRODUCTS = [DAIRY, COFFEE, product(3), product(4, category=Category.MEAT_POULTRY)]


def described(
    lines: Sequence[Row] = (),
    redemptions: Sequence[Row] = (),
    *,
    customers: Sequence[Row] = (customer(),),
    covers: Sequence[int] = (1,),
    category: Category = Category.DAIRY_EGGS,
    depth: float = 0.10,
    settings: Features = Features(),  # noqa: B008
) -> dict[int, dict[str, Any]]:
    """By customer: the features with an offer on the covered products, of the category and the depth."""
    with connection() as database:
        owners = relation(database, "customers", customers)
        bought = purchases_by_product(relation(database, "order_items", lines), owners, DAY, settings)
        moments = moments_of_day(owners, DAY, settings)
        offer_products = [offer_product(1, covered, is_anchor=covered == covers[0]) for covered in covers]
        rows = features_of_pairs(
            moments.select("customer_id, 1 as offer_id, as_of_date"),
            moments,
            sums_at(
                DAY,
                moments,
                bought,
                relation(database, "offer_products", offer_products),
                relation(database, "products", PRODUCTS),
                owners,
            ),
            known_before(relation(database, "redemptions", redemptions), DAY, settings.window_days),
            owners,
            pl.DataFrame({"offer_id": [1], "as_of_date": [DAY], "category": [category], "discount_depth": [depth]}),
            settings,
        )
        return {row["customer_id"]: row for row in rows.pl().rows(named=True)}


# what was bought, and when ----------------------------------------------------------------------------------------


def test_who_bought_only_other_products_did_not_buy_the_offers_whatever_others_bought() -> None:
    lines = [line(ago(3), product_id=2), line(ago(3), product_id=1, customer_id=2)]
    found = described(lines, customers=[customer(1), customer(2)])
    assert [(found[number]["bought_before"], found[number]["product_purchases"]) for number in (1, 2)] == [
        (0, 0),
        (1, 1),
    ]


def test_days_since_the_product_are_counted_in_own_cycles() -> None:
    # bought 22, 15 and 2 days ago: a cycle of 10 days
    found = described([line(ago(22)), line(ago(15)), line(ago(2))])[1]
    assert (found["bought_before"], found["product_purchases"]) == (1, 3)
    assert found["days_since_product"] == pytest.approx(2 / ((22 - 2) / 2), rel=SINGLE)


def test_without_two_days_of_purchases_a_cycle_is_thirty_days_and_ten_cycles_are_the_most() -> None:
    bought = {
        1: [line(ago(12))],
        2: [line(ago(12), order_id=1), line(ago(12), order_id=2)],
        3: [line(ago(9)), line(ago(8))],
        4: [line(ago(81)), line(ago(80))],
    }
    lines = [row | {"customer_id": number} for number, rows in bought.items() for row in rows]
    found = described(lines, customers=[customer(number) for number in bought])
    assert [found[number]["product_purchases"] for number in bought] == [1, 2, 2, 2]
    cycles = [12 / 30, 12 / 30, 8 / 1, 10]
    assert [found[number]["days_since_product"] for number in bought] == pytest.approx(cycles, rel=SINGLE)


def test_any_product_of_the_offer_counts() -> None:
    # products 1, 3, 1 bought 9, 6 and 3 days ago; most often product 1, twice: a cycle of 6 days; 2 is not the offer's
    lines = [line(ago(9), 1), line(ago(6), 3), line(ago(3), 1), line(ago(1), 2)]
    found = described(lines, covers=[1, 3])[1]
    assert (found["bought_before"], found["product_purchases"]) == (1, 3)
    assert found["days_since_product"] == pytest.approx(3 / ((9 - 3) / (2 - 1)), rel=SINGLE)


def test_products_bought_together_are_one_purchase_of_the_cycle() -> None:
    lines = [line(ago(day), number) for day in (12, 2) for number in (1, 3)]
    assert described(lines, covers=[1, 3])[1]["days_since_product"] == pytest.approx(2 / 10, rel=SINGLE)


def test_who_never_bought_the_product_is_not_due() -> None:
    assert described([line(ago(3), product_id=2)])[1]["days_since_product"] is None


def test_day_90_is_in_the_window_day_91_the_run_date_and_the_not_yet_known_are_out() -> None:
    lines = [line(ago(91)), line(ago(90)), line(DAY), line(ago(5), recorded_date=DAY), line(ago(60), recorded_date=DAY)]
    found = described(lines)[1]
    assert (found["bought_before"], found["product_purchases"]) == (1, 1)
    assert found["days_since_product"] == pytest.approx(90 / 30, rel=SINGLE)


# the category -----------------------------------------------------------------------------------------------------


def test_the_share_of_the_category_over_its_share_in_the_segment_with_500_ron_of_the_segment_mixed_in() -> None:
    lines = [
        line(ago(3), 1, unit_price_ron=60.00),
        line(ago(3), 2, unit_price_ron=40.00),
        line(ago(3), 1, unit_price_ron=40.00, customer_id=2),
        line(ago(3), 2, unit_price_ron=260.00, customer_id=2),
    ]
    found = described(lines, customers=[customer(1), customer(2), customer(3)])
    segment_share = (60 + 40) / (100 + 300)
    for number, (dairy, total) in {1: (60, 100), 2: (40, 300), 3: (0, 0)}.items():
        share = (dairy + 500 * segment_share) / (total + 500)
        assert found[number]["category_affinity_score"] == pytest.approx(share / segment_share, rel=SINGLE)
    assert found[3]["category_affinity_score"] == 1


def test_other_segments_do_not_move_the_score() -> None:
    lines = [line(ago(3), 1), line(ago(3), 2), line(ago(3), 2, unit_price_ron=990.00, customer_id=2)]
    found = described(lines, customers=[customer(1), customer(2, segment=Segment.TRADER)])
    assert found[1]["category_affinity_score"] == 1
    assert found[2]["category_affinity_score"] == 1  # no trader bought dairy


def test_a_category_that_the_segment_never_bought_says_nothing() -> None:
    found = described([line(ago(3), 1)], category=Category.MEAT_POULTRY)[1]
    assert found["category_affinity_score"] == 1


def test_spend_of_the_segment_has_the_same_window() -> None:
    inside, dairy = line(ago(90), 2, unit_price_ron=30.00), line(ago(1), 1, unit_price_ron=10.00)
    outside = [line(ago(91), 2), line(DAY, 2), line(ago(2), 2, recorded_date=DAY)]
    others = [row | {"customer_id": 2} for row in outside]
    found = described([inside, dairy, *outside, *others], customers=[customer(1), customer(2)])
    segment_share = 10 / (10 + 30)
    share = (10 + 500 * segment_share) / (40 + 500)
    assert found[1]["category_affinity_score"] == pytest.approx(share / segment_share, rel=SINGLE)
    assert found[2]["category_affinity_score"] == 1


# the depth --------------------------------------------------------------------------------------------------------


def match(depth: float, wanted: float) -> float:
    return math.exp(-0.5 * ((depth - wanted) / 0.10) ** 2)


def test_where_nobody_redeemed_no_depth_is_known_to_fit() -> None:
    assert described([line(ago(3), offer_id=1)])[1]["price_sensitivity_match"] is None


def test_who_never_redeemed_is_taken_to_want_the_depth_of_the_segment() -> None:
    # customer 2 paid 90 RON under offers and saved 10: a depth of a tenth
    lines = [line(ago(3)), line(ago(3), unit_price_ron=90.00, offer_id=1, customer_id=2)]
    taken = [redemption(1, ago(3), customer_id=2, discount_ron=10.00)]
    for depth in (0.10, 0.40):
        found = described(lines, taken, customers=[customer(1), customer(2)], depth=depth)[1]
        assert found["price_sensitivity_match"] == pytest.approx(match(depth, 10 / (90 + 10)), rel=SINGLE)


def test_own_depths_weigh_by_their_number_against_five_of_the_segment() -> None:
    lines = [
        line(ago(3), unit_price_ron=60.00, offer_id=1),
        line(ago(3), unit_price_ron=240.00, offer_id=1, customer_id=2),
    ]
    taken = [
        redemption(1, ago(3), discount_ron=30.00),
        redemption(2, ago(4), discount_ron=10.00),
        redemption(3, ago(3), customer_id=2, discount_ron=60.00),
    ]
    found = described(lines, taken, customers=[customer(1), customer(2)], depth=0.30)
    segment = 100 / (100 + 300)
    for number, (times, own) in {1: (2, 40 / (40 + 60)), 2: (1, 60 / (60 + 240))}.items():
        wanted = (times * own + 5 * segment) / (times + 5)
        assert found[number]["price_sensitivity_match"] == pytest.approx(match(0.30, wanted), rel=SINGLE)


def test_depths_of_another_segment_do_not_count() -> None:
    taken = [redemption(1, ago(3), customer_id=2)]
    lines = [line(ago(3), offer_id=1, customer_id=2)]
    found = described(lines, taken, customers=[customer(1), customer(2, segment=Segment.TRADER)])
    assert found[1]["price_sensitivity_match"] is None
    assert found[2]["price_sensitivity_match"] == pytest.approx(match(0.10, 1 / (1 + 10)), rel=SINGLE)


def test_redemptions_of_day_90_count_those_of_day_91_of_the_run_date_and_not_yet_known_do_not() -> None:
    lines = [
        line(ago(90), unit_price_ron=90.00, offer_id=1),
        line(ago(5), unit_price_ron=60.00, offer_id=1, customer_id=2),
    ]
    taken = [
        redemption(1, ago(91), discount_ron=50.00),
        redemption(2, ago(90), discount_ron=10.00),
        redemption(3, DAY, discount_ron=50.00),
        redemption(4, ago(5), discount_ron=50.00, recorded_date=DAY),
        redemption(5, ago(5), discount_ron=40.00, customer_id=2),
    ]
    found = described(lines, taken, customers=[customer(1), customer(2)], depth=0.15)[1]
    segment = (10 + 40) / (10 + 40 + 90 + 60)
    wanted = (1 * 10 / (10 + 90) + 5 * segment) / (1 + 5)
    assert found["price_sensitivity_match"] == pytest.approx(match(0.15, wanted), rel=SINGLE)


def test_redemptions_that_took_nothing_off_nothing_have_no_depth() -> None:
    found = described(redemptions=[redemption(1, ago(3), discount_ron=0.00)])[1]
    assert found["price_sensitivity_match"] is None


def test_no_customers_no_pairs() -> None:
    assert described(customers=[]) == {}
