"""What a company's files do not say is a null feature by both paths, never a zero that means something else."""

from typing import Any

import pytest

from metro_assets.vocabulary import UNKNOWN, Benefit, Category, Segment
from metro_assets_tests.features.both_paths import features, only
from metro_assets_tests.frames import Row, ago, customer, line, offer, offer_product, product, redemption

LINES = [line(ago(9), tier=None), line(ago(4), 2, quantity=3, tier=None)]
PRODUCTS = [product(1), product(2, category=Category.COFFEE_TEA)]


def described(**given: Any) -> Row:
    return only(features(**{"products": PRODUCTS, "order_items": LINES} | given))


def test_without_tiers_the_tier_affinity_is_null() -> None:
    assert described()["tier_affinity"] is None
    assert described(order_items=[line(ago(9), tier=1), line(ago(4), 2, tier=2)])["tier_affinity"] == 1 / 2


def test_without_own_brands_their_share_is_null() -> None:
    unsaid = [row | {"is_own_brand": None} for row in PRODUCTS]
    assert described(products=unsaid)["own_brand_share"] is None
    assert described(products=PRODUCTS)["own_brand_share"] == 0


def test_without_costs_there_is_no_margin() -> None:
    assert described(products=[row | {"cost_ron": None} for row in PRODUCTS])["margin_impact_ron"] is None


def test_an_offer_that_states_no_benefit_has_no_depth() -> None:
    found = described(offers=[offer(benefit=Benefit.UNSTATED)], redemptions=[redemption(run_date=ago(9))])
    assert found["discount_depth"] is None
    assert found["offer_unit_price_ron"] is None
    assert found["margin_impact_ron"] is None
    assert found["price_sensitivity_match"] is None
    assert found["usual_unit_price_ron"] == 10


def test_an_offer_of_several_products_has_the_depth_of_those_it_states() -> None:
    covers = [offer_product(1, 1), offer_product(1, 2, is_anchor=False)]
    assert described(offer_products=covers)["discount_depth"] == pytest.approx(0.10)


def test_without_a_stated_discount_nothing_is_known_of_the_depth_that_a_customer_wants() -> None:
    silent = redemption(run_date=ago(9), discount_ron=None, order_id=None, product_id=None)
    assert described(redemptions=[silent])["price_sensitivity_match"] is None
    stated = redemption(2, run_date=ago(9), customer_id=2)
    both = features(
        products=PRODUCTS, order_items=LINES, customers=[customer(1), customer(2)], redemptions=[silent, stated]
    )
    assert both[1, 1]["price_sensitivity_match"] is not None, "the segment's depth stands in"


def test_without_categories_neither_their_variety_nor_an_affinity_is_known() -> None:
    unsaid = [row | {"category": UNKNOWN} for row in PRODUCTS]
    found = described(products=unsaid, offers=[offer(category=UNKNOWN)])
    assert found["category_entropy"] is None
    assert found["category_affinity_score"] is None


def test_the_variety_is_that_of_the_categories_that_are_known() -> None:
    half = [PRODUCTS[0], PRODUCTS[1] | {"category": UNKNOWN}]
    assert described(products=half)["category_entropy"] == 0


def test_without_segments_all_customers_are_one() -> None:
    unsaid = [customer(number, segment=Segment.UNKNOWN) for number in (1, 2)]
    lines = [line(ago(9), 1, customer_id=1), line(ago(9), 2, customer_id=2)]
    found = features(customers=unsaid, products=PRODUCTS, order_items=lines)
    assert found[1, 1]["category_affinity_score"] > 1 > found[2, 1]["category_affinity_score"]


def test_impressions_without_channel_position_or_propensity_are_examples() -> None:
    found = described()
    assert found["bought_before"] == 1
