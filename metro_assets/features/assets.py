"""The features as assets: which days each reads, and the pure functions that it calls."""

from datetime import timedelta

import dagster as dg
import polars as pl

from metro_assets.config import Settings, load_settings
from metro_assets.features.customers import moments_of_day, purchases_by_product
from metro_assets.features.daily import customer_features_on, interaction_features_on, offer_features_on
from metro_assets.features.margins import margins_of_pairs
from metro_assets.features.training import History, Served, examples, examples_as_served
from metro_assets.features.uplift import Trial, uplift_examples_of
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.partitions import days, run_dates
from metro_assets.orchestration.tables import table_asset
from metro_assets.sql import Relation, dated, on_date, union

WINDOW = load_settings().features.window_days
SERVED_TABLES = ("customer_products", "customer_features", "offer_features")


@table_asset(ins={"order_items": days(-WINDOW, -1)})
def customer_products(
    context: dg.AssetExecutionContext,
    order_items: Relation,
    customers: Relation,
    settings: dg.ResourceParam[Settings],
) -> Relation:
    """Aggregated from the lines of the window that were recorded before the run date."""
    return union(
        [
            dated(purchases_by_product(order_items, customers, run_date, settings.features), run_date)
            for run_date in run_dates(context)
        ]
    )


@table_asset(ins={"orders": days(-WINDOW, -1), "customer_products": days(0, 0)})
def customer_features(
    context: dg.AssetExecutionContext,
    customers: Relation,
    products: Relation,
    orders: Relation,
    customer_products: Relation,
    settings: dg.ResourceParam[Settings],
) -> Relation:
    """The formulas are those of the training examples (docs/features.md)."""
    return union(
        [
            dated(
                customer_features_on(run_date, customers, products, orders, customer_products, settings.features),
                run_date,
            )
            for run_date in run_dates(context)
        ]
    )


