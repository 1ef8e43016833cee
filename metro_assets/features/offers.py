"""Features of offers: depth against the tier price, margin, days left, and how such offers were taken up before."""

from __future__ import annotations

import numpy as np
import polars as pl

from metro_assets.config import Features
from metro_assets.pricing import (
    Floats,
    OfferTerms,
    PriceTiers,
    margin_impact,
    offer_unit_price,
    tier_unit_price,
    unit_margin,
)
from metro_assets.sql import Relation, query, values


def features_of_offers(
    live_offers: Relation,
    offers: Relation,
    offer_products: Relation,
    daily_prices: Relation,
    products: Relation,
    order_items: Relation,
    impressions: Relation,
    redemptions: Relation,
    settings: Features,
) -> pl.DataFrame:
    """One row per live offer and day: as_of_date, offer_id, category, valid_to_date and the columns of offer_features.

    Parameters
    ----------
    live_offers : offers of the days to describe; each is described as of its own `run_date`.
    offers : offers of at least the windows' days, to say which mechanic and category an event belongs to.
    offer_products, daily_prices : of at least the days to describe.
    order_items, impressions, redemptions : events of at least the windows.
    """
    bound = values(
        window_days=settings.window_days,
        redemption_prior_rate=settings.redemption_prior_rate,
        redemption_prior_impressions=settings.redemption_prior_impressions,
    )
    promoted = query(__package__, "promoted", live_offers=live_offers, offer_products=offer_products)
    quantities = query(__package__, "product_quantities", lines=order_items, promoted=promoted, parameters=bound)
    rates = query(
        __package__,
        "redemption_rates",
        offers=offers,
        live_offers=live_offers,
        impressions=impressions,
        redemptions=redemptions,
        parameters=bound,
    )
    terms = query(
        __package__,
        "offer_terms",
        live_offers=live_offers,
        offer_products=offer_products,
        products=products,
        daily_prices=daily_prices,
        quantities=quantities,
        rates=rates,
    ).pl()
    return by_offer(terms.with_columns(**price_columns(terms)))


def price_columns(terms: pl.DataFrame) -> dict[str, pl.Series]:
    """Prices, depth and margins of each offer and product at its typical quantity."""
    quantity = _floats(terms, "typical_quantity")
    tiers = PriceTiers(*(_floats(terms, name) for name in PriceTiers._fields))
    numbers = {name: _floats(terms, name) for name in OfferTerms._fields[2:]}
    offer = OfferTerms(terms["benefit"].to_numpy().astype(np.str_), terms["stacks_with_tiers"].to_numpy(), **numbers)
    usual_price = tier_unit_price(quantity, tiers)
    offer_price = offer_unit_price(quantity, tiers, offer)
    cost, funding, gift_cost = (_floats(terms, name) for name in ("cost_ron", "funding_share", "gift_cost_ron"))
    margin = unit_margin(quantity, tiers, offer, cost, funding, gift_cost)
    impact = margin_impact(quantity, tiers, offer, funding, gift_cost)
    depth = 1.0 - offer_price / usual_price
    return {
        "usual_unit_price_ron": pl.Series(usual_price),
        "offer_unit_price_ron": _nullable(offer_price),
        "discount_depth": _nullable(np.clip(depth, 0.0, 1.0)),
        "offer_margin_ron": _nullable(margin),
        "margin_impact_ron": _nullable(np.where(np.isnan(margin), np.nan, impact)),
    }


def by_offer(priced: pl.DataFrame) -> pl.DataFrame:
    """One row per offer and day: depth and margin impact as means over its products, the prices of its anchor."""
    anchor = pl.col("is_anchor")
    return priced.group_by("as_of_date", "offer_id", maintain_order=True).agg(
        pl.col("category", "valid_to_date", "offer_redemption_rate").first(),
        pl.col("discount_depth", "margin_impact_ron").mean(),
        (pl.col("valid_to_date").first() - pl.col("as_of_date").first())
        .dt.total_days()
        .cast(pl.Float64)
        .alias("days_until_expiry"),
        pl.col("typical_quantity", "usual_unit_price_ron", "offer_unit_price_ron", "offer_margin_ron")
        .filter(anchor)
        .first(),
    )


def _floats(terms: pl.DataFrame, name: str) -> Floats:
    return terms[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _nullable(numbers: Floats) -> pl.Series:
    return pl.Series(numbers).fill_nan(None)
