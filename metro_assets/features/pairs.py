"""Features of a customer and an offer together: bought before, due again, the category, the depth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from metro_assets.config import Features
from metro_assets.features.customers import spend_at
from metro_assets.sql import Relation, query, values


@dataclass(frozen=True)
class WindowSums:
    """What the formulas of a pair read, per moment: see the `.sql` file of each name."""

    purchases: Relation
    spend: Relation
    segment_spend: Relation


@dataclass(frozen=True)
class Reactions:
    """Discounts redeemed in the window, per moment: see the `.sql` file of each name."""

    reactions: Relation
    segment_reactions: Relation


def sums_at(
    run_date: date,
    moments: Relation,
    customer_products: Relation,
    offer_products: Relation,
    products: Relation,
    customers: Relation,
) -> WindowSums:
    """Window sums at one date, from what each customer bought; purchases of offers only for the moments' customers."""
    spend = spend_at(customer_products, products, run_date)
    return WindowSums(
        purchases=query(
            __package__,
            "purchases_of_products",
            moments=moments,
            customer_products=customer_products,
            offer_products=offer_products,
        ),
        spend=spend,
        segment_spend=query(__package__, "segment_spend_of_customers", spend=spend, customers=customers),
    )


def features_of_pairs(
    pairs: Relation,
    moments: Relation,
    sums: WindowSums,
    redemptions: Relation,
    customers: Relation,
    offer_features: Relation | pl.DataFrame,
    settings: Features,
) -> Relation:
    """The features of each pair: customer_id, offer_id, as_of_date and the interaction features of `vocabulary`.

    Parameters
    ----------
    pairs : customer_id, offer_id, as_of_date, without duplicates.
    moments : the pairs' customers and dates, with from_date.
    redemptions : of at least the moments' windows.
    offer_features : offer_id, as_of_date, category, discount_depth.
    """
    reactions = reactions_at(redemptions, customers, moments)
    return features_from_sums(pairs, sums, reactions, customers, offer_features, settings)


def reactions_at(redemptions: Relation, customers: Relation, moments: Relation) -> Reactions:
    """Discounts redeemed before each moment, by the customer and by everybody of a segment."""
    return Reactions(
        reactions=query(__package__, "reactions", redemptions=redemptions, moments=moments),
        segment_reactions=query(
            __package__, "segment_reactions", redemptions=redemptions, customers=customers, moments=moments
        ),
    )


def features_from_sums(
    pairs: Relation,
    sums: WindowSums,
    reactions: Reactions,
    customers: Relation,
    offer_features: Relation | pl.DataFrame,
    settings: Features,
) -> Relation:
    """As `features_of_pairs`, where what belongs to whole segments is known already."""
    return query(
        __package__,
        "pair_features",
        pairs=pairs,
        purchases=sums.purchases,
        spend=sums.spend,
        segment_spend=sums.segment_spend,
        reactions=reactions.reactions,
        segment_reactions=reactions.segment_reactions,
        customers=customers,
        offer_features=offer_features,
        parameters=values(
            affinity_prior_ron=settings.affinity_prior_ron,
            depth_prior_redemptions=settings.depth_prior_redemptions,
            depth_scale=settings.depth_scale,
            default_cycle_days=settings.default_cycle_days,
            days_since_product_cap=settings.days_since_product_cap,
        ),
    )
