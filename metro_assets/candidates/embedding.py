"""The embedding strategy: offers of which the customer bought nothing, by what they buy beside.

Live offers are few, so all of them are scored for every customer in blocks of matrix products; nothing approximate is
needed (docs/decisions/0016).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.candidates.market import Market
from metro_assets.config import Candidates
from metro_assets.sql import Relation, query, stored

BLOCK_CELLS = 8_000_000
"""Customers x products of offers that are scored at a time: 64 MB a matrix."""
SMALLEST_SHARE = 1e-3
"""Added to the share of buyers below the logarithm: an offer that nobody bought yet stays in the race."""
DECIMALS = 5
"""Scores that agree this far are ties: a matrix product rounds differently from machine to machine."""

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Space:
    """Customers, live offers by id and their products, with what the scores are made of."""

    customer_id: npt.NDArray[np.int32]
    customer_vectors: Floats
    """[customers, dimensions]."""
    shelf: Places
    """Row of each customer in `shown` and `popularity`."""
    offer_id: npt.NDArray[np.int32]
    product_vectors: Floats
    """Context vectors of the products of all offers, offer by offer, [products of offers, dimensions]."""
    first_product: Places
    """Where each offer's products begin."""
    shown: Flags
    """Offers on each shelf, listed ones left out, [shelves, offers]."""
    popularity: Floats
    """Log share of buyers in the shelf's segment, [shelves, offers]."""
    listed: tuple[Places, Places]
    """Places of customers and of the listed offers that they may be shown, in the order of customers."""
    bought: tuple[Places, Places]
    """Places of customers and of offers of which they bought something, in the order of customers."""


def retrieve_embedding(market: Market, run_date: date, settings: Candidates) -> Relation:
    """Offers of which the customer bought nothing in the window, likeliest beside what they bought.

    The score of an offer is the mean over its products of customer vector x context vector, plus
    `embedding_popularity_weight` x log share of the segment that buys it. Finds nothing for who bought nothing, and
    nothing at all where there are no vectors.
    """
    parts = [pl.DataFrame(schema={"customer_id": pl.Int32, "offer_id": pl.Int32, "rank": pl.Int16})]
    space = _space_of(market)
    if space is not None:
        parts += _best(space, settings)
    return stored(
        query(__package__, "embedding", shelves=market.customer_shelves, found=pl.concat(parts, rechunk=True))
    )


def _space_of(market: Market) -> _Space | None:
    """The space of a market, or None where nobody or nothing has a vector."""
    owners: pl.DataFrame = query(
        __package__, "owners", shelves=market.customer_shelves, customer_vectors=market.customer_vectors
    ).pl()
    covered: pl.DataFrame = query(
        __package__, "covered", offer_products=market.offer_products, product_vectors=market.product_vectors
    ).pl()
    if owners.is_empty() or covered.is_empty():
        return None
    customer_id = owners["customer_id"].to_numpy()
    offer_id, first_product = np.unique(covered["offer_id"].to_numpy(), return_index=True)
    shelves: pl.DataFrame = query(
        __package__,
        "shelf_shares",
        shelves=market.customer_shelves,
        shelf_offers=market.shelf_offers,
        offers=market.offers,
    ).pl()
    shelf_id = np.unique(shelves["shelf_id"].to_numpy())
    at = (
        np.searchsorted(shelf_id, shelves["shelf_id"].to_numpy()),
        np.searchsorted(offer_id, shelves["offer_id"].to_numpy()).clip(max=len(offer_id) - 1),
    )
    has_vector = offer_id[at[1]] == shelves["offer_id"].to_numpy()
    shown = np.zeros((len(shelf_id), len(offer_id)), dtype=bool)
    popularity = np.full(shown.shape, np.log(SMALLEST_SHARE))
    on_shelf = at[0][has_vector], at[1][has_vector]
    shown[on_shelf] = shelves["is_shown"].to_numpy()[has_vector]
    popularity[on_shelf] = np.log(shelves["buyer_share"].to_numpy()[has_vector] + SMALLEST_SHARE)

    def pairs(rows: Relation) -> tuple[Places, Places]:
        """Places of the customers and offers of a relation that both have vectors, in the order of customers."""
        frame: pl.DataFrame = rows.select("customer_id", "offer_id").pl()
        owner = np.searchsorted(customer_id, frame["customer_id"].to_numpy()).clip(max=len(customer_id) - 1)
        offer = np.searchsorted(offer_id, frame["offer_id"].to_numpy()).clip(max=len(offer_id) - 1)
        both = (customer_id[owner] == frame["customer_id"].to_numpy()) & (
            offer_id[offer] == frame["offer_id"].to_numpy()
        )
        order = np.argsort(owner[both], kind="stable")
        return owner[both][order], offer[both][order]

    return _Space(
        customer_id=customer_id,
        customer_vectors=_matrix(owners["vector"]),
        shelf=np.searchsorted(shelf_id, owners["shelf_id"].to_numpy()),
        offer_id=offer_id,
        product_vectors=_matrix(covered["context_vector"]),
        first_product=first_product,
        shown=shown,
        popularity=popularity,
        listed=pairs(market.listed_offers),
        bought=pairs(market.customer_offers),
    )


def _best(space: _Space, settings: Candidates) -> Iterator[pl.DataFrame]:
    """The best offers of one block of customers after another."""
    block = max(BLOCK_CELLS // len(space.product_vectors), 1)
    size = np.diff(np.append(space.first_product, len(space.product_vectors)))
    for start in range(0, len(space.customer_id), block):
        rows = slice(start, min(start + block, len(space.customer_id)))
        products = space.customer_vectors[rows] @ space.product_vectors.T
        score = np.add.reduceat(products, space.first_product, axis=1) / size
        score += settings.embedding_popularity_weight * space.popularity[space.shelf[rows]]
        allowed = space.shown[space.shelf[rows]]
        for (owner, offer), flag in ((space.listed, True), (space.bought, False)):
            first, last = np.searchsorted(owner, (rows.start, rows.stop))
            allowed[owner[first:last] - start, offer[first:last]] = flag
        best = _highest(score, allowed, min(settings.per_strategy, settings.embedding_offers))
        count = allowed.sum(axis=1).clip(max=best.shape[1])
        found = np.arange(best.shape[1]) < count[:, None]
        yield pl.DataFrame(
            {
                "customer_id": np.repeat(space.customer_id[rows], count),
                "offer_id": space.offer_id[best[found]],
                "rank": np.broadcast_to(np.arange(1, best.shape[1] + 1, dtype=np.int16), best.shape)[found],
            },
            schema={"customer_id": pl.Int32, "offer_id": pl.Int32, "rank": pl.Int16},
        )


def _highest(score: Floats, allowed: Flags, count: int) -> Places:
    """Places of the highest allowed scores of each row, the highest first, ties to the smaller place; the others last.

    A score and its place make one integer, all of them different: so a partition cuts ties where a sort would.
    """
    count = min(count, score.shape[1])
    keys = np.where(allowed, -score * 10.0**DECIMALS, 2.0**40).round().astype(np.int64)
    keys = keys * 2**20 + np.arange(score.shape[1])
    best = np.sort(np.partition(keys, count - 1, axis=1)[:, :count], axis=1)
    places: Places = best % 2**20
    return places


def _matrix(lists: pl.Series) -> Floats:
    return lists.explode().cast(pl.Float64).to_numpy().reshape(len(lists), -1)
