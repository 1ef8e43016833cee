"""Vectors of products that were bought too seldom to learn from: what their attributes say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.embeddings.product2vec import Product2Vec, Vectors


@dataclass(frozen=True)
class ProductVectors:
    """Vectors of all products of the assortment, sorted by product id."""

    product_ids: npt.NDArray[np.int32]
    vectors: Vectors
    context_vectors: Vectors
    basket_counts: npt.NDArray[np.int32]
    is_cold: npt.NDArray[np.bool_]


def vectors_of_assortment(fitted: Product2Vec, products: pl.DataFrame, prior_products: float) -> ProductVectors:
    """Learnt vectors where there are any, else those of `attribute_vectors`.

    Parameters
    ----------
    products : product_id, category, subcategory and brand of the assortment.
    prior_products : products of the wider group that are mixed into every mean.
    """
    ordered = products.sort("product_id")
    ids = ordered["product_id"].cast(pl.Int32).to_numpy()
    order = np.argsort(fitted.product_ids)
    rows = order[np.searchsorted(fitted.product_ids, ids, sorter=order).clip(max=len(order) - 1)]
    is_known = fitted.product_ids[rows] == ids

    def completed(learnt: Vectors) -> Vectors:
        own = np.where(is_known[:, None], learnt[rows], 0).astype(np.float32)
        told = attribute_vectors(own, is_known, ordered, prior_products)
        return np.where(is_known[:, None], own, told).astype(np.float32)

    return ProductVectors(
        product_ids=ids,
        vectors=completed(fitted.vectors),
        context_vectors=completed(fitted.context_vectors),
        basket_counts=np.where(is_known, fitted.basket_counts[rows], 0).astype(np.int32),
        is_cold=~is_known,
    )


def attribute_vectors(
    vectors: Vectors, is_known: npt.NDArray[np.bool_], products: pl.DataFrame, prior_products: float
) -> npt.NDArray[np.float64]:
    """What category, subcategory and brand say of every product, [products, dimensions].

    The mean of the known products of the subcategory, drawn to that of the category and this to that of all by
    `prior_products` = k, (sum + k x wider mean) / (n + k); then the brand's mean deviation from it, sum / (n + k).
    """
    told = np.tile(vectors[is_known].mean(axis=0, dtype=np.float64), (len(vectors), 1))
    for columns in (["category"], ["category", "subcategory"]):
        told += _group_deviations(vectors - told, is_known, products, columns, prior_products)
    return told + _group_deviations(vectors - told, is_known, products, ["brand"], prior_products)


def _group_deviations(
    deviations: npt.NDArray[np.float64],
    is_known: npt.NDArray[np.bool_],
    products: pl.DataFrame,
    columns: list[str],
    prior_products: float,
) -> npt.NDArray[np.float64]:
    """Mean deviation of the known products of each product's group, drawn to zero; zero where an attribute is null."""
    names = products.select(pl.concat_str(pl.col(columns), separator="\0")).to_series()
    _, group = np.unique(names.fill_null("").to_numpy().astype(str), return_inverse=True)
    has_group = names.is_not_null().to_numpy()
    counted = is_known & has_group
    size = int(group.max()) + 1
    sums = np.zeros((size, deviations.shape[1]))
    np.add.at(sums, group[counted], deviations[counted])
    counts = np.bincount(group[counted], minlength=size)
    means: npt.NDArray[np.float64] = sums / (counts + prior_products)[:, None]
    return np.where(has_group[:, None], means[group], 0.0)
