"""The Thompson policy: every customer's slate is the best under one draw of what the posterior leaves open.

Thompson (1933) shows an offer as often as it is the best for all that is known. Here each customer has M draws of the
log odds of every candidate, so M slates, and is served one of them, each with probability 1 / M. The policy is that
mixture, so the propensity of an offer is a count: the share of the M slates that hold it. Draws are hashes of customer,
offer and run date: whoever asks again gets the same slates.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import logit

from metro_assets.config import Selection
from metro_assets.draws import normal, uniform
from metro_assets.sql import Relation
from metro_assets.vocabulary import UNKNOWN, Algorithm

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
CELLS_AT_A_TIME = 250_000
"""Draws of a block of customers (customers x slates x candidates): two megabytes, what a core keeps near."""
NO_OFFER = -1
SCHEMA = pl.Schema(
    {
        "customer_id": pl.Int32(),
        "algorithm": pl.String(),
        "rank": pl.Int8(),
        "offer_id": pl.Int32(),
        "score": pl.Float32(),
        "propensity": pl.Float64(),
        "is_explored": pl.Boolean(),
    }
)


@dataclass(frozen=True)
class Block:
    """Some customers and their eligible offers, arrays [customers, candidates] whose rows are filled up on the right.

    The offers of a customer ascend, so that the first of equal values has the smallest id.
    """

    customer_id: Integers
    """[customers]"""
    offer_id: Integers
    score: npt.NDArray[np.float32]
    category: Integers
    """Code of the category; `uncapped` is the highest code, of a category that is not known."""
    log_odds: Floats
    """Of the posterior's mean; -inf where a row has no further offer."""
    log_odds_sd: Floats
    uncapped: int


def choose_by_sampling(
    eligible: Relation, run_date: date, settings: Selection, seed: int, threads: int
) -> pl.DataFrame:
    """One row per customer, algorithm and rank: offer_id, score, propensity, and whether the mean's slate lacks it.

    Within a slate the order is that of the posterior's mean: chance decides what is shown, not where.

    Parameters
    ----------
    eligible : customer_id, offer_id, score, log_odds_sd and category of every pair that no rule forbids.
    """
    rows = eligible.select("customer_id, offer_id, score, log_odds_sd, category").pl()
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    blocks = list(_blocks(rows, settings.sampled_slates))
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda block: _served(block, run_date, settings, seed), blocks))
    served = pl.concat(parts).with_columns(algorithm=pl.lit(str(Algorithm.THOMPSON)))
    return served.select(list(SCHEMA)).cast(SCHEMA).sort("customer_id", "rank")


def greedy_slates(
    values: Floats, category: Integers, uncapped: int, settings: Selection, within: Flags | None = None
) -> Integers:
    """Columns of the best values of every slate under the cap per category, [customers, slates, slate_size].

    -1 where nothing is left. If `within` is given, at most `exploration_budget` offers outside it are taken: the places
    that are left go to the best of those within. A slate does not get shorter by that: an offer from outside bars at
    most one from within.

    Parameters
    ----------
    values : [customers, slates, candidates], overwritten; -inf is no candidate; of equal values the first is better.
    category : [customers, candidates]; `uncapped` is the code that has no cap.
    within : [customers, candidates], the offers of a greedy slate of each customer.
    """
    customers, slates, width = values.shape
    flat = values.reshape(customers * slates, width)
    owner, row = np.repeat(np.arange(customers), slates), np.arange(customers * slates)
    caps = np.full(uncapped + 1, settings.maximum_per_category)
    caps[uncapped] = settings.slate_size
    taken = np.zeros((len(flat), uncapped + 1), dtype=np.int64)
    budget = np.full(len(flat), settings.exploration_budget)
    picked = np.full((len(flat), settings.slate_size), NO_OFFER)
    barred = row if within is not None and not settings.exploration_budget else row[:0]
    for place in range(settings.slate_size):
        if within is not None:
            flat[barred] = np.where(within[owner[barred]], flat[barred], -np.inf)
        best = flat.argmax(axis=1)
        found = flat[row, best] > -np.inf
        picked[found, place] = best[found]
        flat[row, best] = -np.inf
        kind = category[owner, best]
        taken[row, kind] += found
        full = np.flatnonzero(found & (taken[row, kind] == caps[kind]))
        flat[full] = np.where(category[owner[full]] == kind[full, None], -np.inf, flat[full])
        if within is not None:
            is_outside = found & ~within[owner, best]
            budget -= is_outside
            barred = np.flatnonzero(is_outside & (budget == 0))
    return picked.reshape(customers, slates, settings.slate_size)


