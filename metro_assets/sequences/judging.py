"""How well an order of all products foresees what comes: metrics over the full catalogue, and orders by habit alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from metro_assets.sequences.baskets import Baskets, Integers

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class NextItemMetrics(NamedTuple):
    """Metrics per customer, arrays [customers]; NaN where nothing was bought that counts."""

    ndcg: Floats
    recall: Floats
    reciprocal_rank: Floats


def best_products(scores: npt.NDArray[np.floating], cutoff: int) -> Integers:
    """Places of the best products, best first, ties in the order of the products, [customers, at most cutoff].

    -1 where all that is left is -inf. The best of what is left is taken one after the other: to sort tens of thousands
    of products for ten of them takes longer.
    """
    row, left = np.arange(len(scores)), np.array(scores)
    best = np.empty((len(scores), min(cutoff, scores.shape[1])), dtype=np.int64)
    for rank in range(best.shape[1]):
        place = left.argmax(axis=1)
        best[:, rank] = np.where(left[row, place] > -np.inf, place, -1)
        left[row, place] = -np.inf
    return best


def next_item_metrics(
    scores: npt.NDArray[np.floating], is_bought: Flags, cutoff: int, best: Integers | None = None
) -> NextItemMetrics:
    """NDCG@k, recall@k and reciprocal rank of orders of the whole catalogue, as `metro_assets.metrics` defines them.

    Parameters
    ----------
    scores, is_bought : [customers, products]; ties in the order of the products; -inf is left out of the order's top.
    best : `best_products` of the scores, where they are known already.

    >>> found = next_item_metrics(np.array([[0.9, 0.5, 0.1]]), np.array([[False, True, False]]), cutoff=10)
    >>> round(float(found.ndcg[0]), 4), float(found.recall[0]), float(found.reciprocal_rank[0])
    (0.6309, 1.0, 0.5)
    """
    best = best_products(scores, cutoff) if best is None else best
    top = np.take_along_axis(is_bought, best, axis=1) & (best >= 0)
    relevant = is_bought.sum(axis=1)
    discount = 1.0 / np.log2(np.arange(2, cutoff + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(relevant, cutoff)]
    own = np.where(is_bought, scores, -np.inf)
    first, highest = own.argmax(axis=1)[:, None], own.max(axis=1)[:, None]
    before = (scores > highest).sum(axis=1) + ((scores == highest) & (np.arange(scores.shape[1]) < first)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return NextItemMetrics(
            ndcg=top @ discount[: top.shape[1]] / ideal,
            recall=top.sum(axis=1) / relevant,
            reciprocal_rank=np.where(relevant > 0, (highest[:, 0] > -np.inf) / (before + 1.0), np.nan),
        )


def purchases(coded: Baskets, customers: Integers, products: int, weight: npt.NDArray[np.floating]) -> Floats:
    """Sums of a weight per basket over the baskets with a product, [customers, products]; customers ascending."""
    basket = coded.basket_of_line
    row = np.searchsorted(customers, coded.customer_id[basket])
    is_asked = np.isin(coded.customer_id[basket], customers)
    cell = row[is_asked] * products + coded.product[is_asked]
    sums = np.bincount(cell, weights=weight[basket[is_asked]], minlength=len(customers) * products)
    return sums.astype(np.float64).reshape(len(customers), products)


def global_popularity(coded: Baskets, customers: Integers, products: int, moment: int, window_days: int) -> Floats:
    """Lines of all customers in the days before the moment, the same row for every customer."""
    recent = coded.day[coded.basket_of_line] >= moment - window_days
    lines = np.bincount(coded.product[recent], minlength=products)
    return np.tile(lines.astype(np.float64), (len(customers), 1))


def personal_frequency(
    coded: Baskets, customers: Integers, products: int, moment: int, half_life_days: float = np.inf
) -> Floats:
    """Baskets with the product, each counting half for every half-life of its age."""
    return purchases(coded, customers, products, 0.5 ** ((moment - coded.day) / half_life_days))


def bought_between(coded: Baskets, customers: Integers, products: int, first_day: int, end_day: int) -> Flags:
    """What each customer bought on the days from the first until before the end, [customers, products]."""
    inside = (coded.day >= first_day) & (coded.day < end_day)
    return purchases(coded, customers, products, inside.astype(np.float64)) > 0


def next_baskets(coded: Baskets, customers: Integers, products: int, first_day: int, end_day: int) -> Flags:
    """What each customer bought on the first of its days from the first until before the end, [customers, products]."""
    inside = np.flatnonzero((coded.day >= first_day) & (coded.day < end_day))
    _, first, owner = np.unique(coded.customer_id[inside], return_index=True, return_inverse=True)
    is_next = np.zeros(len(coded))
    is_next[inside] = coded.day[inside] == coded.day[inside[first]][owner]
    return purchases(coded, customers, products, is_next) > 0
