"""The features of an offer worked by hand: every mechanic's depth, what it costs, how such offers were taken up."""

import math
from collections.abc import Sequence
from datetime import timedelta

import pytest

from metro_assets.config import Features
from metro_assets.features.offers import features_of_offers
from metro_assets.sql import on_date
from metro_assets.vocabulary import Benefit, Category, OfferMechanic
from metro_assets_tests.frames import (
    DAY,
    Row,
    ago,
    connection,
    daily_price,
    impression,
    line,
    offer,
    offer_product,
    on_days,
    product,
    redemption,
    relation,
    tiers,
)

PRIOR = 0.02 * 500
"""Redemptions that the prior adds to its 500 impressions."""


def described(
    offers: Sequence[Row] = (offer(),),
    offer_products: Sequence[Row] = (offer_product(),),
    *,
    products: Sequence[Row] = (product(1, **tiers()),),
    daily_prices: Sequence[Row] = (),
    lines: Sequence[Row] = (),
    impressions: Sequence[Row] = (),
    redemptions: Sequence[Row] = (),
    settings: Features = Features(),  # noqa: B008
) -> dict[int, Row]:
    """Features of the offers live on `DAY`, by id."""
    with connection() as database:
        announced = relation(database, "offers", offers)
        rows = features_of_offers(
            on_date(announced, DAY),
            announced,
            relation(database, "offer_products", offer_products),
            relation(database, "daily_prices", daily_prices),
            relation(database, "products", products),
            relation(database, "order_items", lines),
            relation(database, "impressions", impressions),
            relation(database, "redemptions", redemptions),
            settings,
        ).rows(named=True)
    return {row["offer_id"]: row for row in rows}


def rate(**events: Sequence[Row]) -> float:
    """Redemption rate of offer 1, live since long; offers 2 to 4 differ by category, mechanic and neither."""
    kinds = [
        offer(1),
        offer(2, category=Category.COFFEE_TEA),
        offer(3, mechanic=OfferMechanic.SEASONAL_CAMPAIGN),
        offer(4),
    ]
    offers = [offer(1), *on_days(kinds, [ago(days) for days in (91, 90, 5, 3, 1)])]
    return float(described(offers, **events)[1]["offer_redemption_rate"])


# depth ------------------------------------------------------------------------------------------------------------


DEPTHS: list[tuple[float, Row, float]] = [
    (1, {"discount_share": 0.20}, 0.20),
    (8, {"discount_share": 0.20}, 1 - 0.80 * 24.90 / 21.90),
    (8, {"discount_share": 0.20, "stacks_with_tiers": True}, 0.20),
    (1, {"benefit": Benefit.AMOUNT, "discount_ron": 5.00}, 5.00 / 24.90),
    (1, {"benefit": Benefit.AMOUNT, "discount_ron": 30.00}, 1),
    (1, {"benefit": Benefit.BONUS_UNITS, "minimum_quantity": 3, "free_quantity": 1}, 1 - 3 / 4),
    (1, {"benefit": Benefit.GIFT, "minimum_quantity": 4, "gift_product_id": 99}, 8.00 / 4 / 24.90),
    (1, {"benefit": Benefit.TIER_UNLOCK, "unlocked_tier": 2}, 1 - 21.90 / 24.90),
    (8, {"benefit": Benefit.TIER_UNLOCK, "unlocked_tier": 2}, 0),
    (8, {"benefit": Benefit.TIER_UNLOCK, "unlocked_tier": 3}, 1 - 18.00 / 21.90),
]
"""Units that customers buy, what the offer promises, and its depth."""


def test_depth_of_every_mechanic_at_the_quantity_that_customers_buy() -> None:
    cases = list(enumerate(DEPTHS, start=1))
    found = described(
        [offer(number, **terms) for number, (_, terms, _) in cases],
        [offer_product(number, number) for number, _ in cases],
        products=[product(99, base_price_ron=8.00), *(product(number, **tiers()) for number, _ in cases)],
        lines=[line(ago(3), number, quantity=quantity) for number, (quantity, _, _) in cases],
    )
    for number, (quantity, terms, depth) in cases:
        assert found[number]["discount_depth"] == pytest.approx(depth), (quantity, terms)


def test_the_tier_trap_ten_percent_off_the_base_price_is_no_depth_to_who_buys_eight() -> None:
    to_one = described(lines=[line(ago(3), quantity=1)])[1]
    to_eight = described(lines=[line(ago(3), quantity=8)])[1]
    assert to_one["discount_depth"] == pytest.approx(0.10)
    assert (to_eight["discount_depth"], to_eight["margin_impact_ron"]) == (0, 0)
    assert to_eight["usual_unit_price_ron"] == to_eight["offer_unit_price_ron"] == 21.90


