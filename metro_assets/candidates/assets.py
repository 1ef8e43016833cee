"""The candidate pool as an asset."""

import dagster as dg
import polars as pl
from matplotlib.figure import Figure

from metro_assets.candidates.market import open_market
from metro_assets.candidates.pool import pool
from metro_assets.config import Settings
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.partitions import days, run_dates
from metro_assets.orchestration.plots import picture
from metro_assets.orchestration.tables import table_asset
from metro_assets.sql import Relation, dated, on_date, query, stored, union


@table_asset(
    ins={
        table: days(0, 0)
        for table in (
            "offers",
            "offer_products",
            "offer_audience",
            "offer_features",
            "customer_products",
            "product_vectors",
            "customer_vectors",
        )
    }
)
def candidate_pool(
    context: dg.AssetExecutionContext,
    customers: Relation,
    products: Relation,
    offers: Relation,
    offer_products: Relation,
    offer_audience: Relation,
    offer_features: Relation,
    customer_products: Relation,
    product_vectors: Relation,
    customer_vectors: Relation,
    settings: dg.ResourceParam[Settings],
) -> Relation:
    """United from the strategies that are switched on; only offers that may be shown to the customer at all."""
    pools = []
    for run_date in run_dates(context):
        market = open_market(
            run_date,
            customers,
            on_date(offers, run_date),
            on_date(offer_products, run_date),
            on_date(offer_audience, run_date),
            on_date(offer_features, run_date),
            on_date(customer_products, run_date),
            products,
            on_date(product_vectors, run_date),
            on_date(customer_vectors, run_date),
        )
        pools.append(stored(dated(pool(market, run_date, settings.candidates), run_date)))
    context.add_output_metadata({"pool_sizes": picture(pool_sizes(pools[-1]))})
    return union(pools)


def pool_sizes(candidates: Relation) -> Figure:
    """Candidates per customer, and how many each strategy found, alone or with others."""
    sizes: pl.DataFrame = query(__package__, "pool_sizes", candidates=candidates).pl()
    found: pl.DataFrame = query(__package__, "found_per_strategy", candidates=candidates).pl()
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.bar(sizes["candidate_count"], sizes["customer_count"], width=1.0)
    left.set(xlabel="candidates of a customer", ylabel="customers", title="Size of the pool")
    right.barh(found["strategy"], found["found_count"], label="with others")
    right.barh(found["strategy"], found["alone_count"], label="alone")
    right.set(xlabel="candidates", title="Found by")
    right.legend()
    return figure


candidate_checks = [contract_checks("candidate_pool")]
