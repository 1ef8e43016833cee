"""The daily tables of features from the tables that each reads: by their assets, and again by whoever checks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from metro_assets.config import Features, Settings
from metro_assets.features.customers import features_of_customers, moments_of_day, purchases_by_product, spend_at
from metro_assets.features.offers import features_of_offers
from metro_assets.features.pairs import features_of_pairs, sums_at
from metro_assets.features.windows import known_before
from metro_assets.sql import Relation, on_date, query, union
from metro_assets.vocabulary import CUSTOMER_FEATURES, FURTHER_INTERACTION_FEATURES, INTERACTION_FEATURES


def customer_features_on(
    run_date: date,
    customers: Relation,
    products: Relation,
    orders: Relation,
    customer_products: Relation,
    settings: Features,
) -> Relation:
    """One row per customer known at the run date, as `customer_features` has it, without `run_date`."""
    moments = moments_of_day(customers, run_date, settings)
    spend = spend_at(on_date(customer_products, run_date), products, run_date)
    return features_of_customers(moments, spend, orders).select("customer_id", *CUSTOMER_FEATURES)


def offer_features_on(
    run_dates: Sequence[date],
    products: Relation,
    offers: Relation,
    offer_products: Relation,
    daily_prices: Relation,
    order_items: Relation,
    impressions: Relation,
    redemptions: Relation,
    settings: Features,
) -> pl.DataFrame:
    """One row per offer live on each run date, as `offer_features` has it, with `run_date`."""
    features = features_of_offers(
        union([on_date(offers, run_date) for run_date in run_dates]),
        offers,
        offer_products,
        daily_prices,
        products,
        order_items,
        impressions,
        redemptions,
        settings,
    )
    return features.drop("category", "valid_to_date").rename({"as_of_date": "run_date"})


def interaction_features_on(
    run_date: date,
    moments: Relation,
    customers: Relation,
    products: Relation,
    candidate_pool: Relation,
    offers: Relation,
    offer_products: Relation,
    offer_features: Relation,
    customer_products: Relation,
    redemptions: Relation,
    settings: Features,
) -> Relation:
    """One row per candidate, as `interaction_features` has it, without `run_date`.

    Parameters
    ----------
    moments : at least of the candidates' customers; the other tables are whole, for segments are sums over all.
    """
    features = features_of_pairs(
        query(__package__, "candidate_pairs", candidate_pool=on_date(candidate_pool, run_date)),
        moments,
        sums_at(
            run_date,
            moments,
            on_date(customer_products, run_date),
            on_date(offer_products, run_date),
            products,
            customers,
        ),
        known_before(redemptions, run_date, settings.window_days),
        customers,
        query(
            __package__,
            "described_offers",
            offers=on_date(offers, run_date),
            offer_features=on_date(offer_features, run_date),
        ),
        settings,
    )
    return features.select("customer_id", "offer_id", *INTERACTION_FEATURES, *FURTHER_INTERACTION_FEATURES)


def features_again(
    tables: Mapping[str, Relation], sampled: Relation, run_date: date, settings: Settings, models: object
) -> dict[str, Relation | pl.DataFrame]:
    """The tables that read events, made again of the run date: of some customers, and of all offers.

    Each is made from its own inputs as they are given, the derived ones among them as they are stored: where one is
    wrong, the others do not follow it.

    Parameters
    ----------
    tables : what the assets of the features read, by name.
    sampled : customer_id of the customers whose rows are wanted.
    models : not read.
    """

    def of_sampled(rows: Relation) -> Relation:
        return query(__package__, "of_sampled", rows=rows, sampled=sampled)

    customers = of_sampled(tables["customers"])
    of_offers = ("products", "offers", "offer_products", "daily_prices", "order_items", "impressions", "redemptions")
    of_pairs = (
        "customers",
        "products",
        "offers",
        "offer_products",
        "offer_features",
        "customer_products",
        "redemptions",
    )
    return {
        "customer_products": purchases_by_product(
            of_sampled(tables["order_items"]), customers, run_date, settings.features
        ),
        "customer_features": customer_features_on(
            run_date,
            customers,
            tables["products"],
            tables["orders"],
            of_sampled(tables["customer_products"]),
            settings.features,
        ),
        "offer_features": offer_features_on(
            [run_date], settings=settings.features, **{name: tables[name] for name in of_offers}
        ),
        "interaction_features": interaction_features_on(
            run_date,
            moments_of_day(customers, run_date, settings.features),
            candidate_pool=of_sampled(tables["candidate_pool"]),
            settings=settings.features,
            **{name: tables[name] for name in of_pairs},
        ),
    }
