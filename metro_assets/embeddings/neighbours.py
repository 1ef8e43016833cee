"""Nearest products: an approximate index, and the exact search that says how good it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from metro_assets.config import ConfigurationError, Embeddings
from metro_assets.embeddings.product2vec import Vectors

BLOCK_PRODUCTS = 1_024

Places = npt.NDArray[np.int64]


def directions(vectors: Vectors) -> Vectors:
    """The vectors around their mean, of length one: what they have in common tells no product from another."""
    centred = vectors - vectors.mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    units: Vectors = (centred / np.maximum(length, np.finfo(np.float32).tiny)).astype(np.float32)
    return units


def exact_neighbours(units: Vectors, count: int) -> Places:
    """Places of the products of the highest cosine, the nearest first, itself left out, [products, count].

    Ties go to the smaller place. `count` is cut to the number of other products.
    """
    count = min(count, len(units) - 1)
    found = np.empty((len(units), count), dtype=np.int64)
    for start in range(0, len(units), BLOCK_PRODUCTS):
        cosine = units[start : start + BLOCK_PRODUCTS] @ units.T
        own = np.arange(len(cosine))
        cosine[own, start + own] = -np.inf
        found[start : start + BLOCK_PRODUCTS] = np.argsort(-cosine, axis=1, kind="stable")[:, :count]
    return found


class NeighbourIndex:
    """A graph of near neighbours (HNSW; Malkov and Yashunin, 2018) over vectors of length one, by usearch.

    One thread builds it, so that it is the same graph every time.
    """

    def __init__(self, units: Vectors, settings: Embeddings) -> None:
        self.units = units
        self.index = _usearch()(
            ndim=units.shape[1],
            metric="ip",
            dtype="f32",
            connectivity=settings.index_connectivity,
            expansion_add=settings.index_expansion,
            expansion_search=settings.index_expansion,
        )
        self.index.add(np.arange(len(units), dtype=np.uint64), units, threads=1)

    def neighbours(self, count: int) -> Places:
        """Like `exact_neighbours`, nearly always."""
        count = min(count, len(self.units) - 1)
        keys = np.atleast_2d(self.index.search(self.units, count + 1, threads=1).keys).astype(np.int64)
        is_other = keys != np.arange(len(keys))[:, None]
        is_other[is_other.all(axis=1), -1] = False  # itself was missed: the farthest makes room for it
        found: Places = keys[is_other].reshape(len(keys), count)
        return found


def index_recall(found: Places, exact: Places) -> float:
    """Share of the exact neighbours that were found."""
    is_found = (found[:, :, None] == exact[:, None, :]).any(axis=1)
    return float(is_found.mean())


def _usearch() -> Any:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise ConfigurationError(
            "nearest products need usearch; install it with pip install 'metro-assets[phase2]', "
            "or leave embedding out of candidates.strategies"
        ) from error
    return Index
