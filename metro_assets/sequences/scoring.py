"""Scores of products and of offers by a fitted network, some customers at a time. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from metro_assets.config import Sequences
from metro_assets.sequences.baskets import (
    Baskets,
    Integers,
    baskets_between,
    customer_ranges,
    day_number,
    newest_baskets,
)
from metro_assets.sequences.fitting import NextItemModel, next_item_log_probabilities
from metro_assets.sql import Relation, on_date

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class OfferSets:
    """The known products of each offer: rows of offer_id and place in the catalogue, by offer."""

    offer_id: Integers
    """Offers with a known product, ascending, [offers]."""
    first: Integers
    """Place of each offer's first row, [offers]."""
    product: Integers
    """[rows]."""


def next_item_scores(
    model: NextItemModel,
    coded: Baskets,
    customers: Integers,
    moment: int,
    settings: Sequences,
    threads: int,
    products: Integers | None = None,
) -> Iterator[tuple[slice, Floats]]:
    """Log probabilities of the catalogue's products to be a customer's next line after the morning of a day.

    Blocks of the ascending customers with [customers of the block, products]. A customer without a known basket gets
    the popularity of what the network learned from. `coded` are baskets of places in the model's catalogue, as are
    `products`, to which the answer is limited.
    """
    popularity = model.log_popularity if products is None else model.log_popularity[products]
    torch.set_num_threads(threads)
    known, places = newest_baskets(coded, moment, settings.most_baskets)
    row = np.searchsorted(known, customers)
    has_history = np.isin(customers, known)
    for start in range(0, len(customers), settings.customers_per_block):
        block = slice(start, start + settings.customers_per_block)
        is_known = has_history[block]
        scores = np.tile(popularity, (len(is_known), 1))
        if is_known.any():
            own = places[row[block][is_known]]
            with torch.no_grad():
                scores[is_known] = next_item_log_probabilities(
                    model.network, coded, own, np.full(len(own), moment), products
                ).numpy()
        yield block, scores


def offer_sets(model: NextItemModel, offer_id: npt.ArrayLike, product_id: npt.ArrayLike) -> OfferSets:
    """The products of offers as places in the model's catalogue; products that it does not know are left out."""
    offers, products = np.asarray(offer_id, dtype=np.int64), np.asarray(product_id, dtype=np.int64)
    is_known = np.isin(products, model.catalogue)
    order = np.lexsort((products[is_known], offers[is_known]))
    found, first = np.unique(offers[is_known][order], return_index=True)
    return OfferSets(found, first, np.searchsorted(model.catalogue, products[is_known][order]))


def offer_scores(log_probability: Floats, offers: OfferSets) -> Floats:
    """Log probability that the next line is one of an offer's products, [customers, offers].

    The logarithm of the sum of the products' probabilities.
    """
    if not len(offers.offer_id):
        return np.empty((len(log_probability), 0), dtype=np.float32)
    chances = np.exp(log_probability[:, offers.product], dtype=np.float64)
    scores: Floats = np.log(np.add.reduceat(chances, offers.first, axis=1)).astype(np.float32)
    return scores


def scores_of_pairs(
    model: NextItemModel,
    coded: Baskets,
    pairs: tuple[npt.ArrayLike, npt.ArrayLike],
    offers: OfferSets,
    moment: int,
    settings: Sequences,
    threads: int,
) -> Floats:
    """Score of every pair of customer and offer as known before the day, [pairs]; NaN without a known product.

    Parameters
    ----------
    pairs : customer_id [pairs] and offer_id [pairs], in any order.
    """
    customer, offer = (np.asarray(column, dtype=np.int64) for column in pairs)
    customers, row = np.unique(customer, return_inverse=True)
    column = np.searchsorted(offers.offer_id, offer)
    is_known = np.isin(offer, offers.offer_id)
    order = np.argsort(row, kind="stable")
    scores = np.full(len(customer), np.nan, dtype=np.float32)
    products, place = np.unique(offers.product, return_inverse=True)
    narrow = replace(offers, product=place)
    for block, log_probability in next_item_scores(model, coded, customers, moment, settings, threads, products):
        begin, end = np.searchsorted(row[order], [block.start, block.start + len(log_probability)])
        mine = order[begin:end]
        mine = mine[is_known[mine]]
        scores[mine] = offer_scores(log_probability, narrow)[row[mine] - block.start, column[mine]]
    return scores


