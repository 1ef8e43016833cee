"""Every mechanic's effective price, worked by hand, and the tier trap."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metro_assets.pricing import (
    OfferTerms,
    PriceTiers,
    discount_depth,
    next_tier_quantity,
    offer_unit_price,
    reached_tier,
    tier_unit_price,
    unit_margin,
)
from metro_assets.vocabulary import Benefit

TIERS = PriceTiers(*(np.array(value) for value in (24.90, 6.0, 21.90, 24.0, 18.00)))
"""24.90 RON, from 6 on 21.90, from 24 on 18.00."""


def terms(benefit: Benefit, *, stacks: bool = False, **parameters: float) -> OfferTerms:
    names = OfferTerms._fields[2:]
    numbers = {name: np.array(parameters.get(name, math.nan)) for name in names}
    return OfferTerms(np.array(str(benefit)), np.array(stacks), **numbers)


def price(quantity: float, offer: OfferTerms) -> float:
    return round(float(offer_unit_price(np.array(quantity), TIERS, offer)), 6)


@pytest.mark.parametrize(
    ("quantity", "tier", "unit_price", "next_quantity"),
    [(1, 1, 24.90, 6), (5.9, 1, 24.90, 6), (6, 2, 21.90, 24), (23, 2, 21.90, 24), (24, 3, 18.00, None)],
)
def test_tiers(quantity: float, tier: int, unit_price: float, next_quantity: float | None) -> None:
    assert reached_tier(np.array(quantity), TIERS) == tier
    assert tier_unit_price(np.array(quantity), TIERS) == unit_price
    following = float(next_tier_quantity(np.array(quantity), TIERS))
    assert following == next_quantity if next_quantity else math.isnan(following)


def test_a_product_of_two_tiers_never_reaches_a_third() -> None:
    two = PriceTiers(*(np.array(value) for value in (10.0, 6.0, 9.0, math.nan, math.nan)))
    assert reached_tier(np.array(100.0), two) == 2
    assert tier_unit_price(np.array(100.0), two) == 9.0


def test_the_tier_trap_a_discount_on_the_base_price_is_worth_nothing_to_who_buys_six() -> None:
    ten_percent = terms(Benefit.PERCENT, discount_share=0.10)
    assert price(1, ten_percent) == 22.41
    assert price(6, ten_percent) == 21.90
    assert float(discount_depth(np.array(6.0), TIERS, ten_percent)) == 0.0


@pytest.mark.parametrize(
    ("offer", "quantity", "expected"),
    [
        (terms(Benefit.PERCENT, discount_share=0.20), 1, 19.92),
        (terms(Benefit.PERCENT, discount_share=0.20), 6, 19.92),
        (terms(Benefit.PERCENT, discount_share=0.20, stacks=True), 6, 17.52),
        (terms(Benefit.AMOUNT, discount_ron=5.0), 1, 19.90),
        (terms(Benefit.AMOUNT, discount_ron=5.0), 24, 18.00),
        (terms(Benefit.AMOUNT, discount_ron=30.0), 1, 0.0),
        (terms(Benefit.BONUS_UNITS, minimum_quantity=2, free_quantity=1), 1, 24.90),
        (terms(Benefit.BONUS_UNITS, minimum_quantity=2, free_quantity=1), 2, 16.60),
        (terms(Benefit.BONUS_UNITS, minimum_quantity=2, free_quantity=1), 3, 18.675),
        (terms(Benefit.GIFT, minimum_quantity=4, gift_value_ron=8.0), 3, 24.90),
        (terms(Benefit.GIFT, minimum_quantity=4, gift_value_ron=8.0), 4, 22.90),
        (terms(Benefit.TIER_UNLOCK, unlocked_tier=2), 1, 21.90),
        (terms(Benefit.TIER_UNLOCK, unlocked_tier=3), 1, 18.00),
        (terms(Benefit.TIER_UNLOCK, unlocked_tier=2), 24, 18.00),
    ],
)
def test_effective_price(offer: OfferTerms, quantity: float, expected: float) -> None:
    assert price(quantity, offer) == expected


def test_margin_counts_what_the_company_gives_up() -> None:
    quantity, cost = np.array(1.0), np.array(15.0)
    discount = terms(Benefit.PERCENT, discount_share=0.20)
    # usual 24.90, given up 4.98, the supplier pays half of it
    margin = unit_margin(quantity, TIERS, discount, cost, np.array(0.5), np.array(math.nan))
    assert float(margin) == pytest.approx(24.90 - 15.0 - 0.5 * 4.98)
    gift = terms(Benefit.GIFT, minimum_quantity=4, gift_value_ron=8.0)
    margin = unit_margin(np.array(4.0), TIERS, gift, cost, np.array(0.0), np.array(6.0))
    assert float(margin) == pytest.approx(24.90 - 15.0 - 6.0 / 4)


def test_an_offer_that_states_no_benefit_has_no_price_rather_than_the_usual_one() -> None:
    silent, quantity = terms(Benefit.UNSTATED), np.array(4.0)
    assert np.isnan(offer_unit_price(quantity, TIERS, silent))
    assert np.isnan(discount_depth(quantity, TIERS, silent))
    assert np.isnan(unit_margin(quantity, TIERS, silent, np.array(15.0), np.array(0.0), np.array(np.nan)))


@given(
    quantity=st.floats(1, 200),
    share=st.floats(0.01, 0.9),
    amount=st.floats(0.1, 60),
    stacks=st.booleans(),
    benefit=st.sampled_from(sorted(set(Benefit) - {Benefit.UNSTATED})),
)
def test_nobody_pays_more_than_the_tier_price_nor_less_than_nothing(
    quantity: float, share: float, amount: float, stacks: bool, benefit: Benefit
) -> None:
    offer = terms(
        benefit,
        stacks=stacks,
        discount_share=share,
        discount_ron=amount,
        minimum_quantity=3,
        free_quantity=1,
        gift_value_ron=amount,
        unlocked_tier=3,
    )
    paid, usual = offer_unit_price(np.array(quantity), TIERS, offer), tier_unit_price(np.array(quantity), TIERS)
    assert 0 <= paid <= usual
    assert 0 <= discount_depth(np.array(quantity), TIERS, offer) <= 1
