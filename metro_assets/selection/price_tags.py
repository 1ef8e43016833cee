"""What the price tag of a chosen offer says: prices at the customer's usual quantity, the saving, the next tier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from metro_assets.config import Selection
from metro_assets.pricing import (
    Floats,
    OfferTerms,
    PriceTiers,
    next_tier_quantity,
    offer_unit_price,
    tier_unit_price,
    unit_margin,
)
from metro_assets.selection.reasons import reason
from metro_assets.selection.shown_products import shown_products
from metro_assets.sql import Relation, query, values
from metro_assets.vocabulary import UNRANKED

RON_DECIMALS = 2
FACT_TABLES = (
    "customers",
    "products",
    "daily_prices",
    "offers",
    "offer_products",
    "offer_features",
    "customer_products",
    "customer_features",
    "candidate_pool",
    "web_visits",
)


def recommendations_with_tags(
    chosen: Relation, facts: pl.DataFrame, champion: str, settings: Selection, run_date: date
) -> pl.DataFrame:
    """The rows of `recommendations` for what a policy chose.

    Parameters
    ----------
    chosen : customer_id, algorithm, rank, offer_id, score, value_ron and propensity.
    facts : one row per customer, algorithm and chosen offer, from `facts_of_tags`.
    champion : the algorithm whose order is served.
    """
    tags = facts.with_columns(**priced(facts)).with_columns(reason=reason(settings, run_date))
    slates: pl.DataFrame = chosen.pl()
    chance = pl.when(pl.col("algorithm") != UNRANKED).then(pl.col("score").cast(pl.Float64))
    margin = chance * pl.col("unit_margin_ron") * pl.col("usual_quantity")
    return slates.join(
        tags, on=["customer_id", "algorithm", "offer_id"], how="inner", maintain_order="left"
    ).with_columns(is_champion=pl.col("algorithm") == champion, expected_margin_ron=margin.round(RON_DECIMALS))


@dataclass(frozen=True)
class Trade:
    """What a trade buys: see the `.sql` file of each name."""

    buyers: Relation
    members: Relation


def trade_at(customers: Relation, customer_products: Relation, offer_products: Relation, run_date: date) -> Trade:
    """What every trade bought of the live offers, from the tables of the run date."""
    parameters = values(run_date=run_date)
    return Trade(
        buyers=query(
            __package__,
            "trade_buyers",
            customers=customers,
            customer_products=customer_products,
            offer_products=offer_products,
            parameters=parameters,
        ),
        members=query(__package__, "trade_members", customers=customers, parameters=parameters),
    )


def facts_of_tags(tables: Mapping[str, Relation], trade: Trade, chosen: Relation, run_date: date) -> pl.DataFrame:
    """One row per customer, algorithm and chosen offer: its terms, the product shown, prices, what is true of both.

    Parameters
    ----------
    tables : customers, products, daily_prices, offers, offer_products, offer_features, customer_products,
        customer_features and candidate_pool of the run date, web_visits of the days before it.
    """
    facts: pl.DataFrame = query(
        __package__,
        "tag_facts",
        shown_products=shown_products(chosen, tables["offer_products"], tables["customer_products"]),
        parameters=values(run_date=run_date),
        trade_buyers=trade.buyers,
        trade_members=trade.members,
        **{name: tables[name] for name in FACT_TABLES},
    ).pl()
    return facts


def priced(facts: pl.DataFrame) -> dict[str, pl.Series]:
    """Price columns of the tags, by name."""
    quantity = _floats(facts, "usual_quantity")
    tiers = PriceTiers(*(_floats(facts, name) for name in PriceTiers._fields))
    numbers = {name: _floats(facts, name) for name in OfferTerms._fields[2:]}
    terms = OfferTerms(facts["benefit"].to_numpy().astype(np.str_), facts["stacks_with_tiers"].to_numpy(), **numbers)
    usual, offered = tier_unit_price(quantity, tiers), offer_unit_price(quantity, tiers, terms)
    margin = unit_margin(
        quantity,
        tiers,
        terms,
        _floats(facts, "cost_ron"),
        _floats(facts, "funding_share"),
        _floats(facts, "gift_cost_ron"),
    )
    next_quantity = next_tier_quantity(quantity, tiers)
    next_saving = (tiers.base_price_ron - tier_unit_price(next_quantity, tiers)) * next_quantity
    return {
        "usual_unit_price_ron": pl.Series(usual),
        "offer_unit_price_ron": _nullable(offered),
        "saving_ron": _nullable(np.round(np.maximum(usual - offered, 0.0) * quantity, RON_DECIMALS)),
        "next_tier_quantity": _nullable(next_quantity),
        "next_tier_saving_ron": _nullable(np.round(next_saving, RON_DECIMALS)),
        "unit_margin_ron": _nullable(margin),
    }


def _floats(facts: pl.DataFrame, name: str) -> Floats:
    return facts[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _nullable(numbers: Floats) -> pl.Series:
    return pl.Series(numbers).fill_nan(None)
