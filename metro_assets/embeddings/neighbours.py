"""Nearest products: an approximate index, and the exact search that says how good it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from metro_assets.config import WITH_LIBRARIES, ConfigurationError, Embeddings
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


def indexed_neighbours(units: Vectors, count: int, settings: Embeddings) -> Places:
    """Like `exact_neighbours`, nearly always: by a graph of near neighbours (HNSW; Malkov and Yashunin, 2018) of FAISS.

    One thread builds and asks it, so that it is the same graph every time.
    """
    faiss = _faiss()
    count = min(count, len(units) - 1)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index = faiss.IndexHNSWFlat(units.shape[1], settings.index_connectivity, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = index.hnsw.efSearch = settings.index_expansion
        index.add(units)
        places: Places = index.search(units, count + 1)[1]
    finally:
        faiss.omp_set_num_threads(threads)
    is_other = places != np.arange(len(places))[:, None]
    is_other[is_other.all(axis=1), -1] = False  # itself was missed: the farthest makes room for it
    found: Places = places[is_other].reshape(len(places), count)
    return found


def index_recall(found: Places, exact: Places) -> float:
    """Share of the exact neighbours that were found."""
    is_found = (found[:, :, None] == exact[:, None, :]).any(axis=1)
    return float(is_found.mean())


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise ConfigurationError(
            f"nearest products need faiss; install it with pip install '{WITH_LIBRARIES}', "
            "or leave embedding out of candidates.strategies"
        ) from error
    return faiss
