"""What a morning costs, and retrieval against the obvious exact search."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import duckdb
import numpy as np
import polars as pl
from sklearn.neighbors import NearestNeighbors

from metro_assets.candidates.embedding import retrieve_embedding
from metro_assets.candidates.market import Market
from metro_assets.config import Candidates
from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.neighbours import directions, exact_neighbours, index_recall, indexed_neighbours
from metro_assets.embeddings.tables import lists_of
from metro_assets.studies.embeddings.day import Day, Shop, assortment

REPEATS = 3
CUSTOMERS, OFFERS, PRODUCTS_OF_AN_OFFER, DIMENSIONS = 50_000, 200, 6, 64
"""Full size."""

Result = TypeVar("Result")


def seconds_of_a_morning(shop: Shop, day: Day, vectors: ProductVectors) -> pl.DataFrame:
    """CPU seconds of every step; the fit once, the others the best of three."""
    settings, rows = shop.settings, []
    embeddings = settings.embeddings

    def timed(step: str, function: Callable[[], Result], repeats: int = REPEATS) -> Result:
        result, seconds = best_of(function, repeats)
        rows.append({"step": step, "cpu_seconds": seconds})
        return result

    timed("sampled baskets, weekly", lambda: shop.baskets(day.run_date))
    fitted = timed("sampled baskets and Product2Vec, weekly", lambda: shop.fit(day.run_date), 1)
    timed("vectors of the assortment", lambda: assortment(fitted, shop))
    units = directions(vectors.vectors)
    found = timed("index of nearest products", lambda: indexed_neighbours(units, embeddings.neighbours, embeddings))
    exact = timed("nearest products, exact", lambda: exact_neighbours(units, embeddings.neighbours))
    timed(
        "vectors of customers", lambda: vectors_of_customers(day.customer_products, vectors, day.run_date, embeddings)
    )
    market = day.with_vectors(vectors, settings)
    timed("retrieval", lambda: retrieve_embedding(market, day.run_date, settings.candidates))
    told = pl.DataFrame(rows).with_columns(recall=pl.lit(None, dtype=pl.Float64))
    recall = index_recall(found, exact)
    at_full = _retrieval_at_full_size(day, settings.candidates)
    return pl.concat(
        [told.with_columns(recall=pl.when(pl.col("step") == "index of nearest products").then(recall)), at_full]
    )


def best_of(function: Callable[[], Result], repeats: int) -> tuple[Result, float]:
    """What the function returns, and the fewest CPU seconds that it took."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        result = function()
        seconds.append(time.process_time() - started)
    return result, min(seconds)


def _retrieval_at_full_size(day: Day, settings: Candidates) -> pl.DataFrame:
    """The 60 best of 200 offers for 50,000 customers with random vectors, and scikit-learn's exact search for as many.

    Ours scores every product of every offer and knows who may be shown what; scikit-learn is given the offers' means.
    """
    generator = np.random.default_rng(1)
    contexts = generator.normal(size=(OFFERS * PRODUCTS_OF_AN_OFFER, DIMENSIONS)).astype(np.float32)
    owners = generator.normal(size=(CUSTOMERS, DIMENSIONS)).astype(np.float32)
    market = _market_of(day, owners, contexts)
    limits = settings.model_copy(update={"embedding_offers": settings.per_strategy})
    _, ours = best_of(lambda: retrieve_embedding(market, day.run_date, limits), REPEATS)
    offers = contexts.reshape(OFFERS, PRODUCTS_OF_AN_OFFER, DIMENSIONS).mean(axis=1)
    search = NearestNeighbors(n_neighbors=settings.per_strategy, algorithm="brute", metric="cosine").fit(offers)
    _, theirs = best_of(lambda: search.kneighbors(owners), REPEATS)
    return pl.DataFrame(
        {
            "step": ["retrieval, 50,000 customers", "scikit-learn's exact search, 50,000 customers"],
            "cpu_seconds": [ours, theirs],
            "recall": [None, None],
        },
        schema_overrides={"recall": pl.Float64},
    )


def _market_of(day: Day, owners: np.typing.NDArray[np.float32], contexts: np.typing.NDArray[np.float32]) -> Market:
    """A market of one shelf, without listed offers and purchases."""
    number = pl.int_range
    frames = {
        "customer_shelves": pl.select(
            customer_id=number(CUSTOMERS, dtype=pl.Int32),
            segment=pl.lit("HORECA"),
            store_id=pl.lit(1),
            has_consent=pl.lit(True),
            shelf_id=pl.lit(1),
        ),
        "shelf_offers": pl.select(
            shelf_id=pl.lit(1), segment=pl.lit("HORECA"), offer_id=number(OFFERS, dtype=pl.Int32)
        ),
        "offers": pl.select(offer_id=number(OFFERS, dtype=pl.Int32), segment=pl.lit("HORECA"), buyer_share=pl.lit(0.1)),
        "offer_products": pl.select(
            offer_id=number(len(contexts), dtype=pl.Int32) // PRODUCTS_OF_AN_OFFER,
            product_id=number(len(contexts), dtype=pl.Int32),
        ),
        "product_vectors": pl.DataFrame({"product_id": np.arange(len(contexts)), "context_vector": lists_of(contexts)}),
        "customer_vectors": pl.DataFrame({"customer_id": np.arange(CUSTOMERS), "vector": lists_of(owners)}),
    }
    none = duckdb.ConstantExpression(False)
    return Market(
        **{name: day.stored(frame) for name, frame in frames.items()},
        listed_offers=day.market.listed_offers.filter(none),
        customer_offers=day.market.customer_offers.filter(none),
        category_spend=day.market.category_spend,
    )
