"""What a buyer pays: price tiers, the five benefits of an offer, and how the two stack.

The one definition of a price, used by the simulated till, by offer features and by the price tag. Pure functions of
NumPy arrays that broadcast; a price is RON per unit net of VAT, an absent tier or parameter is NaN.

Stacking rule: a buyer never pays more than the tier price at the quantity. If an offer stacks, its benefit applies to
that tier price; if not, it applies to the base price and the buyer pays the better of the two. Hence the tier trap:
10 % off 24.90 is 22.41, worth nothing to who buys 6 at 21.90 anyway.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from metro_assets.vocabulary import Benefit

Floats = npt.NDArray[np.float64]


class PriceTiers(NamedTuple):
    """Tier prices and thresholds of products, arrays of one shape; NaN where a product lacks a tier."""

    base_price_ron: Floats
    tier2_quantity: Floats
    tier2_price_ron: Floats
    tier3_quantity: Floats
    tier3_price_ron: Floats


class OfferTerms(NamedTuple):
    """What offers promise, arrays of one shape; NaN where a benefit has no such parameter.

    `gift_value_ron` is the base price of the gift, `unlocked_tier` 2, 3 or NaN, `minimum_quantity` NaN for 1.
    """

    benefit: npt.NDArray[np.str_]
    stacks_with_tiers: npt.NDArray[np.bool_]
    discount_share: Floats
    discount_ron: Floats
    minimum_quantity: Floats
    free_quantity: Floats
    gift_value_ron: Floats
    unlocked_tier: Floats


def reached_tier(quantity: Floats, tiers: PriceTiers) -> npt.NDArray[np.int8]:
    """Tier (1, 2 or 3) that the quantity reaches."""
    at_tier2 = quantity >= tiers.tier2_quantity
    at_tier3 = quantity >= tiers.tier3_quantity
    return (1 + at_tier2 + (at_tier2 & at_tier3)).astype(np.int8)


def tier_unit_price(quantity: Floats, tiers: PriceTiers) -> Floats:
    """Price per unit at the quantity, no offer."""
    tier = reached_tier(quantity, tiers)
    price = np.where(tier == 2, tiers.tier2_price_ron, tiers.base_price_ron)
    return np.where(tier == 3, tiers.tier3_price_ron, price)


def offer_unit_price(quantity: Floats, tiers: PriceTiers, terms: OfferTerms) -> Floats:
    """Effective price per unit with the offer, for who pays for `quantity` units in one order.

    Free units and gifts count as a lower price per unit received: n bought with m free cost n / (n + m) of the price;
    a gift takes its value off the line, never below zero. Below `minimum_quantity` the tier price holds; where an
    unlocked third tier does not exist, the second. NaN where the benefit is not stated.
    """
    quantity = np.asarray(quantity, dtype=np.float64)
    tier_price = tier_unit_price(quantity, tiers)
    before = np.where(terms.stacks_with_tiers, tier_price, tiers.base_price_ron)
    minimum = np.where(np.isnan(terms.minimum_quantity), 1.0, terms.minimum_quantity)
    with np.errstate(divide="ignore", invalid="ignore"):
        free = np.nan_to_num(terms.free_quantity) * np.floor(quantity / minimum)
        has_third = ~np.isnan(tiers.tier3_price_ron)
        unlocked = np.where((terms.unlocked_tier == 3) & has_third, tiers.tier3_price_ron, tiers.tier2_price_ron)
        price = np.select(
            [
                terms.benefit == Benefit.PERCENT,
                terms.benefit == Benefit.AMOUNT,
                terms.benefit == Benefit.GIFT,
                terms.benefit == Benefit.BONUS_UNITS,
                terms.benefit == Benefit.TIER_UNLOCK,
            ],
            [
                before * (1.0 - terms.discount_share),
                np.maximum(before - terms.discount_ron, 0.0),
                np.maximum(before - terms.gift_value_ron / quantity, 0.0),
                before * quantity / (quantity + free),
                unlocked,
            ],
            default=np.nan,
        )
    price = np.where((quantity >= minimum) & ~np.isnan(price), price, tier_price)
    return np.asarray(np.where(terms.benefit == Benefit.UNSTATED, np.nan, np.minimum(price, tier_price)))


def discount_depth(quantity: Floats, tiers: PriceTiers, terms: OfferTerms) -> Floats:
    """Share off the price that the customer would else pay at this quantity, tiers included (0..1)."""
    return 1.0 - offer_unit_price(quantity, tiers, terms) / tier_unit_price(quantity, tiers)


def next_tier_quantity(quantity: Floats, tiers: PriceTiers) -> Floats:
    """Quantity at which the next tier starts; NaN where the best tier is reached."""
    tier = reached_tier(quantity, tiers)
    return np.select([tier == 1, tier == 2], [tiers.tier2_quantity, tiers.tier3_quantity], default=np.nan)


def margin_impact(
    quantity: Floats, tiers: PriceTiers, terms: OfferTerms, funding_share: Floats, gift_cost_ron: Floats
) -> Floats:
    """Change of the margin per unit that the offer causes, never above zero; NaN without benefit or gift's cost.

    The company gives up a discount, free units and a lower tier at their price, a gift at its cost; the supplier pays
    `funding_share` of it.
    """
    usual = tier_unit_price(quantity, tiers)
    offered = offer_unit_price(quantity, tiers, terms)
    gift_cost = np.where(offered < usual, gift_cost_ron / quantity, 0.0)
    given_up = np.where(terms.benefit == Benefit.GIFT, gift_cost, usual - offered)
    return np.asarray(-(1.0 - funding_share) * given_up + 0.0)


def unit_margin(
    quantity: Floats,
    tiers: PriceTiers,
    terms: OfferTerms,
    cost_ron: Floats,
    funding_share: Floats,
    gift_cost_ron: Floats,
) -> Floats:
    """Margin per unit with the offer, NaN where a cost is unknown."""
    impact = margin_impact(quantity, tiers, terms, funding_share, gift_cost_ron)
    return np.asarray(tier_unit_price(quantity, tiers) - cost_ron + impact)
