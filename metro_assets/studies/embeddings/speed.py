"""What a morning costs, and retrieval against the obvious exact search."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from sklearn.neighbors import NearestNeighbors

from metro_assets.candidates.embedding import retrieve_embedding
from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.neighbours import directions, exact_neighbours, index_recall, indexed_neighbours
from metro_assets.embeddings.product2vec import Vectors, fit_product2vec, fit_seed
from metro_assets.embeddings.tables import matrix_of
from metro_assets.studies.embeddings.day import Day, Shop, assortment

REPEATS = 3


def seconds_of_a_morning(shop: Shop, day: Day, vectors: ProductVectors) -> pl.DataFrame:
    """CPU seconds of every step; the fit once, the others the best of three."""
    settings = shop.settings
    rows = []

    def timed(step: str, function: Callable[[], Any], repeats: int = REPEATS) -> Any:
        seconds = []
        for _ in range(repeats):
            started = time.process_time()
            result = function()
            seconds.append(time.process_time() - started)
        rows.append({"step": step, "cpu_seconds": min(seconds)})
        return result

    baskets = timed("sample baskets (weekly)", lambda: shop.baskets(day.run_date))
    seed = fit_seed(settings.seed, day.run_date)
    fitted = timed("fit (weekly)", lambda: fit_product2vec(baskets, settings.embeddings, seed), 1)
    timed("product_vectors", lambda: assortment(fitted, shop))
    units = directions(vectors.vectors)
    count = settings.embeddings.neighbours
    found = timed("index of nearest products", lambda: indexed_neighbours(units, count, settings.embeddings))
    exact = timed("nearest products, exact", lambda: exact_neighbours(units, count))
    rows.append({"step": "recall of the index", "cpu_seconds": index_recall(found, exact)})
    timed(
        "customer_vectors",
        lambda: vectors_of_customers(day.customer_products, vectors, day.run_date, settings.embeddings),
    )
    market = day.with_vectors(vectors, settings)
    timed("retrieval, all rules", lambda: retrieve_embedding(market, day.run_date, settings.candidates))
    customers, offers = _points(day, vectors, shop)
    timed(
        "exact search by scikit-learn, no rules",
        lambda: (
            NearestNeighbors(n_neighbors=settings.candidates.per_strategy, algorithm="brute", metric="cosine")
            .fit(offers)
            .kneighbors(customers)
        ),
    )
    return pl.DataFrame(rows)


def _points(day: Day, vectors: ProductVectors, shop: Shop) -> tuple[Vectors, Vectors]:
    """Customers, and live offers as the mean of their products."""
    customers = vectors_of_customers(day.customer_products, vectors, day.run_date, shop.settings.embeddings)
    covered: pl.DataFrame = day.market.offer_products.select("offer_id", "product_id").pl()
    offer, place = np.unique(covered["offer_id"].to_numpy(), return_inverse=True)
    rows = vectors.context_vectors[np.searchsorted(vectors.product_ids, covered["product_id"].to_numpy())]
    sums = np.zeros((len(offer), rows.shape[1]), dtype=np.float32)
    np.add.at(sums, place, rows)
    return matrix_of(customers["vector"]), sums / np.bincount(place)[:, None].astype(np.float32)
