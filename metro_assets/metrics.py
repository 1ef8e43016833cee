"""How good an order is: ranking metrics per list, AUC, calibration. Pure functions of NumPy arrays that stages share.

Relevance is 0 or 1. Ties are broken by the item's id, ascending, so that no metric depends on the order of rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class ListMetrics(NamedTuple):
    """Metrics of every list, arrays [lists] in ascending order of the list's id; NaN where a metric is undefined."""

    list_id: Integers
    relevant: Integers
    ndcg: Floats
    precision: Floats
    recall: Floats
    reciprocal_rank: Floats
    auc: Floats


def ranks_within_lists(list_id: npt.ArrayLike, score: npt.ArrayLike, item_id: npt.ArrayLike) -> Integers:
    """Rank of every row in its list, 1 for the highest score; ties by item id.

    >>> ranks_within_lists([7, 7, 7, 8], [0.1, 0.9, 0.9, 0.5], [3, 2, 1, 5]).tolist()
    [3, 2, 1, 1]
    """
    lists = np.asarray(list_id)
    order = _ranked(lists, np.asarray(score, dtype=np.float64), np.asarray(item_id))
    ranks = np.empty(len(lists), dtype=np.int64)
    ranks[order] = _place_in_run(lists[order])
    return ranks


def list_metrics(
    list_id: npt.ArrayLike, label: npt.ArrayLike, score: npt.ArrayLike, item_id: npt.ArrayLike, cutoff: int
) -> ListMetrics:
    """NDCG@k, precision@k, recall@k, reciprocal rank and AUC of every list.

    DCG = sum of label / log2(1 + rank) over the first k ranks (Järvelin and Kekäläinen 2002); the ideal has
    min(k, relevant) ones. The reciprocal rank looks at the whole list.

    >>> metrics = list_metrics([1, 1, 1], [0, 1, 0], [0.9, 0.5, 0.1], [1, 2, 3], cutoff=10)
    >>> round(float(metrics.ndcg[0]), 4), float(metrics.reciprocal_rank[0]), float(metrics.auc[0])
    (0.6309, 0.5, 0.5)
    """
    lists, labels = np.asarray(list_id, dtype=np.int64), np.asarray(label, dtype=np.float64)
    if not len(lists):
        empty = np.empty(0)
        return ListMetrics(np.empty(0, np.int64), np.empty(0, np.int64), empty, empty, empty, empty, empty)
    order = _ranked(lists, np.asarray(score, dtype=np.float64), np.asarray(item_id))
    lists, labels, scores = lists[order], labels[order], np.asarray(score, dtype=np.float64)[order]
    rank = _place_in_run(lists)
    group = np.cumsum(np.diff(lists, prepend=lists[0]) != 0)
    identifier = lists[rank == 1]
    count = len(identifier)
    relevant = np.bincount(group, labels, minlength=count)
    in_top = (rank <= cutoff) * labels
    hits = np.bincount(group, in_top, minlength=count)
    gain = np.bincount(group, in_top / np.log2(1.0 + rank), minlength=count)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(1.0 + np.arange(1, cutoff + 1)))])
    ideal_gain = ideal[np.minimum(relevant, cutoff).astype(np.int64)]
    first = np.full(count, np.inf)
    np.minimum.at(first, group[labels > 0], rank[labels > 0].astype(np.float64))
    none = np.full(count, np.nan)
    return ListMetrics(
        list_id=identifier,
        relevant=relevant.astype(np.int64),
        ndcg=np.divide(gain, ideal_gain, out=none.copy(), where=relevant > 0),
        precision=hits / cutoff,
        recall=np.divide(hits, relevant, out=none.copy(), where=relevant > 0),
        reciprocal_rank=np.where(relevant > 0, 1.0 / first, np.nan),
        auc=_auc_of_lists(group, rank, labels, scores, np.asarray(relevant, dtype=np.float64)),
    )


def auc(label: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Probability that a redeemed row scores above one that is not, ties half; NaN if a class is absent.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    labels = np.asarray(label, dtype=bool)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return float("nan")
    from scipy.stats import rankdata  # half a second, which every command that loads the definitions would pay

    ranks = rankdata(np.asarray(score))
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def expected_calibration_error(label: npt.ArrayLike, probability: npt.ArrayLike, bins: int = 10) -> float:
    """Mean distance between predicted and observed rate over bins of equal size, weighted by their rows.

    >>> expected_calibration_error([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], bins=1)
    0.0
    """
    table = reliability(label, probability, bins)
    rows = table[:, 2]
    return float((np.abs(table[:, 0] - table[:, 1]) * rows).sum() / max(rows.sum(), 1.0))


def reliability(label: npt.ArrayLike, probability: npt.ArrayLike, bins: int = 10) -> Floats:
    """Mean prediction, observed rate and rows per bin of equal size, [bins, 3], lowest predictions first."""
    predicted, labels = np.asarray(probability, dtype=np.float64), np.asarray(label, dtype=np.float64)
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    rows = [[predicted[part].mean(), labels[part].mean(), len(part)] for part in parts]
    table: Floats = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return table


def _ranked(lists: Integers, score: Floats, item_id: npt.NDArray[np.generic]) -> Integers:
    """Places of the rows by list, falling score and item."""
    return np.lexsort((item_id, -score, lists))


def _place_in_run(ordered: npt.NDArray[np.generic]) -> Integers:
    """Place of every row among those of equal value before and after it, from 1."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else np.empty(0, int)
    sizes = np.diff(np.append(starts, len(ordered)))
    return np.arange(len(ordered)) - np.repeat(starts, sizes) + 1


def _auc_of_lists(group: Integers, rank: Integers, labels: Floats, score: Floats, relevant: Floats) -> Floats:
    """Tie-aware AUC inside every list that has both classes, NaN elsewhere; rows by list and falling score."""
    is_new = np.ones(len(group), dtype=bool)
    is_new[1:] = (np.diff(group) != 0) | (np.diff(score) != 0)
    tie = np.cumsum(is_new) - 1
    middle = (np.bincount(tie, rank) / np.bincount(tie))[tie]
    size = np.bincount(group, minlength=len(relevant))
    from_below = size[group] + 1 - middle
    rank_sum = np.bincount(group, from_below * labels, minlength=len(relevant))
    pairs = relevant * (size - relevant)
    wins = rank_sum - relevant * (relevant + 1) / 2
    inside: Floats = np.divide(wins, pairs, out=np.full(len(relevant), np.nan), where=pairs > 0)
    return inside