def test_the_typical_quantity_is_the_geometric_mean_of_what_all_customers_bought() -> None:
    lines = [line(ago(3), quantity=2), line(ago(4), quantity=8, customer_id=2)]
    assert described(lines=lines)[1]["typical_quantity"] == pytest.approx(math.sqrt(2 * 8), rel=1e-6)


def test_who_always_buys_exactly_six_is_at_tier_two() -> None:
    found = described(lines=[line(ago(3), quantity=6)])[1]
    assert (found["typical_quantity"], found["usual_unit_price_ron"], found["discount_depth"]) == (6, 21.90, 0)


def test_of_what_nobody_bought_one_unit_is_typical_or_the_minimum_of_the_offer() -> None:
    found = described([offer(1), offer(2, minimum_quantity=6)], [offer_product(1), offer_product(2)])
    assert [found[number]["typical_quantity"] for number in (1, 2)] == [1, 6]
    assert [found[number]["usual_unit_price_ron"] for number in (1, 2)] == [24.90, 21.90]


def test_quantities_of_day_90_count_those_of_day_91_of_the_run_date_and_not_yet_known_do_not() -> None:
    lines = [
        line(ago(91), quantity=3),
        line(ago(90), quantity=5),
        line(DAY, quantity=7),
        line(ago(2), quantity=9, recorded_date=DAY),
    ]
    assert described(lines=lines)[1]["typical_quantity"] == pytest.approx(5, rel=1e-6)


def test_a_daily_price_counts_on_its_day() -> None:
    prices = [
        daily_price(1, DAY, base_price_ron=20.00, cost_ron=12.00),
        daily_price(1, ago(1), base_price_ron=40.00, cost_ron=30.00),
    ]
    found = described(products=[product(1)], daily_prices=prices)[1]
    assert found["usual_unit_price_ron"] == 20.00
    assert found["offer_unit_price_ron"] == pytest.approx(0.90 * 20.00)
    assert found["offer_margin_ron"] == pytest.approx(0.90 * 20.00 - 12.00)


def test_depth_and_margin_are_means_over_the_products_and_prices_those_of_the_anchor() -> None:
    found = described(
        offer_products=[offer_product(1, 1, is_anchor=False), offer_product(1, 2)],
        products=[product(1, **tiers()), product(2, base_price_ron=50.00, cost_ron=20.00)],
        lines=[line(ago(3), product_id=1, quantity=8)],
    )[1]
    assert found["discount_depth"] == pytest.approx((0 + 0.10) / 2)
    assert found["margin_impact_ron"] == pytest.approx((0 - 5.00) / 2)
    assert (found["usual_unit_price_ron"], found["typical_quantity"]) == (50.00, 1)
    assert found["offer_margin_ron"] == pytest.approx(45.00 - 20.00)


# margin -----------------------------------------------------------------------------------------------------------


def test_the_supplier_pays_its_share_of_the_discount() -> None:
    funding = {1: None, 2: 0.0, 3: 0.4, 4: 1.0}
    found = described(
        [offer(number, discount_share=0.20, funding_share=share) for number, share in funding.items()],
        [offer_product(number) for number in funding],
    )
    for number, own_share in {1: 1, 2: 1, 3: 1 - 0.4, 4: 0}.items():
        assert found[number]["margin_impact_ron"] == pytest.approx(-own_share * 0.20 * 24.90)
        assert found[number]["offer_margin_ron"] == pytest.approx(24.90 - 15.00 - own_share * 0.20 * 24.90)


def test_an_unknown_cost_is_an_unknown_margin_not_an_unknown_depth() -> None:
    found = described(products=[product(cost_ron=None)])[1]
    assert (found["margin_impact_ron"], found["offer_margin_ron"]) == (None, None)
    assert found["discount_depth"] == pytest.approx(0.10)


def test_a_product_of_unknown_cost_is_left_out_of_the_mean_margin() -> None:
    found = described(
        offer_products=[offer_product(1, 1), offer_product(1, 2, is_anchor=False)],
        products=[product(1), product(2, base_price_ron=30.00, cost_ron=None)],
    )[1]
    assert found["margin_impact_ron"] == pytest.approx(-0.10 * 10.00)


