"""Vectors as rows of the tables, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.product2vec import Vectors
from metro_assets.sql import Relation

VECTOR: pl.DataType = pl.List(pl.Float32)
PRODUCT_SCHEMA = pl.Schema(
    [
        ("product_id", pl.Int32()),
        ("vector", VECTOR),
        ("context_vector", VECTOR),
        ("basket_count", pl.Int32()),
        ("is_cold", pl.Boolean()),
    ]
)
CUSTOMER_SCHEMA = pl.Schema([("customer_id", pl.Int32()), ("vector", VECTOR)])


def table_of(vectors: ProductVectors) -> pl.DataFrame:
    """The vectors as rows of `product_vectors`."""
    return pl.DataFrame(
        {
            "product_id": vectors.product_ids,
            "vector": lists_of(vectors.vectors),
            "context_vector": lists_of(vectors.context_vectors),
            "basket_count": vectors.basket_counts,
            "is_cold": vectors.is_cold,
        },
        schema=PRODUCT_SCHEMA,
    )


def arrays_of(product_vectors: Relation) -> ProductVectors:
    """The rows of `product_vectors` as arrays, sorted by product id."""
    rows: pl.DataFrame = product_vectors.order("product_id").pl()
    return ProductVectors(
        product_ids=rows["product_id"].to_numpy(),
        vectors=matrix_of(rows["vector"]),
        context_vectors=matrix_of(rows["context_vector"]),
        basket_counts=rows["basket_count"].to_numpy(),
        is_cold=rows["is_cold"].to_numpy(),
    )


def lists_of(vectors: Vectors) -> pl.Series:
    """One list per row."""
    return pl.Series(vectors, dtype=pl.Array(pl.Float32, vectors.shape[1])).cast(VECTOR)


def matrix_of(lists: pl.Series) -> npt.NDArray[np.float32]:
    """One row per list; all are of one length."""
    values: npt.NDArray[np.float32] = lists.explode(empty_as_null=False).to_numpy()
    return values.reshape(len(lists), -1 if len(lists) else 0)
