"""The offers live on a day: slots of each mechanic, each filled by one offer after the other, all from the seed."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from metro_assets.draws import bits, choice, normal, uniform
from metro_assets.pricing import OfferTerms
from metro_assets.sources.synthetic import facts
from metro_assets.sources.synthetic.calendar import orthodox_easter
from metro_assets.sources.synthetic.entities import (
    CATEGORIES,
    CHANNELS,
    MECHANICS,
    Catalogue,
    Floats,
    Integers,
    LiveOffers,
)
from metro_assets.vocabulary import Benefit, Category, OfferMechanic

LISTED = (
    OfferMechanic.RFM_REACTIVATION,
    OfferMechanic.BIRTHDAY,
    OfferMechanic.ABANDONED_BROWSE,
    OfferMechanic.NEW_CUSTOMER_ONBOARDING,
)
PERSONAL = (OfferMechanic.PERSONALIZED, *LISTED)
ID_BASE = date(2000, 1, 1).toordinal()
_DEPTH_SIGMA = float(np.log(facts.DEPTH_QUARTILES[2] / facts.DEPTH_QUARTILES[0]) / (2 * 0.6745))
_BENEFITS: dict[OfferMechanic, tuple[tuple[Benefit, float], ...]] = {
    OfferMechanic.VOLUME_DISCOUNT: ((Benefit.TIER_UNLOCK, 1.0),),
    OfferMechanic.VOLUME_BONUS: ((Benefit.BONUS_UNITS, 1.0),),
    OfferMechanic.GIFT_INCENTIVE: ((Benefit.GIFT, 1.0),),
    OfferMechanic.MONETARY_DISCOUNT: ((Benefit.AMOUNT, 1.0),),
    OfferMechanic.WEEKLY_CATALOG: ((Benefit.PERCENT, 0.8), (Benefit.AMOUNT, 0.2)),
    OfferMechanic.PERSONALIZED: ((Benefit.PERCENT, 0.7), (Benefit.AMOUNT, 0.3)),
}


def live_offers(catalogue: Catalogue, seed: int, day: int, live: int) -> LiveOffers:
    """Exactly `live` offers, each the same on every day of its validity."""
    mechanic, duration = _slots(live)
    slots = np.arange(live)
    phase = (bits(seed, "phase", slots) % duration.astype(np.uint64)).astype(np.int64)
    generation = (day - ID_BASE + phase) // duration
    start = generation * duration - phase + ID_BASE
    identifier = generation * live + slots + 1
    order = np.argsort(identifier, kind="stable")
    return _described(
        catalogue, seed, day, identifier[order], mechanic[order], start[order], (start + duration - 1)[order]
    )


def _slots(live: int) -> tuple[Integers, Integers]:
    """Mechanic and duration of every slot; each mechanic has at least one."""
    shares = np.array([facts.MECHANIC_SHARES[mechanic] for mechanic in MECHANICS])
    counts = np.maximum(np.floor(shares * live).astype(np.int64), 1)
    counts[np.argmax(counts)] += live - counts.sum()
    mechanic = np.repeat(np.arange(len(MECHANICS)), counts)
    return mechanic, np.array([facts.DURATION_DAYS[name] for name in MECHANICS])[mechanic]


def _described(
    catalogue: Catalogue, seed: int, day: int, identifier: Integers, mechanic: Integers, start: Integers, end: Integers
) -> LiveOffers:
    names = [MECHANICS[code] for code in mechanic]
    anchor = _anchors(catalogue, seed, identifier, names, start)
    terms = _terms(catalogue, seed, identifier, names, anchor)
    product_start, products = _product_sets(
        catalogue, seed, identifier, names, anchor, _least_prices(catalogue, terms, anchor)
    )
    is_personal = np.array([name in PERSONAL for name in names])
    is_listed = np.array([name in LISTED for name in names])
    stores = np.ones((len(identifier), len(facts.STORES) + 1), dtype=bool)
    is_regional = (uniform(seed, "regional", identifier) < facts.REGIONAL_SHARE) & ~is_personal
    keeps = uniform(seed, "stores", identifier[:, None], np.arange(len(facts.STORES) + 1)[None, :]) < 0.4
    stores[is_regional] = keeps[is_regional]
    stores[:, 1] |= ~stores[:, 1:].any(axis=1)
    funding = _uniform_between(facts.FUNDING_SHARE, uniform(seed, "funding", identifier))
    enough = 1 - _base_margin(catalogue, anchor) / _depths(catalogue, seed, identifier, anchor)
    funding = np.where(catalogue.is_own_brand[anchor], 0.0, np.ceil(np.maximum(funding, enough) * 100) / 100)
    channel = np.array([CHANNELS.index(facts.CHANNELS[name]) for name in names], dtype=np.int8)
    maximum = np.where(is_personal, 1, 0)
    gift = _gifts(catalogue, seed, identifier, anchor)
    frame = pl.DataFrame(
        {
            "offer_id": identifier.astype(np.int32),
            "name": _titles(catalogue, names, terms, anchor, gift, np.diff(product_start)),
            "mechanic": [str(name) for name in names],
            "benefit": terms.benefit.tolist(),
            "is_personal": is_personal,
            "is_listed": is_listed,
            "category": [str(CATEGORIES[code]) for code in catalogue.category[anchor]],
            "valid_from_date": [date.fromordinal(int(value)) for value in start],
            "valid_to_date": [date.fromordinal(int(value)) for value in end],
            "discount_share": terms.discount_share,
            "discount_ron": terms.discount_ron,
            "minimum_quantity": terms.minimum_quantity,
            "free_quantity": terms.free_quantity,
            "gift_product_id": np.where(terms.benefit == Benefit.GIFT, gift + 1, 0).astype(np.int32),
            "unlocked_tier": terms.unlocked_tier,
            "stacks_with_tiers": terms.stacks_with_tiers,
            "funding_share": funding,
            "channel": [str(CHANNELS[code]) for code in channel],
            "store_ids": pl.Series(
                [None if row[1:].all() else (np.flatnonzero(row[1:]) + 1).tolist() for row in stores],
                dtype=pl.List(pl.Int16),
            ),
            "maximum_redemptions": maximum.astype(np.int16),
        }
    ).with_columns(
        pl.col("discount_share", "discount_ron", "minimum_quantity", "free_quantity", "unlocked_tier").fill_nan(None),
        pl.col("gift_product_id", "maximum_redemptions").replace(0, None),
    )
    offers_of = np.repeat(identifier, np.diff(product_start)).astype(np.int32)
    products_frame = pl.DataFrame(
        {
            "offer_id": offers_of,
            "product_id": (products + 1).astype(np.int32),
            "is_anchor": products == np.repeat(anchor, np.diff(product_start)),
        }
    )
    return LiveOffers(
        day=day, offer_id=identifier, mechanic=mechanic.astype(np.int8), channel=channel,
        category=catalogue.category[anchor], valid_to_day=end, is_personal=is_personal,
        is_listed=is_listed, maximum_redemptions=maximum, terms=terms, funding_share=funding, anchor=anchor,
        product_start=product_start, products=products, holds_in_store=stores, frame=frame,
        products_frame=products_frame,
    )  # fmt: skip


def _anchors(
    catalogue: Catalogue, seed: int, identifier: Integers, names: list[OfferMechanic], start: Integers
) -> Integers:
    """Lead products: a category by its size, a product by the root of its popularity; seasons choose their own.

    Free units are of what is used up: nobody buys two ovens for a third.
    """
    category_draw = uniform(seed, "offer category", identifier)
    sizes = np.bincount(catalogue.category, minlength=len(CATEGORIES)).astype(float)
    category = choice(sizes, category_draw)
    is_durable = np.array([name in _DURABLE for name in CATEGORIES])
    category_of_bonus = choice(np.where(is_durable, 0.0, sizes), category_draw)
    for place, name in enumerate(names):
        if name is OfferMechanic.VOLUME_BONUS:
            category[place] = category_of_bonus[place]
        if name is OfferMechanic.SEASONAL_CAMPAIGN:
            season = _season_categories(date.fromordinal(int(start[place])))
            category[place] = season[int(category_draw[place] * len(season))]
    anchor = np.zeros(len(identifier), dtype=np.int64)
    draws = uniform(seed, "anchor", identifier)
    has_three = ~np.isnan(catalogue.tiers.tier3_quantity)
    for place, code in enumerate(category):
        weight = np.where(catalogue.category == code, np.sqrt(catalogue.popularity), 0.0)
        if names[place] is OfferMechanic.VOLUME_DISCOUNT and (weight * has_three).any():
            weight = weight * has_three
        anchor[place] = choice(weight, draws[place : place + 1])[0]
    return anchor


def _season_categories(day: date) -> list[int]:
    """Categories of the season that an offer starts in."""
    easter_distance = (orthodox_easter(day.year) - day).days
    if day.month in (11, 12):
        names = ["SEAFOOD", "CONFECTIONERY_SNACKS", "BEVERAGES_ALCOHOLIC", "MEAT_POULTRY"]
    elif 0 <= easter_distance <= 35:
        names = ["MEAT_POULTRY", "DAIRY_EGGS", "BAKERY_PASTRY"]
    elif day.month in (8, 9):
        names = ["OFFICE_SUPPLIES", "PAPER_PACKAGING", "CONDIMENTS_SPICES"]
    elif day.month in (5, 6, 7):
        names = ["MEAT_POULTRY", "BEVERAGES_NON_ALCOHOLIC", "FROZEN_FOODS", "CONDIMENTS_SPICES"]
    else:
        names = ["COFFEE_TEA", "GROCERY_STAPLES", "CLEANING_DETERGENTS"]
    codes = [str(category) for category in CATEGORIES]
    return [codes.index(name) for name in names]


def _least_prices(catalogue: Catalogue, terms: OfferTerms, anchor: Integers) -> Floats:
    """Price from which a product can share the offer: RON off or a gift would make a much cheaper one free."""
    is_amount = (terms.benefit == Benefit.AMOUNT) | (terms.benefit == Benefit.GIFT)
    return np.where(is_amount, facts.LEAST_PRICE_IN_SET * catalogue.tiers.base_price_ron[anchor], 0.0)


def _product_sets(
    catalogue: Catalogue,
    seed: int,
    identifier: Integers,
    names: list[OfferMechanic],
    anchor: Integers,
    least_price: Floats,
) -> tuple[Integers, Integers]:
    """Products of every offer: the anchor and others of its category, the likeliest to be bought with it first."""
    most = np.array([facts.PRODUCTS_PER_OFFER.get(name, 8) for name in names])
    wanted = 1 + (uniform(seed, "offer products", identifier) * most).astype(np.int64)
    by_category = [np.flatnonzero(catalogue.category == code) for code in range(len(CATEGORIES))]
    sets = []
    for number, lead, size, least in zip(identifier, anchor, wanted, least_price, strict=True):
        others = by_category[catalogue.category[lead]]
        others = others[catalogue.tiers.base_price_ron[others] >= least]
        keys = np.log(uniform(seed, "offer product", number, others)) / np.sqrt(catalogue.popularity[others])
        keys[others == lead] = 1.0
        sets.append(np.sort(others[np.argsort(-keys, kind="stable")[:size]]))
    starts = np.concatenate([[0], np.cumsum([len(products) for products in sets])])
    return starts, np.concatenate(sets)


def _terms(
    catalogue: Catalogue, seed: int, identifier: Integers, names: list[OfferMechanic], anchor: Integers
) -> OfferTerms:
    """Parameters of the benefit; its depth is drawn first and turned into the benefit's own terms."""
    depth = _depths(catalogue, seed, identifier, anchor)
    draw = uniform(seed, "benefit", identifier)
    benefit = np.array([str(_benefit(name, value)) for name, value in zip(names, draw, strict=True)])
    price = catalogue.tiers.base_price_ron[anchor]
    nothing = np.full(len(identifier), np.nan)
    is_bonus, is_gift, is_unlock = (
        benefit == kind for kind in (Benefit.BONUS_UNITS, Benefit.GIFT, Benefit.TIER_UNLOCK)
    )
    can_stack = is_bonus | (benefit == Benefit.PERCENT)
    bought = np.clip(np.round(1 / depth - 1), 2, 12)
    gift = _gifts(catalogue, seed, identifier, anchor)
    gift_value = catalogue.tiers.base_price_ron[gift]
    has_third = ~np.isnan(catalogue.tiers.tier3_quantity[anchor])
    return OfferTerms(
        benefit=benefit,
        stacks_with_tiers=(uniform(seed, "stacks", identifier) < facts.STACKING_SHARE) & can_stack,
        discount_share=np.where(benefit == Benefit.PERCENT, depth, nothing),
        discount_ron=np.where(benefit == Benefit.AMOUNT, np.maximum(np.round(depth * price, 1), 0.1), nothing),
        minimum_quantity=np.select(
            [is_bonus, is_gift], [bought, np.clip(np.ceil(gift_value / (depth * price)), 1, 24)], default=np.nan
        ),
        free_quantity=np.where(is_bonus, 1.0, nothing),
        gift_value_ron=np.where(is_gift, gift_value, nothing),
        unlocked_tier=np.where(is_unlock, np.where(has_third & (draw < 0.5), 3.0, 2.0), nothing),
    )