def score_candidates(
    files: Mapping[str, bytes] | None,
    candidate_pool: Relation,
    offer_products: Relation,
    order_items: Relation,
    customers: Relation,
    run_date: date,
    settings: Sequences,
    threads: int,
) -> pl.DataFrame:
    """One row per candidate, as `next_item_scores` has it, from what was known before the run date.

    Without a model (`files` is None) every score is null.
    """
    model = NextItemModel.load(files) if files else None
    offers = _sets_of(model, offer_products) if model else None
    parts = [_candidates([], [], np.empty(0, np.float32))]
    first_date = run_date - timedelta(days=settings.history_days)
    for ends in customer_ranges(customers, settings.customers_per_range):
        pairs = _between(candidate_pool, ends).select("customer_id", "offer_id").fetchnumpy()
        customer, offer = pairs["customer_id"], pairs["offer_id"]
        scores = np.full(len(customer), np.nan, dtype=np.float32)
        if model and offers and len(customer):
            baskets = baskets_between(order_items, first_date, run_date, ends, settings.most_baskets)
            coded = baskets.coded(model.catalogue)
            scores = scores_of_pairs(model, coded, (customer, offer), offers, day_number(run_date), settings, threads)
        parts.append(_candidates(customer, offer, scores))
    return pl.concat(parts).sort("customer_id", "offer_id")


def score_examples(
    files: Mapping[str, bytes],
    training_examples: Relation,
    offer_products: Relation,
    order_items: Relation,
    customers: Relation,
    settings: Sequences,
    threads: int,
) -> pl.DataFrame:
    """One row per impression, as `next_item_examples` has it, from what was known before the day it was shown.

    Parameters
    ----------
    offer_products : of the days on which the impressions were shown.
    """
    model = NextItemModel.load(files)
    shown_dates = sorted(row[0] for row in training_examples.aggregate("shown_date").fetchall())
    parts = [no_examples()]
    sets = {shown: _sets_of(model, on_date(offer_products, shown)) for shown in shown_dates}
    for ends in customer_ranges(customers, settings.customers_per_range) if shown_dates else []:
        first_date = shown_dates[0] - timedelta(days=settings.history_days)
        coded = baskets_between(order_items, first_date, shown_dates[-1], ends).coded(model.catalogue)
        rows = (
            _between(training_examples, ends)
            .select("impression_id", "customer_id", "offer_id", "shown_date")
            .order("shown_date, impression_id")
            .pl()
        )
        for (shown,), impressions in rows.group_by("shown_date", maintain_order=True):
            moment = day_number(shown)
            recent = coded.taken(np.flatnonzero(coded.day >= moment - settings.history_days))
            pairs = impressions["customer_id"].to_numpy(), impressions["offer_id"].to_numpy()
            scores = scores_of_pairs(model, recent, pairs, sets[shown], moment, settings, threads)
            parts.append(
                impressions.select("impression_id", next_item_score=pl.Series(scores, dtype=pl.Float32).fill_nan(None))
            )
    return pl.concat(parts).sort("impression_id")


def no_examples() -> pl.DataFrame:
    """`next_item_examples` without rows."""
    return pl.DataFrame(schema={"impression_id": pl.Int64, "next_item_score": pl.Float32})


def _sets_of(model: NextItemModel, offer_products: Relation) -> OfferSets:
    rows = offer_products.select("offer_id", "product_id").distinct().fetchnumpy()
    return offer_sets(model, rows["offer_id"], rows["product_id"])


def _between(rows: Relation, ends: tuple[int, int]) -> Relation:
    """Rows of a range of customers."""
    customer_id = duckdb.ColumnExpression("customer_id")
    return rows.filter(customer_id.between(*map(duckdb.ConstantExpression, ends)))


def _candidates(customer: npt.ArrayLike, offer: npt.ArrayLike, scores: Floats) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": np.asarray(customer, dtype=np.int32),
            "offer_id": np.asarray(offer, dtype=np.int32),
            "next_item_score": pl.Series(scores, dtype=pl.Float32).fill_nan(None),
        }
    )
