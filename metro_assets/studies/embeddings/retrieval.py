"""Recall of the pool with and without the channel, and of the channel alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from metro_assets.candidates.market import Market
from metro_assets.candidates.pool import pool
from metro_assets.config import Candidates, Settings
from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.neighbours import directions
from metro_assets.embeddings.tables import lists_of, matrix_of, table_of
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.studies.embeddings.day import Day, Shop, assortment, open_day, random_vectors, without_customers
from metro_assets.vocabulary import Strategy

WEIGHTS = (0.0, 0.1, 0.3, 1.0)
ALONE = 20
"""Of some 70 offers of which a customer bought nothing: with 60, as served, all orders look alike."""
PLACES = (10, 20, 30, 60)
SHOWN = ("pool", "offers_per_customer", "all_recall", "new_recall", "new_redemptions")
RANKS = [f"{strategy}_rank" for strategy in Strategy]
PHASE_1 = tuple(strategy for strategy in Strategy if strategy is not Strategy.EMBEDDING)


def pool_recall(day: Day, vectors: ProductVectors, settings: Settings, seed: int) -> pl.DataFrame:
    """Recall of four strategies, of five, and of five at the size that the four have for each customer.

    As the fifth: the embedding, and what it must beat: random vectors, and popularity among what was not bought.
    """
    popular = _popularity_only(day, vectors)
    fifths = {
        "embedding": day.with_vectors(vectors, settings),
        "random vectors": day.with_vectors(random_vectors(vectors, seed), settings),
        "popularity": popular,
    }
    four = _pool(day.market, day.run_date, settings.candidates, PHASE_1)
    rows = [_recall("four strategies", four, four, day, settings, seed)]
    for name, market in fifths.items():
        five = _pool(market, day.run_date, settings.candidates, tuple(Strategy))
        rows.append(_recall(f"and {name}", five, four, day, settings, seed))
        rows.append(_recall(f"and {name}, equal size", cut_to(five, four), four, day, settings, seed))
    return pl.DataFrame(rows)


def channel_recall(day: Day, vectors: ProductVectors, settings: Settings, seed: int) -> pl.DataFrame:
    """Recall of new offers by `ALONE` offers a customer of the channel, by kind of score and weight of popularity."""
    rows = []
    for kind, market in {
        "in-out product": day.with_vectors(vectors, settings),
        "cosine": day.with_tables(*_by_cosine(day, vectors, settings)),
        "random vectors": day.with_vectors(random_vectors(vectors, seed), settings),
        "popularity": _popularity_only(day, vectors),
    }.items():
        for weight in WEIGHTS if kind in ("in-out product", "cosine") else (WEIGHTS[1],):
            limits = settings.candidates.model_copy(
                update={"embedding_offers": ALONE, "embedding_popularity_weight": weight}
            )
            found = _pool(market, day.run_date, limits, (Strategy.EMBEDDING,))
            told = _found(found, day).filter("is_new")
            rows.append(
                {
                    "run_date": day.run_date,
                    "score": kind,
                    "popularity_weight": weight if kind in ("in-out product", "cosine") else None,
                    "recall": told["found"].mean(),
                    "new_redemptions": len(told),
                }
            )
    return pl.DataFrame(rows)


def choose_score(shop: Shop, run_dates: list[date], settings: Settings, seed: int) -> pl.DataFrame:
    """`channel_recall` on weeks that lie before what is reported, with vectors fitted before the first of them."""
    vectors = assortment(shop.fit(min(run_dates)), shop)
    return pl.concat([channel_recall(open_day(shop, day), vectors, settings, seed) for day in run_dates])


def choose_places(shop: Shop, run_dates: list[date], settings: Settings, seed: int) -> pl.DataFrame:
    """`pool_recall` on weeks that lie before what is reported, by how many offers the fifth may contribute."""
    vectors = assortment(shop.fit(min(run_dates)), shop)
    parts = []
    for run_date in run_dates:
        day = open_day(shop, run_date)
        for places in PLACES:
            limits = settings.candidates.model_copy(update={"embedding_offers": places})
            told = pool_recall(day, vectors, settings.model_copy(update={"candidates": limits}), seed)
            parts.append(told.select(pl.lit(run_date).alias("run_date"), pl.lit(places).alias("places"), *SHOWN))
    return pl.concat(parts)


def cut_to(candidates: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """The best of each customer's candidates, in the order of the pool's cap, as many as `sizes` has of them."""
    order = ["customer_id", pl.min_horizontal(RANKS), pl.sum_horizontal(RANKS), "offer_id"]
    place = pl.int_range(pl.len()).over("customer_id")
    return (
        candidates.sort(order)
        .join(sizes.group_by("customer_id").agg(size=pl.len()), on="customer_id", how="inner")
        .filter(place < pl.col("size"))
    )


def _pool(market: Market, run_date: date, limits: Candidates, strategies: tuple[Strategy, ...]) -> pl.DataFrame:
    frame: pl.DataFrame = pool(market, run_date, limits.model_copy(update={"strategies": strategies})).pl()
    return frame


def _found(candidates: pl.DataFrame, day: Day) -> pl.DataFrame:
    """What was redeemed, with whether it was found."""
    pairs = candidates.select("customer_id", "offer_id", found=pl.lit(1.0))
    return day.redeemed.join(pairs, on=["customer_id", "offer_id"], how="left").with_columns(
        pl.col("found").fill_null(0.0)
    )


def _recall(
    name: str, candidates: pl.DataFrame, base: pl.DataFrame, day: Day, settings: Settings, seed: int
) -> dict[str, object]:
    """Recall with intervals over customers, and its difference to the base on the same resamples."""
    told, before = _found(candidates, day), _found(base, day)
    row: dict[str, object] = {
        "pool": name,
        "offers_per_customer": len(candidates) / candidates["customer_id"].n_unique(),
    }
    for kind, chosen in (("all", pl.Series([True]).new_from_index(0, len(told))), ("new", told["is_new"])):
        own, other = told.filter(chosen), before.filter(chosen)
        values = np.column_stack([own["found"].to_numpy(), own["found"].to_numpy() - other["found"].to_numpy()])
        means = resampled_means(values, own["customer_id"].to_numpy(), settings.evaluation.bootstrap_samples, seed)
        row |= {f"{kind}_redemptions": len(own)}
        for place, what in enumerate(("recall", "gain")):
            lower, upper = interval(means[:, place])
            row |= {
                f"{kind}_{what}": float(values[:, place].mean()),
                f"{kind}_{what}_lower": lower,
                f"{kind}_{what}_upper": upper,
            }
    return row


def _popularity_only(day: Day, vectors: ProductVectors) -> Market:
    """Vectors of zeros for everybody: what is left of the score is popularity in the segment."""
    zeros = replace(
        vectors,
        vectors=np.zeros_like(vectors.vectors),
        context_vectors=np.zeros_like(vectors.context_vectors),
    )
    owners: pl.DataFrame = day.customer_products.aggregate("customer_id").order("customer_id").pl()
    null = lists_of(np.zeros((len(owners), vectors.vectors.shape[1]), dtype=np.float32))
    return day.with_tables(table_of(zeros), without_customers().vstack(owners.with_columns(vector=null)))


def _by_cosine(day: Day, vectors: ProductVectors, settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Directions in place of vectors, of customers too: the in-out product is then a cosine."""
    units = directions(vectors.vectors)
    turned = replace(vectors, vectors=units, context_vectors=units)
    customers = vectors_of_customers(day.customer_products, turned, day.run_date, settings.embeddings)
    means = matrix_of(customers["vector"])
    length = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return table_of(turned), customers.with_columns(vector=lists_of(means / length))
