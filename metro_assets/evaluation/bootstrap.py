"""Bootstrap intervals over customers: lists of one customer stay together, all algorithms see the same resamples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RESAMPLES_AT_A_TIME = 50


def resampled_means(values: Floats, customer_id: npt.ArrayLike, samples: int, seed: int) -> Floats:
    """Means of every column in each resample of the customers, [samples, columns].

    Parameters
    ----------
    values : [lists, columns], NaN where a list has no value.
    customer_id : [lists]; customers are drawn with replacement, with all of their lists (Efron and Tibshirani 1993).
    """
    customers, group = np.unique(np.asarray(customer_id), return_inverse=True)
    known = ~np.isnan(values)
    sums = np.zeros((len(customers), values.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, group, np.where(known, values, 0.0))
    np.add.at(counts, group, known)
    generator = np.random.default_rng(seed)
    means = np.empty((samples, values.shape[1]))
    for start in range(0, samples, RESAMPLES_AT_A_TIME):
        size = min(RESAMPLES_AT_A_TIME, samples - start)
        drawn = generator.integers(0, len(customers), (size, len(customers)))
        times = np.stack([np.bincount(row, minlength=len(customers)) for row in drawn]).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[start : start + size] = (times @ sums) / (times @ counts)
    return means


def interval(means: Floats, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of one column of resampled means; NaN where nothing was known."""
    known = means[~np.isnan(means)]
    if not len(known):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    return float(np.quantile(known, tail)), float(np.quantile(known, 1 - tail))