@table_asset(
    ins={
        "offers": days(-WINDOW, 0),
        "offer_products": days(0, 0),
        "daily_prices": days(0, 0),
        "order_items": days(-WINDOW, -1),
        "impressions": days(-WINDOW, -1),
        "redemptions": days(-WINDOW, -1),
    },
    kinds=("polars",),
)
def offer_features(
    context: dg.AssetExecutionContext,
    products: Relation,
    offers: Relation,
    offer_products: Relation,
    daily_prices: Relation,
    order_items: Relation,
    impressions: Relation,
    redemptions: Relation,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """Prices by `metro_assets.pricing`, the till's own arithmetic (docs/features.md)."""
    return offer_features_on(
        run_dates(context),
        products,
        offers,
        offer_products,
        daily_prices,
        order_items,
        impressions,
        redemptions,
        settings.features,
    )


BEFORE_MOMENTS = {
    "offers": days(-WINDOW - 1, -1),
    "offer_products": days(-1, -1),
    "daily_prices": days(-1, -1),
    "orders": days(-WINDOW - 1, -2),
    "order_items": days(-WINDOW - 1, -2),
    "impressions": days(-WINDOW - 1, -1),
    "redemptions": days(-WINDOW - 1, -2),
    **{table: days(-1, -1, may_be_missing=True) for table in SERVED_TABLES},
}


@table_asset(ins=BEFORE_MOMENTS)
def training_examples(
    context: dg.AssetExecutionContext,
    customers: Relation,
    products: Relation,
    offers: Relation,
    offer_products: Relation,
    daily_prices: Relation,
    orders: Relation,
    order_items: Relation,
    impressions: Relation,
    redemptions: Relation,
    customer_products: Relation,
    customer_features: Relation,
    offer_features: Relation,
    settings: dg.ResourceParam[Settings],
) -> Relation:
    """By the formulas of the daily features: a range of run dates in one pass over the history; a single date whose
    day before was served takes the features as they were served.
    """
    history = History(
        customers,
        products,
        offers,
        offer_products,
        daily_prices,
        orders,
        order_items,
        impressions,
        redemptions,
    )
    dates = run_dates(context)
    served = Served(customer_products, customer_features, offer_features)
    if len(dates) == 1 and dates[0] - timedelta(days=1) in served.dates:
        return examples_as_served(history, served, dates[0], settings.features)
    return examples(history, dates, settings.features)


@table_asset(ins={**BEFORE_MOMENTS, "assignments": days(-1, -1), "offer_audience": days(-1, -1)})
def uplift_examples(
    context: dg.AssetExecutionContext,
    customers: Relation,
    products: Relation,
    offers: Relation,
    offer_products: Relation,
    offer_audience: Relation,
    daily_prices: Relation,
    orders: Relation,
    order_items: Relation,
    assignments: Relation,
    impressions: Relation,
    redemptions: Relation,
    customer_products: Relation,
    customer_features: Relation,
    offer_features: Relation,
    settings: dg.ResourceParam[Settings],
) -> Relation:
    """Described by the functions of the training examples, with the pairs of the trial in place of impressions."""
    history = History(
        customers,
        products,
        offers,
        offer_products,
        daily_prices,
        orders,
        order_items,
        impressions,
        redemptions,
    )
    served = Served(customer_products, customer_features, offer_features)
    trial = Trial(assignments, offer_audience)
    return uplift_examples_of(
        history, trial, run_dates(context), settings.features, settings.uplift, settings.seed, served
    )


@table_asset(
    ins={
        "candidate_pool": days(0, 0),
        "offers": days(0, 0),
        "offer_products": days(0, 0),
        "offer_features": days(0, 0),
        "customer_products": days(0, 0),
        "redemptions": days(-WINDOW, -1),
    }
)
def interaction_features(
    context: dg.AssetExecutionContext,
    customers: Relation,
    products: Relation,
    candidate_pool: Relation,
    offers: Relation,
    offer_products: Relation,
    offer_features: Relation,
    customer_products: Relation,
    redemptions: Relation,
    settings: dg.ResourceParam[Settings],
) -> Relation:
    """The formulas are those of the training examples (docs/features.md)."""
    return union(
        [
            dated(
                interaction_features_on(
                    run_date,
                    moments_of_day(customers, run_date, settings.features),
                    customers,
                    products,
                    candidate_pool,
                    offers,
                    offer_products,
                    offer_features,
                    customer_products,
                    redemptions,
                    settings.features,
                ),
                run_date,
            )
            for run_date in run_dates(context)
        ]
    )


@table_asset(
    ins={
        "candidate_pool": days(0, 0),
        "offers": days(0, 0),
        "offer_products": days(0, 0),
        "offer_features": days(0, 0),
        "daily_prices": days(0, 0),
        "customer_products": days(0, 0),
    }
)
def candidate_margins(
    context: dg.AssetExecutionContext,
    products: Relation,
    candidate_pool: Relation,
    offers: Relation,
    offer_products: Relation,
    offer_features: Relation,
    daily_prices: Relation,
    customer_products: Relation,
) -> Relation:
    """Priced by `metro_assets.pricing`, the till's own arithmetic, at the units that this customer buys."""
    return union(
        [
            dated(
                margins_of_pairs(
                    on_date(candidate_pool, run_date),
                    on_date(offers, run_date),
                    on_date(offer_products, run_date),
                    on_date(offer_features, run_date),
                    on_date(daily_prices, run_date),
                    products,
                    on_date(customer_products, run_date),
                ),
                run_date,
            )
            for run_date in run_dates(context)
        ]
    )


feature_checks = [
    contract_checks("customer_products", may_be_empty=True),
    contract_checks("customer_features"),
    contract_checks("offer_features"),
    contract_checks("training_examples", may_be_empty=True),
    contract_checks("uplift_examples", may_be_empty=True),
    contract_checks("interaction_features", may_be_empty=True),
    contract_checks("candidate_margins", may_be_empty=True),
]
