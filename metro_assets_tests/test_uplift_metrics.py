"""Qini and AUUC by hand, at chance without an effect, and indifferent to what must not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metro_assets.uplift_metrics import (
    Order,
    Trial,
    auuc,
    excess_gain,
    qini,
    qini_curve,
    resamples,
    uplift_at,
    uplift_by_bin,
    uplift_curve,
)


def trial(*rows: tuple[int, bool]) -> Trial:
    return Trial.of([outcome for outcome, _ in rows], [treated for _, treated in rows])


SHOWN, HELD = True, False
FOUR = trial((1, SHOWN), (0, HELD), (1, HELD), (0, SHOWN))
BY_PLACE = Order.of([4, 3, 2, 1])


def test_curves_by_hand() -> None:
    # after two rows: 1 of 1 shown bought, 0 of 1 held out; after three: 1 of 2 held out
    assert uplift_curve(FOUR, BY_PLACE).gain.tolist() == [0, 1 * 1, 2 * (1 - 0), 3 * (1 - 1 / 2), 4 * (1 / 2 - 1 / 2)]
    assert qini_curve(FOUR, BY_PLACE).gain.tolist() == [0, 1, 1 - 0 * 1 / 1, 1 - 1 * 1 / 2, 1 - 1 * 2 / 2]


def test_areas_are_shares_of_a_perfect_order() -> None:
    # perfect uplift: shown buyer, held-out non-buyer, the shown non-buyer, the held-out buyer: gains 0, 1, 2, 3/2, 0
    perfect = (0 + 1) / 2 + (1 + 2) / 2 + (2 + 1.5) / 2 + (1.5 + 0) / 2
    last_first = (
        (0 + 0) / 2 + (0 - 2) / 2 + (-2 - 1.5) / 2 + (-1.5 + 0) / 2
    )  # gains 0, 1 x 0, 2 (0 - 1), 3 (0 - 1/2), 0
    assert auuc(FOUR, BY_PLACE) == 1.0
    assert auuc(FOUR, Order.of([1, 2, 3, 4])) == pytest.approx(last_first / perfect)
    # perfect Qini: the shown buyer, then those without an outcome, last the held-out buyer: gains 0, 1, 1, 0
    perfect = (0 + 1) / 2 + (1 + 1) / 2 * 2 + (1 + 0) / 2
    actual = (0 + 1) / 2 + (1 + 1) / 2 + (1 + 0.5) / 2 + (0.5 + 0) / 2
    assert qini(FOUR, BY_PLACE) == pytest.approx(actual / perfect)
    assert excess_gain(FOUR, BY_PLACE) == pytest.approx(actual / 4**2)


def test_an_order_that_says_nothing_is_chance() -> None:
    level = Order.of(np.zeros(4))
    assert qini(FOUR, level) == auuc(FOUR, level) == excess_gain(FOUR, level) == 0.0


def test_a_run_of_equal_scores_counts_in_part() -> None:
    # a half of four rows, of which the last three are level: the first whole, a third of each other
    assert uplift_at(FOUR, [4, 1, 1, 1], 0.5) == pytest.approx((1 + 0 / 3) / (1 + 1 / 3) - (1 / 3) / (2 / 3))


def test_one_arm_alone_is_undefined_or_chance() -> None:
    alone = trial((1, SHOWN), (0, SHOWN))
    assert np.isnan(uplift_at(alone, [2, 1], 0.5))
    assert np.isnan(uplift_by_bin(alone, [2, 1], 1)[0, 1])
    assert np.isnan(qini(Trial.of([], []), Order.of([])))


def test_bins_say_what_was_predicted_and_what_was_seen() -> None:
    rows = trial((1, SHOWN), (0, SHOWN), (0, HELD), (1, HELD), (1, HELD), (0, SHOWN))
    best, rest = uplift_by_bin(rows, [0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 2)
    assert best.tolist() == pytest.approx([0.5, 1 / 2 - 0, np.sqrt(0.25 / 2), 3])
    assert rest.tolist() == pytest.approx([0.2, 0 - 1, 0, 3])


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    random = np.random.default_rng(seed)
    outcome, treated = random.integers(0, 2, 60), random.integers(0, 2, 60).astype(bool)
    score, mixed = random.integers(0, 6, 60), random.permutation(60)
    for metric in (qini, auuc, excess_gain):
        found = metric(Trial.of(outcome, treated), Order.of(score))
        again = metric(Trial.of(outcome[mixed], treated[mixed]), Order.of(score[mixed]))
        assert found == pytest.approx(again, nan_ok=True)
    assert uplift_at(Trial.of(outcome, treated), score, 0.3) == pytest.approx(
        uplift_at(Trial.of(outcome[mixed], treated[mixed]), score[mixed], 0.3), nan_ok=True
    )


@given(st.integers(0, 2**32 - 1))
def test_a_weight_of_two_is_the_row_twice(seed: int) -> None:
    random = np.random.default_rng(seed)
    outcome, treated, score = random.integers(0, 2, 40), random.integers(0, 2, 40).astype(bool), random.random(40)
    times = random.integers(0, 3, 40)
    weighted = qini(Trial.of(outcome, treated), Order.of(score), times.astype(np.float64))
    repeated = np.repeat(np.arange(40), times)
    assert weighted == pytest.approx(
        qini(Trial.of(outcome[repeated], treated[repeated]), Order.of(score[repeated])), nan_ok=True
    )


def test_intervals_cover_zero_without_an_effect_and_not_with_one() -> None:
    random = np.random.default_rng(4)
    score, treated = random.random(6000), random.random(6000) < 0.5
    customer = np.repeat(np.arange(1200), 5)
    for effect, covers in ((0.0, True), (0.3, False)):
        outcome = random.random(6000) < 0.2 + effect * treated * score
        found = [
            qini(Trial.of(outcome, treated), Order.of(score), weight) for weight in resamples(customer, 200, seed=1)
        ]
        assert bool(np.quantile(found, 0.025) <= 0 <= np.quantile(found, 0.975)) is covers


def test_a_resample_draws_customers_with_all_of_their_rows() -> None:
    customer = np.array([7, 7, 9, 9, 11])
    for weight in resamples(customer, 20, seed=3):
        assert weight[0] == weight[1]
        assert weight[2] == weight[3]
        assert weight[0] + weight[2] + weight[4] == 3
