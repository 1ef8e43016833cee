"""The embedding study's own arithmetic: pools cut to one size, held-out baskets, classes that are there or not."""

import numpy as np
import polars as pl
import pytest

from metro_assets.embeddings.baskets import Baskets
from metro_assets.embeddings.product2vec import Product2Vec
from metro_assets.studies.embeddings.clusters import class_quality
from metro_assets.studies.embeddings.held_out import recalls
from metro_assets.studies.embeddings.retrieval import RANKS, cut_to


def candidate(customer_id: int, offer_id: int, **ranks: int) -> dict[str, int | None]:
    return {"customer_id": customer_id, "offer_id": offer_id} | {name: ranks.get(name) for name in RANKS}


def test_a_pool_is_cut_to_the_size_of_another_in_the_order_of_the_cap() -> None:
    five = pl.DataFrame(
        [
            candidate(1, 10, repeat_purchase_rank=3, high_margin_rank=1),
            candidate(1, 11, embedding_rank=1),
            candidate(1, 12, repeat_purchase_rank=2),
            candidate(2, 13, embedding_rank=9),
            candidate(3, 14, embedding_rank=1),
        ],
        schema_overrides=dict.fromkeys(RANKS, pl.Int16),
    )
    sizes = pl.DataFrame({"customer_id": [1, 1, 2], "offer_id": [10, 12, 99]})
    # best rank 1 twice: offer 11 with a sum of 1 before offer 10 with 4; nobody of the other pool is customer 3
    assert cut_to(five, sizes).select("customer_id", "offer_id").rows() == [(1, 11), (1, 10), (2, 13)]


def test_recall_of_held_out_baskets_by_hand() -> None:
    # 30 products; those of a basket point the same way, so the in-out product finds all of its second half
    ids = np.arange(30, dtype=np.int32)
    axis = np.eye(2, dtype=np.float32)[(ids >= 22).astype(int)]
    fitted = Product2Vec(ids, axis, axis, np.where(ids >= 22, 1, 100).astype(np.int32))
    held = Baskets(np.arange(22, 30, dtype=np.int32), np.array([8]))
    found = recalls(fitted, held)
    assert found["in_out"] == 1
    assert found["popularity"] == 0


@pytest.mark.parametrize(("spread", "low", "high"), [(0.05, 0.95, 1.0), (50.0, 0.0, 0.3)])
def test_classes_are_found_where_they_are_and_not_where_they_are_not(spread: float, low: float, high: float) -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(["a", "b", "c"], 40)
    points = np.repeat(np.eye(3), 40, axis=0) + spread * random.normal(size=(120, 3))
    units = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    quality = class_quality(units, np.append(labels[:-1], "alone"), seed=1)
    assert low <= quality["nmi"] <= high
    assert quality["classes"] == 3
    assert quality["rows"] == 119
