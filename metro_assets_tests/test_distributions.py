"""The population stability index worked by hand; bins that never drop a row."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metro_assets import distributions
from metro_assets.distributions import (
    category_reference,
    noise_index,
    population_stability_index,
    quantile_reference,
)


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(distributions).failed == 0


def test_the_index_of_a_known_shift() -> None:
    # shares .5/.5 to .6/.4: .1 ln 1.2 + (-.1) ln .8
    assert population_stability_index([50, 50], [60, 40]) == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8))


def test_an_empty_bin_is_smoothed_not_dropped() -> None:
    # counts + .5: 100.5/101, .5/101 against 50.5/101, 50.5/101
    expected = (50.5 - 100.5) / 101 * math.log(50.5 / 100.5) + (50.5 - 0.5) / 101 * math.log(50.5 / 0.5)
    assert population_stability_index([100, 0], [50, 50]) == pytest.approx(expected)


def test_bins_are_the_reference_quantiles_and_missing_has_its_own() -> None:
    reference = quantile_reference([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, math.nan], bins=5)
    assert reference.edges == (2, 4, 6, 8)
    assert reference.counts == (2, 2, 2, 2, 2, 1)
    assert reference.counts_of([0, 100, math.nan, math.nan, 2, 2.1]).tolist() == [2, 1, 0, 0, 1, 2]


def test_a_value_that_fills_several_quantiles_gets_one_bin() -> None:
    reference = quantile_reference([0] * 90 + list(range(1, 11)), bins=10)
    assert reference.edges == (0,)
    assert reference.counts == (90, 10, 0)


def test_an_unseen_category_is_counted() -> None:
    reference = category_reference(["a", "b", "b"])
    assert reference.labels == ["a", "b", "unseen"]
    assert reference.counts_of(["b", "c", "zzz"]).tolist() == [0, 1, 2]


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=200), st.integers(2, 12))
def test_a_sample_has_no_drift_from_itself_and_loses_no_row(values: list[float], bins: int) -> None:
    reference = quantile_reference(values, bins)
    counts = reference.counts_of(values)
    assert counts.sum() == len(values) == reference.rows
    assert len(reference.labels) == len(reference.counts)
    assert population_stability_index(reference.counts, counts) == pytest.approx(0, abs=1e-12)


def test_without_drift_the_index_exceeds_its_noise_one_time_in_twenty() -> None:
    random = np.random.default_rng(3)
    reference = quantile_reference(random.normal(size=20_000), bins=10)
    samples = [reference.counts_of(random.normal(size=2_000)) for _ in range(400)]
    level = noise_index(reference.rows, 2_000, 10)
    share = np.mean([population_stability_index(reference.counts, sample) > level for sample in samples])
    assert 0.02 < share < 0.09
