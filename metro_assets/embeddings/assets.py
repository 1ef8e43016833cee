"""Product2Vec by run date, and the vectors of products and customers as tables."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from metro_assets.config import Settings, load_settings
from metro_assets.embeddings.baskets import sample_baskets
from metro_assets.embeddings.cold import vectors_of_assortment
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.neighbours import directions, exact_neighbours, index_recall, indexed_neighbours
from metro_assets.embeddings.pictures import draw_map, neighbour_table
from metro_assets.embeddings.product2vec import (
    MODEL,
    Product2Vec,
    fit_product2vec,
    fit_seed,
    is_due,
    newest_before,
    version_in_force,
)
from metro_assets.embeddings.tables import CUSTOMER_SCHEMA, PRODUCT_SCHEMA, arrays_of, table_of
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.failing import RETRY, fails_at_once
from metro_assets.orchestration.metadata import markdown_table
from metro_assets.orchestration.partitions import daily, days
from metro_assets.orchestration.plots import picture
from metro_assets.orchestration.tables import ONE_DATE_A_RUN, OWNERS, code_version, table_asset
from metro_assets.sql import Relation
from metro_assets.storage.models import ModelStore
from metro_assets.vocabulary import Strategy

WINDOW = load_settings().embeddings.window_days
OFF = "embedding is not among candidates.strategies"


@dg.asset(
    ins={"orders": days(-WINDOW, -1), "order_items": days(-WINDOW, -1)},
    partitions_def=daily,
    backfill_policy=ONE_DATE_A_RUN,
    owners=OWNERS,
    kinds={"gensim"},
    retry_policy=RETRY,
    code_version=code_version(fit_product2vec),
)
@fails_at_once
def product2vec(
    context: dg.AssetExecutionContext,
    orders: Relation,
    order_items: Relation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> dg.MaterializeResult[None]:
    """Vectors of products learnt from baskets, anew every `refit_days` from where the newest fit before ended."""
    run_date = date.fromisoformat(context.partition_key)
    if Strategy.EMBEDDING not in settings.candidates.strategies:
        return dg.MaterializeResult(metadata={"not fitted": OFF})
    fitted = _fitted_dates(models)
    if not is_due(fitted, run_date, settings.embeddings.refit_days):
        kept = version_in_force(fitted, run_date, settings.embeddings.refit_days)
        return dg.MaterializeResult(metadata={"not fitted": f"the vectors of {kept} are kept"})
    start = newest_before(fitted, run_date)
    earlier = None if start is None else Product2Vec.load(models.load(MODEL, start))
    seed = fit_seed(settings.seed, run_date)
    baskets = sample_baskets(orders, order_items, run_date, settings.embeddings, seed)
    model = fit_product2vec(baskets, settings.embeddings, seed, earlier)
    if model is None:
        return dg.MaterializeResult(metadata={"not fitted": "fewer than two products lie in enough baskets"})
    metadata: dict[str, Any] = {
        "run_date": str(run_date),
        "started_from": str(start),
        "baskets": len(baskets),
        "lines": len(baskets.product_ids),
        "products": len(model.product_ids),
        "seed": seed,
        "settings": settings.embeddings.model_dump(),
    }
    path = models.save(MODEL, run_date, model.save(), metadata)
    return dg.MaterializeResult(metadata={**metadata, "path": dg.MetadataValue.path(path)})


@table_asset(deps=["product2vec"], kinds=("faiss",), takes_range=False)
def product_vectors(
    context: dg.AssetExecutionContext,
    products: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> pl.DataFrame:
    """The vectors in force; a product that was bought too seldom gets those of its subcategory, category and brand."""
    run_date = date.fromisoformat(context.partition_key)
    is_on = Strategy.EMBEDDING in settings.candidates.strategies
    version = version_in_force(_fitted_dates(models), run_date, settings.embeddings.refit_days) if is_on else None
    if version is None:
        context.add_output_metadata({"empty": "no vectors are in force" if is_on else OFF})
        return pl.DataFrame(schema=PRODUCT_SCHEMA)
    fitted = Product2Vec.load(models.load(MODEL, version))
    vectors = vectors_of_assortment(fitted, products, settings.embeddings.cold_prior_products)
    units = directions(vectors.vectors)
    found = indexed_neighbours(units, settings.embeddings.neighbours, settings.embeddings)
    recall = index_recall(found, exact_neighbours(units, settings.embeddings.neighbours))
    context.add_output_metadata(
        {
            "fitted on": str(version),
            "cold products": int(vectors.is_cold.sum()),
            "recall of the index against exact search": recall,
            "nearest products": dg.MetadataValue.md(markdown_table(neighbour_table(vectors, found, products))),
            "map": picture(draw_map(vectors, products)),
        }
    )
    return table_of(vectors)


@table_asset(ins={"customer_products": days(0, 0), "product_vectors": days(0, 0)}, takes_range=False)
def customer_vectors(
    context: dg.AssetExecutionContext,
    customer_products: Relation,
    product_vectors: Relation,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """A product weighs ln(1 + orders), half as much for every half-life since it was last bought."""
    run_date = date.fromisoformat(context.partition_key)
    vectors = arrays_of(product_vectors)
    if not len(vectors.product_ids):
        return pl.DataFrame(schema=CUSTOMER_SCHEMA)
    return vectors_of_customers(customer_products, vectors, run_date, settings.embeddings)


def _fitted_dates(models: ModelStore) -> list[date]:
    return [version.run_date for version in models.versions(MODEL)]


embedding_checks = [
    contract_checks("product_vectors", may_be_empty=True),
    contract_checks("customer_vectors", may_be_empty=True),
]