def mixture(block: Block, run_date: date, settings: Selection, seed: int) -> tuple[Integers, Integers]:
    """The slate of the mean, [customers, slate_size], and the M slates of the policy, [customers, M, slate_size]."""
    mean = greedy_slates(block.log_odds[:, None, :].copy(), block.category, block.uncapped, settings)
    within = inclusion_counts(mean, block.offer_id.shape[1]) > 0
    values = normal(
        seed,
        "thompson",
        block.customer_id[:, None, None],
        block.offer_id[:, None, :],
        run_date.toordinal(),
        np.arange(settings.sampled_slates)[None, :, None],
    )
    values *= block.log_odds_sd[:, None, :]
    values += block.log_odds[:, None, :]
    return mean[:, 0], greedy_slates(values, block.category, block.uncapped, settings, within)


def inclusion_counts(picked: Integers, width: int) -> Integers:
    """In how many slates of its customer each candidate stands, [customers, width]; slates as of `greedy_slates`."""
    customers, slates, places = picked.shape
    # One column more than there are candidates: an empty place, -1, counts there.
    cell = np.repeat(np.arange(customers), slates * places) * (width + 1) + picked.ravel() % (width + 1)
    counts = np.bincount(cell, minlength=customers * (width + 1)).reshape(customers, width + 1)
    return counts[:, :width]


def _served(block: Block, run_date: date, settings: Selection, seed: int) -> pl.DataFrame:
    """The slates that the customers of a block get: of each, the one that the hash of the day points to."""
    mean, slates = mixture(block, run_date, settings, seed)
    customers, width = block.offer_id.shape
    propensity = inclusion_counts(slates, width) / settings.sampled_slates
    within = inclusion_counts(mean[:, None, :], width) > 0
    chance = uniform(seed, "thompson served", block.customer_id, run_date.toordinal())
    slate = slates[np.arange(customers), (chance * settings.sampled_slates).astype(np.int64)]
    row, place = np.nonzero(slate != NO_OFFER)
    column = slate[row, place]
    order = np.lexsort((column, -block.log_odds[row, column], row))
    row, column = row[order], column[order]
    return pl.DataFrame(
        {
            "customer_id": block.customer_id[row],
            # Empty places are the last of a slate, so that the places stay those of the sorted rows.
            "rank": place + 1,
            "offer_id": block.offer_id[row, column],
            "score": block.score[row, column],
            "propensity": propensity[row, column],
            "is_explored": ~within[row, column],
        }
    )


def _blocks(rows: pl.DataFrame, sampled_slates: int) -> Iterator[Block]:
    """Blocks of customers with about the same number of candidates, so that little is filled up."""
    ordered = (
        rows.with_columns(candidates=pl.len().over("customer_id"))
        .sort("candidates", "customer_id", "offer_id")
        .with_columns(log_odds=pl.col("score").cast(pl.Float64), category=pl.col("category").replace(UNKNOWN, None))
    )
    kinds = ordered["category"].drop_nulls().unique().sort()
    uncapped = len(kinds)
    codes = ordered["category"].cast(pl.Enum(kinds)).to_physical().fill_null(uncapped).cast(pl.Int64).to_numpy()
    probability = ordered["score"].cast(pl.Float64).to_numpy()
    log_odds = logit(np.clip(probability, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg))
    columns: dict[str, tuple[npt.NDArray[Any], float]] = {
        "offer_id": (ordered["offer_id"].cast(pl.Int64).to_numpy(), 0),
        "score": (ordered["score"].to_numpy(), 0.0),
        "category": (codes, uncapped),
        "log_odds": (log_odds, -np.inf),
        "log_odds_sd": (ordered["log_odds_sd"].cast(pl.Float64).to_numpy(), 0.0),
    }
    customer = ordered["customer_id"].cast(pl.Int64).to_numpy()
    starts = np.flatnonzero(np.diff(customer, prepend=customer[0] - 1))
    sizes = np.diff(np.append(starts, len(customer)))
    first = 0
    while first < len(starts):
        # Sizes ascend: a block as wide as its last customer, no more cells than are handled at a time.
        cells = sizes[first:] * np.arange(1, len(starts) - first + 1) * sampled_slates
        last = first + max(int(np.searchsorted(cells, CELLS_AT_A_TIME, side="right")), 1)
        own = sizes[first:last]
        row = np.repeat(np.arange(last - first), own)
        span = slice(starts[first], starts[first] + own.sum())
        place = np.arange(own.sum()) - np.repeat(starts[first:last] - starts[first], own)
        filled = {}
        for name, (column, filler) in columns.items():
            filled[name] = np.full((last - first, own.max()), filler, dtype=column.dtype)
            filled[name][row, place] = column[span]
        yield Block(customer_id=customer[starts[first:last]], uncapped=uncapped, **filled)
        first = last
