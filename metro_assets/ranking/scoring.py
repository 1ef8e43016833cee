"""Scores of the whole pool by every algorithm, a range of customers at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.ranking.calibration import Calibration
from metro_assets.ranking.fitting import score
from metro_assets.ranking.protocol import Ranker
from metro_assets.sql import Relation, query, values
from metro_assets.vocabulary import RANKING_FEATURES

ROWS_AT_A_TIME = 1_000_000
ROWS_PER_BLOCK = 16_384
"""Columns become rows in blocks that fit the processor's cache, three times as fast as whole columns."""


def score_pool(
    rankers: Mapping[str, tuple[Ranker, Calibration]],
    interaction_features: Relation,
    customer_features: Relation,
    offer_features: Relation,
    threads: int,
) -> pl.DataFrame:
    """One row per candidate and algorithm, as `scored_candidates` has it, sorted by customer, offer and algorithm."""
    names = sorted(rankers)
    kind = pl.Enum(names)
    parts = [
        _scored(rankers, names, kind, batch, threads)
        for batch in _batches(interaction_features, customer_features, offer_features)
    ]
    if not parts:
        return _frame(kind, np.empty(0, np.int32), np.empty(0, np.int32), np.empty((0, len(names)), np.float32))
    return pl.concat(parts)


def retrieval_order(pool: Relation) -> Relation:
    """The pool as `scored_candidates` has it, where nothing could be fitted: algorithm `UNRANKED`, score 1 / place."""
    return query(__package__, "retrieval_order", pool=pool)


def _batches(interaction_features: Relation, customer_features: Relation, offer_features: Relation) -> list[Relation]:
    """Feature rows of consecutive ranges of customers, about `ROWS_AT_A_TIME` each."""
    counted = query(__package__, "pool_counts", pool=interaction_features).fetchall()
    ranges: list[tuple[int, int]] = []
    first, rows = None, 0
    for customer, count in counted:
        first = customer if first is None else first
        rows += count
        if rows >= ROWS_AT_A_TIME:
            ranges.append((first, customer))
            first, rows = None, 0
    if first is not None:
        ranges.append((first, counted[-1][0]))
    return [
        query(
            __package__,
            "pool_features",
            pool=interaction_features,
            customer_features=customer_features,
            offer_features=offer_features,
            parameters=values(first_customer=begin, last_customer=end),
        )
        for begin, end in ranges
    ]


def _scored(
    rankers: Mapping[str, tuple[Ranker, Calibration]], names: list[str], kind: pl.Enum, batch: Relation, threads: int
) -> pl.DataFrame:
    rows = batch.fetchnumpy()
    features = _row_by_row([np.ma.filled(rows[name], np.nan) for name in RANKING_FEATURES])
    scores = np.column_stack([score(*rankers[name], features, threads) for name in names])
    return _frame(kind, np.asarray(rows["customer_id"]), np.asarray(rows["offer_id"]), scores)


def _row_by_row(columns: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """The columns as a matrix whose rows lie together, [n, columns]."""
    matrix = np.empty((len(columns[0]), len(columns)), dtype=np.float32)
    for start in range(0, len(matrix), ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        for place, column in enumerate(columns):
            matrix[block, place] = column[block]
    return matrix


def _frame(
    kind: pl.Enum,
    customer: npt.NDArray[np.int32],
    offer: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
) -> pl.DataFrame:
    algorithms = scores.shape[1]
    return pl.DataFrame(
        {
            "customer_id": np.repeat(customer, algorithms),
            "offer_id": np.repeat(offer, algorithms),
            "algorithm": pl.Series(kind.categories, dtype=kind).gather(np.tile(np.arange(algorithms), len(customer))),
            "score": scores.ravel(),
        }
    )
