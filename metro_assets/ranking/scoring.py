"""Scores of the whole pool by every algorithm, a range of customers at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.ranking.protocol import Scored, Scorer
from metro_assets.sql import Relation, query, values

ROWS_AT_A_TIME = 1_000_000
ROWS_PER_BLOCK = 16_384
"""Columns become rows in blocks that fit the processor's cache, three times as fast as whole columns."""


def score_pool(
    scorers: Mapping[str, Scorer],
    interaction_features: Relation,
    customer_features: Relation,
    offer_features: Relation,
    threads: int,
) -> pl.DataFrame:
    """One row per candidate and algorithm, as `scored_candidates` has it, sorted by customer, offer and algorithm.

    Parameters
    ----------
    interaction_features, customer_features, offer_features : together they have every column that a scorer reads.
    """
    names = sorted(scorers)
    kind = pl.Enum(names)
    columns = list(dict.fromkeys(column for name in names for column in scorers[name].feature_names))
    parts = [
        _scored([scorers[name] for name in names], kind, columns, batch, threads)
        for batch in _batches(interaction_features, customer_features, offer_features, columns)
    ]
    if not parts:
        nothing = np.empty(0, np.float32)
        return _frame(kind, np.empty(0, np.int32), np.empty(0, np.int32), [Scored(nothing) for _ in names])
    return pl.concat(parts)


def with_margins(interaction_features: Relation, candidate_margins: Relation) -> Relation:
    """Features of candidates with the units and margins of a purchase, `vocabulary.MARGIN_FEATURES`."""
    return query(__package__, "with_margins", pairs=interaction_features, margins=candidate_margins)


def retrieval_order(pool: Relation) -> Relation:
    """The pool as `scored_candidates` has it, where nothing could be fitted: algorithm `UNRANKED`, score 1 / place."""
    return query(__package__, "retrieval_order", pool=pool)


def _batches(
    interaction_features: Relation, customer_features: Relation, offer_features: Relation, columns: Sequence[str]
) -> list[Relation]:
    """Feature rows of consecutive ranges of customers, about `ROWS_AT_A_TIME` each, with the columns."""
    wanted = [duckdb.ColumnExpression(name).cast("float").alias(name) for name in columns]
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
        ).select("customer_id", "offer_id", *wanted)
        for begin, end in ranges
    ]


def _scored(
    scorers: Sequence[Scorer], kind: pl.Enum, columns: Sequence[str], batch: Relation, threads: int
) -> pl.DataFrame:
    rows = batch.fetchnumpy()
    known = {name: np.ma.filled(rows[name], np.nan) for name in columns}
    matrices: dict[tuple[str, ...], npt.NDArray[np.float32]] = {}
    parts = []
    for scorer in scorers:
        names = scorer.feature_names
        if names not in matrices:
            matrices[names] = _row_by_row([known[name] for name in names])
        parts.append(scorer.scored(matrices[names], threads))
    return _frame(kind, np.asarray(rows["customer_id"]), np.asarray(rows["offer_id"]), parts)


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
    parts: Sequence[Scored],
) -> pl.DataFrame:
    algorithms = len(parts)
    return pl.DataFrame(
        {
            "customer_id": np.repeat(customer, algorithms),
            "offer_id": np.repeat(offer, algorithms),
            "algorithm": pl.Series(kind.categories, dtype=kind).gather(np.tile(np.arange(algorithms), len(customer))),
            "score": np.column_stack([part.score for part in parts]).ravel(),
            "value_ron": _interleaved([part.value_ron for part in parts], len(customer)),
            "log_odds_sd": _interleaved([part.log_odds_sd for part in parts], len(customer)),
        }
    )


def _interleaved(columns: Sequence[npt.NDArray[np.float32] | None], rows: int) -> pl.Series:
    """The columns row by row in one, null where an algorithm has none or a row is unknown."""
    if all(column is None for column in columns):
        return pl.Series([None], dtype=pl.Float32).new_from_index(0, rows * len(columns))
    unknown = np.full(rows, np.nan, dtype=np.float32)
    return pl.Series(np.column_stack([unknown if column is None else column for column in columns]).ravel()).fill_nan(
        None
    )
