"""Ranking metrics worked by hand, and checked against scikit-learn."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from metro_assets import metrics
from metro_assets.metrics import auc, expected_calibration_error, list_metrics, ranks_within_lists, reliability


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(metrics).failed == 0


def test_ndcg_by_hand() -> None:
    # one list of four, two relevant at ranks 2 and 4; cutoff 3 sees the first only
    found = list_metrics([1] * 4, [0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6], [1, 2, 3, 4], cutoff=3)
    gain, ideal = 1 / math.log2(3), 1 + 1 / math.log2(3)
    assert found.ndcg[0] == pytest.approx(gain / ideal)
    assert found.precision[0] == pytest.approx(1 / 3)
    assert found.recall[0] == pytest.approx(1 / 2)
    assert found.reciprocal_rank[0] == pytest.approx(1 / 2)
    # pairs: (2 beats 3), (2 loses to 1), (4 loses to both)
    assert found.auc[0] == pytest.approx(1 / 4)


def test_a_perfect_order_is_one_whatever_the_number_of_relevant_items() -> None:
    label = [1] * 12 + [0] * 3
    assert list_metrics([5] * 15, label, np.arange(15)[::-1], range(15), cutoff=10).ndcg[0] == pytest.approx(1.0)


def test_a_list_without_relevant_items_is_undefined_and_counts_no_hit() -> None:
    found = list_metrics([1, 1], [0, 0], [0.1, 0.2], [1, 2], cutoff=10)
    assert math.isnan(found.ndcg[0])
    assert math.isnan(found.reciprocal_rank[0])
    assert found.precision[0] == 0


def test_ties_go_to_the_smaller_item_whatever_the_order_of_rows() -> None:
    assert ranks_within_lists([1, 1, 1], [0.5, 0.5, 0.5], [30, 10, 20]).tolist() == [3, 1, 2]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 30))
def test_agreement_with_scikit_learn(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    label, score = random.integers(0, 2, size), random.permutation(size) / size
    if 0 < label.sum() < size:
        found = list_metrics([1] * size, label, score, range(size), cutoff=10)
        assert found.ndcg[0] == pytest.approx(ndcg_score([label], [score], k=10))
        assert found.auc[0] == pytest.approx(roc_auc_score(label, score))
        assert auc(label, score) == pytest.approx(roc_auc_score(label, score))


def test_auc_counts_ties_half() -> None:
    assert auc([0, 1], [0.5, 0.5]) == 0.5
    assert math.isnan(auc([1, 1], [0.1, 0.2]))


def test_calibration_error_by_hand() -> None:
    # two bins of two: predicted .2 observed 0, predicted .8 observed .5
    assert expected_calibration_error([0, 0, 1, 0], [0.2, 0.2, 0.8, 0.8], bins=2) == pytest.approx((0.2 + 0.3) / 2)
    assert reliability([0, 0, 1, 0], [0.2, 0.2, 0.8, 0.8], bins=2).tolist() == [[0.2, 0.0, 2], [0.8, 0.5, 2]]
