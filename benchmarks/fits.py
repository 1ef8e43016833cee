"""How seconds grow with a size: a power, and a start-up plus a rate; each with what the repetitions leave open.

A fit takes the median of the repetitions at every size. Its interval is the least and the most that it can become if
any one repetition stands for its size: every choice is tried. It shows the noise of the clock, not whether the shape
is right; for that there is `Line.worst_share` and the last step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

import numpy as np

SHORTEST_SECONDS = 1e-3
"""A logarithm needs something; Dagster's clock is no finer."""


@dataclass(frozen=True)
class Interval:
    """A figure, and its least and most over the repetitions."""

    value: float
    least: float
    most: float


@dataclass(frozen=True)
class Line:
    """Seconds = start-up + rate x size; `worst_share` is the largest miss at a measured size, share of its seconds."""

    startup: Interval
    rate: Interval
    worst_share: float


def exponent(sizes: Sequence[float], repetitions: Sequence[Sequence[float]]) -> Interval:
    """The power of the size with which seconds grow, by least squares on logarithms; `repetitions` are per size.

    >>> exponent([1, 2, 4], [[3, 3], [6, 6], [12, 12]])  # twice the size, twice the seconds
    Interval(value=1.0, least=1.0, most=1.0)
    >>> noisy = exponent([1, 4], [[2, 2, 2], [4, 2, 8]])  # four times the size: 2, 1, 4 times the seconds
    >>> round(noisy.value, 6), round(noisy.least, 6), round(noisy.most, 6)
    (0.5, 0.0, 1.0)
    """
    return _interval(repetitions, lambda seconds: _slope(sizes, seconds))


def last_step(repetitions: Sequence[Sequence[float]]) -> Interval:
    """Seconds at the largest size over those at the size before.

    >>> last_step([[9], [2, 2, 2], [4, 4, 5]])
    Interval(value=2.0, least=2.0, most=2.5)
    """
    return _interval(
        repetitions[-2:], lambda seconds: max(seconds[1], SHORTEST_SECONDS) / max(seconds[0], SHORTEST_SECONDS)
    )


def line(sizes: Sequence[float], repetitions: Sequence[Sequence[float]]) -> Line:
    """Start-up and rate by least squares on relative misses, so that the small sizes count as much as the large.

    >>> fitted = line([1, 2, 4], [[5], [7], [11]])  # 3 + 2 x size
    >>> round(fitted.startup.value, 6), round(fitted.rate.value, 6), round(fitted.worst_share, 6)
    (3.0, 2.0, 0.0)
    """
    startup = _interval(repetitions, lambda seconds: _coefficients(sizes, seconds)[0])
    rate = _interval(repetitions, lambda seconds: _coefficients(sizes, seconds)[1])
    middle = [median(one) for one in repetitions]
    misses = (
        abs(startup.value + rate.value * size - seconds) / max(seconds, SHORTEST_SECONDS)
        for size, seconds in zip(sizes, middle, strict=True)
    )
    return Line(startup, rate, max(misses))


def _interval(repetitions: Sequence[Sequence[float]], figure: Callable[[Sequence[float]], float]) -> Interval:
    possible = [figure(choice) for choice in product(*repetitions)]
    return Interval(figure([median(one) for one in repetitions]), min(possible), max(possible))


def _slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    steps = np.log(sizes) - np.log(sizes).mean()
    return float(steps @ np.log(np.maximum(seconds, SHORTEST_SECONDS)) / (steps @ steps))


def _coefficients(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    weights = 1 / np.maximum(seconds, SHORTEST_SECONDS)
    design = np.column_stack([np.ones(len(sizes)), sizes])
    (startup, rate), *_ = np.linalg.lstsq(design * weights[:, None], np.asarray(seconds) * weights)
    return float(startup), float(rate)
