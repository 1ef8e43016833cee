"""Policies beside each other, with intervals: customers and seeds resampled together for all policies.

The unit is a customer on a seed. A resample draws seeds with replacement, and customers with replacement within each
(Efron and Tibshirani 1993, chapter 8: data with a structure); differences between policies come from one resample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.evaluation.bootstrap import Floats, interval, resampled_means

PER_CUSTOMERS = 1_000


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval."""

    value: float
    lower: float
    upper: float


def per_customer(
    differences: Mapping[str, pl.DataFrame], customers: Sequence[int], column: str, policies: Sequence[str]
) -> Floats:
    """One seed's sums of a column per customer and policy, [customers, policies]; zero where nothing differs."""
    table = np.zeros((len(customers), len(policies)))
    index = np.asarray(customers)
    for place, policy in enumerate(policies):
        rows = differences[policy]
        np.add.at(table[:, place], np.searchsorted(index, rows["customer_id"].to_numpy()), rows[column].to_numpy())
    return table


def estimates(
    seeds: Sequence[Floats], samples: int, seed: int, customers: Sequence[npt.ArrayLike] | None = None
) -> list[Estimate]:
    """Mean over seeds of the mean over rows, per column, with its interval.

    Parameters
    ----------
    seeds : of each seed [rows, columns]; NaN where a row has no value.
    customers : of each seed the customer of every row; by default every row is a customer.
    """
    owners = customers or [np.arange(len(table)) for table in seeds]
    means = [
        resampled_means(table, owner, samples, seed + place)
        for place, (table, owner) in enumerate(zip(seeds, owners, strict=True))
    ]
    with np.errstate(invalid="ignore"):
        value = np.mean([_means(table) for table in seeds], axis=0)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(seeds), (samples, len(seeds)))
    stacked = np.stack(means)
    # The same seed drawn twice brings two resamples of its customers.
    resample = (np.arange(samples)[:, None] + np.arange(len(seeds))[None, :] * (samples // len(seeds))) % samples
    together = stacked[drawn, resample].mean(axis=1)
    return [Estimate(float(value[place]), *interval(together[:, place])) for place in range(together.shape[1])]


def _means(table: Floats) -> Floats:
    known = ~np.isnan(table)
    sums, counts = np.where(known, table, 0.0).sum(axis=0), known.sum(axis=0)
    means: Floats = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means
