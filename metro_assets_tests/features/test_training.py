"""Training examples: what is a row, and that its features are those that the day's own tables had."""

import math
from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metro_assets.config import Features
from metro_assets.vocabulary import RANKING_FEATURES, Category
from metro_assets_tests.features.both_paths import features, relations, tables, trained
from metro_assets_tests.frames import (
    DAY,
    Row,
    ago,
    connection,
    customer,
    impression,
    line,
    offer,
    offer_product,
    on_days,
    product,
    redemption,
)


def examples(days: Sequence[int], settings: Features = Features(), **given: Sequence[Row]) -> pl.DataFrame:  # noqa: B008
    """Examples of what was shown so many days ago."""
    with connection() as database:
        return trained(relations(database, tables(**given)), [ago(day) for day in days], settings)


def test_all_features_of_a_pair_by_both_paths() -> None:
    # offer 1: 20 % off cheese (10 RON, cost 6), half paid by the supplier, for three more days
    cheese = offer(discount_share=0.20, funding_share=0.5, valid_to_date=DAY + timedelta(days=3))
    found = features(
        customers=[customer(1), customer(2)],
        products=[product(1), product(2, category=Category.COFFEE_TEA, is_own_brand=True)],
        offers=[cheese, *on_days([cheese], [ago(12), ago(2)])],
        order_items=[
            line(ago(12), 1, quantity=4, unit_price_ron=8.00, offer_id=1),
            line(ago(12), 2, quantity=1, unit_price_ron=28.00),
            line(ago(2), 1, quantity=4, unit_price_ron=10.00, tier=2),
            line(ago(5), 2, quantity=1, unit_price_ron=100.00, customer_id=2),
        ],
        impressions=[impression(1, ago(12)), impression(2, ago(2)), impression(3, ago(2), customer_id=2)],
        redemptions=[redemption(1, ago(12), impression_id=1, discount_ron=8.00)],
    )[1, 1]
    dairy, coffee = 32 + 40, 28
    segment_share = dairy / (dairy + coffee + 100)
    wanted = 8 / (8 + 32)  # of the customer and of the segment
    entropy = -sum(share * math.log(share) for share in (dairy / 100, coffee / 100))
    expected = {
        "recency_days": 2,
        "frequency_orders": 2,
        "monetary_ron": dairy + coffee,
        "avg_basket_ron": (dairy + coffee) / 2,
        "promo_affinity": 32 / (dairy + coffee),
        "category_entropy": entropy,
        "own_brand_share": coffee / (dairy + coffee),
        "tier_affinity": 1 / 3,
        "discount_depth": 0.20,
        "margin_impact_ron": -0.5 * 2.00,
        "days_until_expiry": 3,
        "offer_redemption_rate": (1 + 0.02 * 500) / (3 + 500),
        "bought_before": 1,
        "category_affinity_score": (dairy + 500 * segment_share) / (100 + 500) / segment_share,
        "price_sensitivity_match": math.exp(-0.5 * ((0.20 - wanted) / 0.10) ** 2),
        "days_since_product": 2 / 10,
        "product_purchases": 2,
    }
    assert {name: found[name] for name in RANKING_FEATURES} == pytest.approx(expected, rel=1e-6)


def test_a_row_is_an_impression_of_a_live_offer_known_by_the_next_day_as_it_was_logged() -> None:
    shown = impression(7, ago(1), slate_id=3, position=4, policy="exploration", propensity=0.25)
    rows = examples(
        [1],
        offers=[offer(1, ago(1)), offer(2, ago(2))],
        offer_products=[offer_product(1, 1, ago(1)), offer_product(2, 1, ago(2))],
        impressions=[
            shown,
            impression(2, ago(2)),
            impression(3, DAY),
            impression(4, ago(1), recorded_date=DAY),
            impression(5, ago(1), offer_id=2),
        ],
    )
    [row] = rows.rows(named=True)
    logged = ("impression_id", "slate_id", "customer_id", "offer_id", "position", "policy", "propensity")
    assert {name: row[name] for name in logged} == {name: shown[name] for name in logged}
    assert (row["run_date"], row["shown_date"], row["valid_to_date"]) == (DAY, ago(1), ago(1) + timedelta(days=7))


def test_an_offer_shown_twice_is_two_rows_and_who_registered_that_day_is_not_yet_known() -> None:
    rows = examples(
        [0],
        customers=[customer(1), customer(2, registered_date=DAY)],
        impressions=[impression(1), impression(2, position=2), impression(3, customer_id=2)],
        order_items=[line(ago(3))],
    )
    assert rows["impression_id"].to_list() == [1, 2]
    first, second = rows.select(RANKING_FEATURES).rows()
    assert first == second


def test_many_days_in_one_pass_are_the_days_one_by_one_whatever_the_ranges_of_customers() -> None:
    days = [0, 1]
    shown_on = [ago(day) for day in days]
    given = tables(
        customers=[customer(number) for number in (1, 2, 3)],
        offers=on_days([offer(1)], shown_on),
        offer_products=on_days([offer_product(1)], shown_on),
        order_items=[line(ago(day), customer_id=number) for number, day in [(1, 91), (1, 2), (2, 1), (2, 90), (3, 3)]],
        impressions=[
            impression(10 * day + number, ago(day), customer_id=number) for day in days for number in (1, 2, 3)
        ],
        redemptions=[redemption(1, ago(2), customer_id=1), redemption(2, ago(1), customer_id=2)],
    )
    together = examples(days, Features(customers_per_range=2), **given)
    alone = pl.concat([examples([day], **given) for day in days])
    assert together.height == 6
    assert_frame_equal(together, alone.sort("impression_id"), check_exact=True)


def test_nothing_shown_no_rows() -> None:
    assert examples([0]).is_empty()
    assert examples([0], customers=[], impressions=[impression()]).is_empty()