def test_a_gift_costs_its_cost_not_its_price() -> None:
    gift = offer(benefit=Benefit.GIFT, minimum_quantity=4, gift_product_id=2, funding_share=0.5)
    found = described([gift], products=[product(1, **tiers()), product(2, base_price_ron=8.00, cost_ron=6.00)])[1]
    assert found["margin_impact_ron"] == pytest.approx(-0.5 * 6.00 / 4)
    assert found["offer_margin_ron"] == pytest.approx(24.90 - 15.00 - 0.5 * 6.00 / 4)


def test_a_gift_worth_less_than_the_tier_is_not_given() -> None:
    gift = offer(benefit=Benefit.GIFT, minimum_quantity=4, gift_product_id=2)
    found = described(
        [gift],
        products=[product(1, **tiers()), product(2, base_price_ron=8.00, cost_ron=6.00)],
        lines=[line(ago(3), quantity=8)],
    )[1]
    assert (found["discount_depth"], found["margin_impact_ron"]) == (0, 0)


# expiry and redemption rate ---------------------------------------------------------------------------------------


def test_days_until_expiry_end_at_zero_on_the_last_day() -> None:
    offers = [offer(1, valid_to_date=DAY), offer(2, valid_to_date=DAY + timedelta(days=3))]
    found = described(offers, [offer_product(1), offer_product(2)])
    assert [found[number]["days_until_expiry"] for number in (1, 2)] == [0, 3]


def test_without_events_the_rate_is_the_prior() -> None:
    assert rate() == pytest.approx(PRIOR / 500)


def test_redemptions_over_impressions_smoothed_by_the_prior() -> None:
    shown = [impression(number, ago(5)) for number in range(4)]
    assert rate(impressions=shown) == pytest.approx(PRIOR / (4 + 500))
    taken = [redemption(1, ago(3), impression_id=0)]
    assert rate(impressions=shown, redemptions=taken) == pytest.approx((1 + PRIOR) / (4 + 500))


def test_a_redemption_without_an_impression_says_nothing_of_the_rate() -> None:
    assert rate(redemptions=[redemption(1, ago(3))]) == pytest.approx(PRIOR / 500)


def test_the_rate_is_of_the_mechanic_in_the_category_whichever_the_offer() -> None:
    shown = [impression(number, ago(5), offer_id=number) for number in (1, 2, 3, 4)]
    taken = [redemption(number, ago(3), offer_id=number, impression_id=number) for number in (2, 3, 4)]
    assert rate(impressions=shown, redemptions=taken) == pytest.approx((1 + PRIOR) / (2 + 500))


def test_events_of_day_90_count_those_of_day_91_of_the_run_date_and_not_yet_known_do_not() -> None:
    shown = [
        impression(1, ago(91)),
        impression(2, ago(90)),
        impression(3, DAY),
        impression(4, ago(5), recorded_date=DAY),
        impression(5, ago(5), recorded_date=ago(1)),
    ]
    taken = [
        redemption(1, ago(91), impression_id=1),
        redemption(2, ago(90), impression_id=2),
        redemption(3, DAY, impression_id=3),
        redemption(4, ago(3), impression_id=4, recorded_date=DAY),
    ]
    assert rate(impressions=shown, redemptions=taken) == pytest.approx((1 + PRIOR) / (2 + 500))


def test_more_redemptions_than_impressions_are_a_rate_of_one() -> None:
    settings = Features(redemption_prior_rate=0.5, redemption_prior_impressions=1)
    taken = [redemption(number, ago(3), impression_id=9) for number in range(3)]
    offers = [offer(), offer(1, ago(3))]
    assert described(offers, redemptions=taken, settings=settings)[1]["offer_redemption_rate"] == 1


def test_each_day_is_described_as_of_itself() -> None:
    with connection() as database:
        live = relation(database, "offers", on_days([offer(valid_to_date=DAY)], [ago(2), DAY]))
        found = features_of_offers(
            live,
            live,
            relation(database, "offer_products", on_days([offer_product()], [ago(2), DAY])),
            relation(database, "daily_prices", []),
            relation(database, "products", [product()]),
            relation(database, "order_items", [line(ago(2), quantity=4)]),
            relation(database, "impressions", [impression(1, ago(2))]),
            relation(database, "redemptions", []),
            Features(),
        ).sort("as_of_date")
    assert found["days_until_expiry"].to_list() == [2, 0]
    assert found["typical_quantity"].to_list() == pytest.approx([1, 4], rel=1e-6)
    assert found["offer_redemption_rate"].to_list() == pytest.approx([PRIOR / 500, PRIOR / (1 + 500)])


def test_no_live_offer_no_row() -> None:
    assert described([offer(1, ago(1))]) == {}
