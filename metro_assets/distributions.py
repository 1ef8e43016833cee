"""Reference distributions and how far a sample has drifted from one: for what stores a reference and what compares.

The population stability index is the sum over bins of (current - reference) * ln(current / reference) (Siddiqi 2006),
in nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

Floats = npt.NDArray[np.float64]
MISSING, UNSEEN = "missing", "unseen"
SMOOTHING = 0.5
"""Added to every bin's count, so that an empty bin counts as half a row instead of nothing."""


@dataclass(frozen=True)
class Reference:
    """A frozen binning of one quantity and its counts: open-ended quantile bins or categories, then a last extra bin.

    The extra bin is for missing values of a number, for unseen values of a category.
    """

    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: tuple[float, ...]

    @property
    def labels(self) -> list[str]:
        """Names of the bins."""
        if self.categories:
            return [*self.categories, UNSEEN]
        bounds = [f"{edge:.6g}" for edge in self.edges]
        inside = [f"{low} to {high}" for low, high in pairwise(bounds)]
        numbers = [f"up to {bounds[0]}", *inside, f"above {bounds[-1]}"] if bounds else ["any"]
        return [*numbers, MISSING]

    @property
    def rows(self) -> float:
        """Rows of the reference, weights summed."""
        return float(sum(self.counts))

    def counts_of(self, values: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Floats:
        """Rows of a sample per bin, weights summed."""
        if self.categories:
            names = np.asarray(values).astype(str)
            place = np.array([*self.categories, UNSEEN])
            found = np.searchsorted(place[:-1], names)
            found = np.where(place[np.minimum(found, len(place) - 2)] == names, found, len(place) - 1)
        else:
            numbers = np.asarray(values, dtype=np.float64)
            found = np.searchsorted(np.array(self.edges), numbers, side="left")
            found = np.where(np.isnan(numbers), len(self.edges) + 1, found)
        weights = None if weight is None else np.asarray(weight, dtype=np.float64)
        return np.bincount(found, weights, minlength=len(self.counts)).astype(np.float64)


def quantile_reference(values: npt.ArrayLike, bins: int, weight: npt.ArrayLike | None = None) -> Reference:
    """Bins at the distinct quantiles of the values; a value that fills several quantiles gets one bin of its own."""
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    edges: tuple[float, ...] = ()
    if len(known):
        inner = np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf")
        edges = tuple(float(edge) for edge in np.unique(inner) if edge < known.max())
    return _counted(Reference(edges, (), (0.0,) * (len(edges) + 2)), numbers, weight)


def category_reference(values: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Reference:
    """One bin per value that occurs, and one for values that do not."""
    names = np.asarray(values).astype(str)
    categories = tuple(str(name) for name in np.unique(names))
    return _counted(Reference((), categories, (0.0,) * (len(categories) + 1)), names, weight)


def population_stability_index(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Index between two arrays of counts over the same bins, nats; empty bins are smoothed, those empty in both left.

    >>> round(population_stability_index([50, 50], [50, 50]), 6)
    0.0
    """
    before, now = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    present = (before > 0) | (now > 0)
    shares = [_smoothed(counts[present]) for counts in (before, now)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def noise_index(reference_rows: float, current_rows: float, bins: int, level: float = 0.95) -> float:
    """The index that two samples without drift exceed with probability 1 - level.

    Without drift, index / (1/n + 1/m) is about chi-squared with bins - 1 degrees of freedom (Yurdakul 2018).
    """
    if bins < 2 or min(reference_rows, current_rows) <= 0:
        return 0.0
    return float((1 / reference_rows + 1 / current_rows) * chdtri(bins - 1, 1 - level))


def _counted(empty: Reference, values: npt.ArrayLike, weight: npt.ArrayLike | None) -> Reference:
    counts = empty.counts_of(values, weight)
    return Reference(empty.edges, empty.categories, tuple(float(count) for count in counts))


def _smoothed(counts: Floats) -> Floats:
    """Shares; only where a bin is empty is every bin smoothed, so that full bins give the textbook index."""
    smoothed = counts if (counts > 0).all() else counts + SMOOTHING
    shares: Floats = smoothed / smoothed.sum()
    return shares
