"""Customers as the weighted mean of the vectors of what they bought."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from metro_assets.config import Embeddings
from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.tables import lists_of
from metro_assets.sql import Relation, query, values

BATCH_ROWS = 1_000_000


def vectors_of_customers(
    customer_products: Relation, products: ProductVectors, run_date: date, settings: Embeddings
) -> pl.DataFrame:
    """One row per customer who bought something: customer_id, vector.

    A product weighs ln(1 + orders) x 0.5^(days since the last / `half_life_days`); products without sales when the
    vectors were fitted count by their attributes. Rows pass through memory a million at a time.
    """
    parameters = values(run_date=run_date, half_life_days=settings.half_life_days)
    bought = query(__package__, "bought", customer_products=customer_products, parameters=parameters)
    ids = customer_products.aggregate("customer_id").order("customer_id").pl()["customer_id"].to_numpy()
    sums = np.zeros((len(ids), products.vectors.shape[1]))
    weights = np.zeros(len(ids))
    for batch in bought.to_arrow_reader(BATCH_ROWS):
        rows: pl.DataFrame = pl.from_arrow(batch)  # type: ignore[assignment]
        owner = np.searchsorted(ids, rows["customer_id"].to_numpy())
        product = np.searchsorted(products.product_ids, rows["product_id"].to_numpy())
        weight = rows["weight"].to_numpy()
        first, last = owner.min(), owner.max() + 1
        shape = (last - first, len(products.product_ids))
        sums[first:last] += csr_matrix((weight, (owner - first, product)), shape=shape) @ products.vectors
        weights += np.bincount(owner, weight, minlength=len(ids))
    means = (sums / np.maximum(weights, np.finfo(float).tiny)[:, None]).astype(np.float32)
    return pl.DataFrame({"customer_id": ids, "vector": lists_of(means)})
