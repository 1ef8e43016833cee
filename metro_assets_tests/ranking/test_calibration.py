"""Platt's sigmoid: what was bent is straightened, the order is kept, one class changes nothing."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from metro_assets.metrics import expected_calibration_error
from metro_assets.ranking.calibration import FILE, Calibration, fit_calibration, load_calibration


def drawn(seed: int, slope: float, intercept: float, rows: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """Log odds, and labels whose true chance is sigmoid(slope * log odds + intercept)."""
    random = np.random.default_rng(seed)
    log_odds = random.normal(-1.0, 1.5, rows)
    return log_odds, (random.random(rows) < expit(slope * log_odds + intercept)).astype(np.int8)


def ones(label: np.ndarray) -> np.ndarray:
    return np.ones(len(label), dtype=np.float32)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -1.0), (2.0, 0.7)])
def test_a_planted_slope_and_intercept_are_recovered(slope: float, intercept: float) -> None:
    log_odds, label = drawn(1, slope, intercept)
    found = fit_calibration(log_odds, label, ones(label))
    assert found.slope == pytest.approx(slope, rel=0.05)
    assert found.intercept == pytest.approx(intercept, abs=0.05)


def test_calibrated_probabilities_are_right_on_fresh_rows_where_raw_ones_are_not() -> None:
    log_odds, label = drawn(1, 0.5, -1.0)
    found = fit_calibration(log_odds, label, ones(label))
    fresh, outcome = drawn(2, 0.5, -1.0)
    assert expected_calibration_error(outcome, expit(fresh)) > 0.05
    assert expected_calibration_error(outcome, found.probability(fresh)) < 0.01


def test_two_groups_by_hand() -> None:
    # of the rows at -1 one in four is redeemed, of those at +1 three in four: slope ln 3, no intercept
    log_odds = np.repeat([-1.0, 1.0], 4)
    label = np.array([1, 0, 0, 0, 1, 1, 1, 0], dtype=np.int8)
    found = fit_calibration(log_odds, label, ones(label))
    assert found.slope == pytest.approx(np.log(3), abs=1e-3)
    assert found.intercept == pytest.approx(0.0, abs=1e-3)
    assert found.probability(np.array([1.0]))[0] == pytest.approx(3 / 4, abs=1e-3)


def test_a_row_that_stands_for_three_counts_three_times() -> None:
    log_odds, label = np.repeat([-1.0, 1.0], 2), np.array([1, 0, 1, 0], dtype=np.int8)
    weight = np.array([1, 3, 3, 1], dtype=np.float32)
    found = fit_calibration(log_odds, label, weight)
    assert found.slope == pytest.approx(np.log(3), abs=1e-3)
    assert found.intercept == pytest.approx(0.0, abs=1e-3)


def test_scores_that_are_all_the_same_become_the_rate() -> None:
    label = np.array([1, 0, 0, 0, 0], dtype=np.int8)
    found = fit_calibration(np.zeros(5), label, ones(label))
    assert found.intercept == pytest.approx(logit(1 / 5), abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_the_order_is_kept_even_where_the_labels_say_the_opposite(seed: int) -> None:
    random = np.random.default_rng(seed)
    log_odds = np.sort(random.normal(size=60))
    label = (random.random(60) < expit(-log_odds)).astype(np.int8)
    probability = fit_calibration(log_odds, label, ones(label)).probability(log_odds)
    assert (np.diff(probability) >= 0).all()
    assert ((probability > 0) & (probability < 1)).all()


@pytest.mark.parametrize("label", [[0, 0, 0], [1, 1, 1], []])
def test_one_class_or_none_changes_nothing(label: list[int]) -> None:
    labels = np.array(label, dtype=np.int8)
    assert fit_calibration(np.linspace(-1, 1, len(label)), labels, ones(labels)) == Calibration(1.0, 0.0)


def test_it_is_kept_as_readable_numbers() -> None:
    kept = Calibration(0.1, -2 / 3)
    assert load_calibration(kept.save()) == kept
    assert json.loads(kept.save()[FILE]) == {"slope": 0.1, "intercept": -2 / 3}
