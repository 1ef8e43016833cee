"""Baskets to learn from: a bounded sample of what was known before a run date, held as two arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from metro_assets.config import Embeddings
from metro_assets.sql import Relation, query, values

BATCH_BASKETS = 50_000


@dataclass(frozen=True)
class Baskets:
    """Baskets one after the other; iterating gives the product ids of each as a list."""

    product_ids: npt.NDArray[np.int32]
    """Products of all baskets, [lines]."""
    ends: npt.NDArray[np.int64]
    """Where each basket ends among them, [baskets]."""

    def __len__(self) -> int:
        """Number of baskets."""
        return len(self.ends)

    def __iter__(self) -> Iterator[list[int]]:
        """Product ids of one basket after another."""
        start = 0
        for end in self.ends.tolist():
            yield self.product_ids[start:end].tolist()
            start = end


def sample_baskets(orders: Relation, order_items: Relation, run_date: date, settings: Embeddings, seed: int) -> Baskets:
    """At most `maximum_baskets` of the window before the run date, in an order that the seed gives."""
    parameters = values(
        run_date=run_date,
        first_date=run_date - timedelta(days=settings.window_days),
        maximum_baskets=settings.maximum_baskets,
        seed=seed,
    )
    sampled = query(__package__, "sampled_baskets", orders=orders, order_items=order_items, parameters=parameters)
    lists = [batch.column(0) for batch in sampled.to_arrow_reader(BATCH_BASKETS)]
    empty = np.empty(0, dtype=np.int32)
    sizes = [np.diff(part.offsets.to_numpy()) for part in lists]
    return Baskets(
        product_ids=np.concatenate([empty, *(part.flatten().to_numpy() for part in lists)]),
        ends=np.cumsum(np.concatenate([empty, *sizes]), dtype=np.int64),
    )