def _depths(catalogue: Catalogue, seed: int, identifier: Integers, anchor: Integers) -> Floats:
    """Share off the anchor's base price that each offer is worth; an own brand's no more than its margin."""
    drawn = facts.DEPTH_QUARTILES[1] * np.exp(_DEPTH_SIGMA * normal(seed, "depth", identifier))
    most = np.where(catalogue.is_own_brand[anchor], _base_margin(catalogue, anchor), 1.0)
    return np.round(np.clip(np.minimum(drawn, most), *facts.DEPTH_LIMITS), 2)


def _base_margin(catalogue: Catalogue, product: Integers) -> Floats:
    """Margin at the base price, as a share of it."""
    margin: Floats = 1 - catalogue.cost_ron[product] / catalogue.tiers.base_price_ron[product]
    return margin


def _benefit(mechanic: OfferMechanic, draw: float) -> Benefit:
    cumulative = 0.0
    options = _BENEFITS.get(mechanic, ((Benefit.PERCENT, 1.0),))
    for benefit, share in options:
        cumulative += share
        if draw < cumulative:
            return benefit
    return options[-1][0]


def _gifts(catalogue: Catalogue, seed: int, identifier: Integers, anchor: Integers) -> Integers:
    """A cheap product of the anchor's category for every offer; only gift offers use it."""
    gift = anchor.copy()
    draws = uniform(seed, "gift", identifier)
    for place, lead in enumerate(anchor):
        same = np.flatnonzero(catalogue.category == catalogue.category[lead])
        cheap = same[np.argsort(catalogue.tiers.base_price_ron[same], kind="stable")[: max(len(same) // 4, 1)]]
        gift[place] = cheap[int(draws[place] * len(cheap))]
    return gift


def _titles(
    catalogue: Catalogue,
    names: list[OfferMechanic],
    terms: OfferTerms,
    anchor: Integers,
    gift: Integers,
    sizes: Integers,
) -> list[str]:
    """What the flyer says, e.g. "-25% Mozzarella bloc aro 1 kg și alte 3 produse"."""
    products, units = catalogue.frame["name"].to_list(), catalogue.frame["unit"].to_list()
    titles = []
    for place, name in enumerate(names):
        benefit, unit = terms.benefit[place], units[anchor[place]]
        if benefit == Benefit.PERCENT:
            promise = f"-{terms.discount_share[place]:.0%}"
        elif benefit == Benefit.AMOUNT:
            promise = f"-{terms.discount_ron[place]:.2f} RON"
        elif benefit == Benefit.BONUS_UNITS:
            promise = f"{terms.minimum_quantity[place]:.0f}+{terms.free_quantity[place]:.0f} {unit} gratis"
        elif benefit == Benefit.GIFT:
            present = f"1 {units[gift[place]]} {products[gift[place]]}"
            promise = f"Cadou {present} la {terms.minimum_quantity[place]:.0f} {unit}"
        else:
            promise = f"Prețul treptei {terms.unlocked_tier[place]:.0f} de la {_FIRST[unit]}:"
        titles.append(f"{_PREFIXES.get(name, '')}{promise} {products[anchor[place]]}{_others(sizes[place] - 1)}")
    return titles


def _others(count: int) -> str:
    """How many products share the offer with its lead; from twenty on Romanian counts with "de"."""
    if count < 2:
        return " și încă un produs" if count else ""
    return f" și alte {count} {'de ' if count >= 20 else ''}produse"


_FIRST = {"kg": "primul kg", "bax": "primul bax", "set": "primul set", "buc": "prima bucată"}
_DURABLE = (Category.HORECA_EQUIPMENT, Category.ELECTRONICS_APPLIANCES, Category.KITCHEN_TABLEWARE)
_PREFIXES = {
    OfferMechanic.BIRTHDAY: "La mulți ani! ",
    OfferMechanic.NEW_CUSTOMER_ONBOARDING: "Bun venit! ",
    OfferMechanic.RFM_REACTIVATION: "Ne e dor de tine! ",
    OfferMechanic.ABANDONED_BROWSE: "Încă te gândești? ",
    OfferMechanic.SEASONAL_CAMPAIGN: "De sezon: ",
    OfferMechanic.PERSONALIZED: "Pentru tine: ",
}


def _uniform_between(limits: tuple[float, float], draws: Floats) -> Floats:
    return limits[0] + (limits[1] - limits[0]) * draws
