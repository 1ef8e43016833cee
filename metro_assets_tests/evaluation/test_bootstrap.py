"""Intervals over customers: what is drawn together, what they cover, what they are where nothing is known."""

import numpy as np
import pytest

from metro_assets.evaluation.bootstrap import RESAMPLES_AT_A_TIME, interval, resampled_means


def column(*values: float) -> np.ndarray:
    return np.array(values).reshape(-1, 1)


def test_lists_of_one_customer_are_drawn_together() -> None:
    # customer 7 has three lists of 0, customer 9 one of 1: two draws give 7 7, 9 9, or one of each
    means = resampled_means(column(0, 1, 0, 0), [7, 9, 7, 7], samples=400, seed=1)[:, 0]
    assert set(means) == {0.0, 1.0, 1 / 4}
    # one of each comes half of the time
    assert (means == 1 / 4).mean() == pytest.approx(1 / 2, abs=0.08)


def test_all_columns_see_the_same_resamples() -> None:
    values = np.random.default_rng(1).random((30, 1))
    means = resampled_means(np.hstack([values, values + 0.25]), np.arange(30), samples=100, seed=2)
    assert means[:, 1] - means[:, 0] == pytest.approx(np.full(100, 0.25))


def test_a_list_without_a_value_counts_in_no_mean() -> None:
    means = resampled_means(column(0.5, np.nan, 0.5), [1, 1, 2], samples=50, seed=1)
    assert set(means[:, 0]) == {0.5}
    nothing = resampled_means(column(np.nan, np.nan), [1, 2], samples=50, seed=1)
    assert np.isnan(nothing).all()
    assert all(np.isnan(interval(nothing[:, 0])))


def test_one_customer_is_an_interval_without_width() -> None:
    assert interval(resampled_means(column(0.2, 0.6), [5, 5], samples=20, seed=1)[:, 0]) == pytest.approx((0.4, 0.4))


def test_a_seed_gives_the_same_means_however_many_are_asked() -> None:
    values = np.random.default_rng(1).random((20, 2))
    first = resampled_means(values, np.arange(20), samples=RESAMPLES_AT_A_TIME, seed=3)
    more = resampled_means(values, np.arange(20), samples=RESAMPLES_AT_A_TIME + 7, seed=3)
    np.testing.assert_array_equal(first, more[:RESAMPLES_AT_A_TIME])
    assert not np.array_equal(first, resampled_means(values, np.arange(20), samples=RESAMPLES_AT_A_TIME, seed=4))


def test_the_interval_by_hand() -> None:
    assert interval(np.arange(101.0)) == pytest.approx((2.5, 97.5))
    assert interval(np.array([1.0, np.nan, 1.0])) == (1.0, 1.0)
    assert interval(np.arange(101.0), level=0.5) == pytest.approx((25, 75))


def test_the_interval_holds_the_truth_nineteen_times_in_twenty_also_with_many_lists_of_a_customer() -> None:
    random = np.random.default_rng(4)
    customer = np.repeat(np.arange(80), 4)
    covered = 0
    for seed in range(150):
        # lists of a customer are alike: an interval over lists would be too narrow
        values = (random.random(80) < 0.3)[customer] * 0.9 + 0.1 * (random.random(len(customer)) < 0.3)
        low, high = interval(resampled_means(values.reshape(-1, 1), customer, samples=200, seed=seed)[:, 0])
        covered += low <= 0.3 <= high
    assert 0.88 < covered / 150 < 0.99
