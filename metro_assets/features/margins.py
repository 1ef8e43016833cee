"""What a purchase of a customer and an offer would earn: units, margin per unit without the offer and with it."""

from __future__ import annotations

import numpy as np
import polars as pl

from metro_assets.pricing import Floats, OfferTerms, PriceTiers, margin_impact, tier_unit_price
from metro_assets.sql import Relation, query, stored


def margins_of_pairs(
    pairs: Relation,
    offers: Relation,
    offer_products: Relation,
    offer_features: Relation,
    daily_prices: Relation,
    products: Relation,
    customer_products: Relation,
) -> Relation:
    """One row per pair, as `candidate_margins` has it without `run_date`.

    A price is computed once for each offer, product and number of units, however many customers share it: ten million
    pairs have some ten thousand.

    Parameters
    ----------
    pairs : customer_id and offer_id, without duplicates; the other tables are those of the run date.
    """
    quantities = stored(
        query(
            __package__,
            "pair_quantities",
            pairs=pairs,
            offers=offers,
            offer_products=offer_products,
            offer_features=offer_features,
            products=products,
            customer_products=customer_products,
        )
    )
    terms = query(
        __package__,
        "margin_terms",
        quantities=quantities,
        offers=offers,
        products=products,
        daily_prices=daily_prices,
    ).pl()
    margins = terms.select("offer_id", "product_id", "usual_quantity", **unit_margins(terms))
    return query(__package__, "pair_margins", quantities=quantities, margins=margins)


def unit_margins(terms: pl.DataFrame) -> dict[str, pl.Series]:
    """Margin per unit without the offer and with it, supplier funding included, RON; null where a cost is unknown."""
    quantity = _floats(terms, "usual_quantity")
    tiers = PriceTiers(*(_floats(terms, name) for name in PriceTiers._fields))
    numbers = {name: _floats(terms, name) for name in OfferTerms._fields[2:]}
    offer = OfferTerms(terms["benefit"].to_numpy().astype(np.str_), terms["stacks_with_tiers"].to_numpy(), **numbers)
    usual = tier_unit_price(quantity, tiers) - _floats(terms, "cost_ron")
    impact = margin_impact(quantity, tiers, offer, _floats(terms, "funding_share"), _floats(terms, "gift_cost_ron"))
    return {
        "usual_margin_ron": pl.Series(usual).fill_nan(None),
        "offer_margin_ron": pl.Series(usual + impact).fill_nan(None),
    }


def _floats(terms: pl.DataFrame, name: str) -> Floats:
    return terms[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
