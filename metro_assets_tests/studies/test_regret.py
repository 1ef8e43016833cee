"""Exploring on a small world with a known best offer: what it costs and what it earns, over five seeds."""

import numpy as np
import pytest

from metro_assets.metrics import Floats
from metro_assets.studies.bandit.known_best import POLICIES, regret


@pytest.fixture(scope="module")
def lost() -> dict[str, Floats]:
    return {policy: np.mean([regret(policy, seed) for seed in range(5)], axis=0) for policy in POLICIES}


def test_exploring_loses_less_than_never_exploring_under_a_bad_prior_and_than_chance(lost: dict[str, Floats]) -> None:
    assert lost["thompson"].sum() < 0.6 * lost["greedy"].sum()
    assert lost["thompson"].sum() < 0.3 * lost["random"].sum()


def test_what_is_lost_a_morning_falls_to_nearly_nothing(lost: dict[str, Floats]) -> None:
    """Sublinear regret: the last mornings lose a small part of what the first did; chance never gets better."""
    first, last = slice(0, 5), slice(-10, None)
    assert lost["thompson"][last].mean() < 0.15 * lost["thompson"][first].mean()
    assert lost["random"][last].mean() == pytest.approx(lost["random"][first].mean(), rel=0.1)
