"""Product2Vec: skip-gram with negative sampling over baskets in place of sentences.

Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality", NeurIPS 2013; for baskets
Grbovic et al., "E-commerce in Your Inbox", KDD 2015. The order of a basket says nothing, so its products are shuffled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from metro_assets.config import WITH_LIBRARIES, ConfigurationError, Embeddings
from metro_assets.embeddings.baskets import Baskets

MODEL = "product2vec"
"""Name in the model store."""
FILE = "product2vec.safetensors"

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Product2Vec:
    """Vectors of products, most frequent first, ties by id."""

    product_ids: npt.NDArray[np.int32]
    vectors: Vectors
    """Input vectors, [products, dimensions]."""
    context_vectors: Vectors
    """Output vectors, [products, dimensions]: `vectors @ context_vectors.T` rises with the odds of a common basket."""
    basket_counts: npt.NDArray[np.int32]
    """Baskets of the sample with each product, [products]."""

    def save(self) -> dict[str, bytes]:
        """The vectors as a safetensors file."""
        from safetensors.numpy import save

        return {
            FILE: save(
                {
                    "product_ids": self.product_ids,
                    "vectors": self.vectors,
                    "context_vectors": self.context_vectors,
                    "basket_counts": self.basket_counts,
                }
            )
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Product2Vec:
        """The vectors from the files of a stored version."""
        from safetensors.numpy import load

        return cls(**load(files[FILE]))


def fit_product2vec(
    baskets: Baskets, settings: Embeddings, seed: int, earlier: Product2Vec | None = None
) -> Product2Vec | None:
    """Vectors of the products that lie in enough baskets, or None where fewer than two do.

    Deterministic: one worker, and nothing depends on Python's hashes. An `earlier` fit of the same dimensions is where
    its products start from, so that the space keeps its axes from week to week.

    Raises
    ------
    ConfigurationError : gensim is not installed.
    """
    word2vec = _gensim()
    ids, counts = np.unique(baskets.product_ids, return_counts=True)
    is_known = counts >= settings.minimum_baskets
    ids, counts = ids[is_known], counts[is_known]
    if len(ids) < 2:
        return None
    order = np.lexsort((ids, -counts))
    model = word2vec(
        vector_size=settings.dimensions,
        window=settings.context_products,
        sample=settings.sampling_threshold,
        negative=settings.negative_samples,
        sg=1,
        hs=0,
        min_count=1,
        workers=1,
        seed=seed,
        hashfxn=stable_hash,
    )
    # gensim breaks ties of frequency as its sort likes, so it is given the products in an order of their own.
    model.build_vocab_from_freq(dict(zip(ids[order].tolist(), counts[order].tolist(), strict=True)))
    known = np.array(model.wv.index_to_key, dtype=np.int32)
    if earlier is not None and earlier.vectors.shape[1] == settings.dimensions:
        _start_from(model, known, earlier)
    model.train(baskets, total_examples=len(baskets), total_words=len(baskets.product_ids), epochs=settings.epochs)
    rows = np.argsort(known)[np.searchsorted(np.sort(known), ids[order])]
    return Product2Vec(
        product_ids=ids[order],
        vectors=model.wv.vectors[rows].astype(np.float32),
        context_vectors=model.syn1neg[rows].astype(np.float32),
        basket_counts=counts[order].astype(np.int32),
    )


def stable_hash(token: object) -> int:
    """A hash that is the same in every process, whatever PYTHONHASHSEED."""
    return int.from_bytes(hashlib.blake2b(str(token).encode(), digest_size=4).digest())


def fit_seed(seed: int, run_date: date) -> int:
    """A seed of its own for the fit of every run date."""
    return stable_hash(f"{seed}:{MODEL}:{run_date}") >> 1


def version_in_force(fitted: list[date], run_date: date, refit_days: int) -> date | None:
    """The newest fit not after the run date and younger than `refit_days`, if there is one."""
    young = [day for day in fitted if run_date - timedelta(days=refit_days) < day <= run_date]
    return max(young, default=None)


def is_due(fitted: list[date], run_date: date, refit_days: int) -> bool:
    """Whether the run date makes a fit: none is young enough, or it is its own that is made again."""
    return version_in_force(fitted, run_date, refit_days) in (None, run_date)


def newest_before(fitted: list[date], run_date: date) -> date | None:
    """The fit to start from."""
    return max((day for day in fitted if day < run_date), default=None)


def _start_from(model: Any, known: npt.NDArray[np.int32], earlier: Product2Vec) -> None:
    order = np.argsort(earlier.product_ids)
    place = np.searchsorted(earlier.product_ids, known, sorter=order).clip(max=len(order) - 1)
    rows = order[place]
    is_old = earlier.product_ids[rows] == known
    model.wv.vectors[is_old] = earlier.vectors[rows[is_old]]
    model.syn1neg[is_old] = earlier.context_vectors[rows[is_old]]


def _gensim() -> Any:
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise ConfigurationError(
            f"the embedding strategy needs gensim; install it with pip install '{WITH_LIBRARIES}', "
            "or leave embedding out of candidates.strategies"
        ) from error
    return Word2Vec
