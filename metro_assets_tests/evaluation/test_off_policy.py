"""Off-policy estimates: exact in expectation over every log there could be, honest intervals, a gate that refuses."""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pytest

from metro_assets.config import Evaluation
from metro_assets.evaluation.off_policy import LoggedSlates, effective_sample_size, estimates, importance_weights
from metro_assets.metrics import Floats
from metro_assets.vocabulary import Estimator

LENIENT = Evaluation(minimum_effective_sample=1, bootstrap_samples=2)
RATE = np.array([0.1, 0.5, 0.3, 0.8])
"""True probability that each of four offers is redeemed if it is shown."""
TARGET = np.array([0.0, 0.25, 0.75, 1.0])
"""Probability with which the target shows each: two offers per slate."""
TRUTH = (0.25 * 0.5 + 0.75 * 0.3 + 1.0 * 0.8) / 2
SLATE_CHANCE = dict(zip(combinations(range(4), 2), (0.3, 0.1, 0.1, 0.2, 0.2, 0.1), strict=True))
"""A log that prefers some pairs of offers."""
PROPENSITY = np.array([sum(chance for slate, chance in SLATE_CHANCE.items() if offer in slate) for offer in range(4)])


def log_of(slates: list[tuple[int, ...]], rewards: list[tuple[int, ...]], **further: Floats) -> LoggedSlates:
    offer = np.array([offer for slate in slates for offer in slate], dtype=np.int64)
    model, propensity = further.get("model"), further.get("propensity", PROPENSITY)
    return LoggedSlates(
        customer_id=np.arange(len(slates)),
        target_size=np.full(len(slates), TARGET.sum()),
        slate=np.repeat(np.arange(len(slates)), list(map(len, slates))),
        propensity=propensity[offer],
        target_probability=TARGET[offer],
        reward=np.array([reward for row in rewards for reward in row], dtype=float),
        prediction=None if model is None else model[offer],
        target_prediction=None if model is None else np.full(len(slates), TARGET @ model),
    )


def every_log(**further: Floats) -> Iterator[tuple[float, LoggedSlates]]:
    """Every slate that the log could show, with every outcome, and the probability of both."""
    for (slate, chance), rewards in product(SLATE_CHANCE.items(), product((0, 1), repeat=2)):
        outcome = np.prod(
            [RATE[offer] if reward else 1 - RATE[offer] for offer, reward in zip(slate, rewards, strict=True)]
        )
        yield chance * float(outcome), log_of([slate], [rewards], **further)


def expected(name: Estimator, **further: Floats) -> float:
    """The estimator's mean over every log."""
    return sum(chance * (values(log)[name] or 0.0) for chance, log in every_log(**further))


def values(log: LoggedSlates) -> dict[Estimator, float | None]:
    rows = estimates(log, LENIENT, seed=1)
    return {Estimator(name): value for name, value in rows.select("estimator", "value").rows()}


def test_ips_is_unbiased_over_every_log_there_could_be() -> None:
    assert expected(Estimator.IPS) == pytest.approx(TRUTH)


def test_wrong_propensities_bias_ips() -> None:
    assert abs(expected(Estimator.IPS, propensity=np.full(4, 0.5)) - TRUTH) > 0.02


@pytest.mark.parametrize(
    ("model", "propensity"),
    [
        pytest.param(np.array([0.9, 0.1, 0.9, 0.1]), PROPENSITY, id="the model is wrong, the propensities are right"),
        pytest.param(RATE, np.array([0.9, 0.2, 0.7, 0.4]), id="the model is right, the propensities are wrong"),
    ],
)
def test_doubly_robust_needs_only_one_of_model_and_propensities(model: Floats, propensity: Floats) -> None:
    assert expected(Estimator.DOUBLY_ROBUST, model=model, propensity=propensity) == pytest.approx(TRUTH)


def test_doubly_robust_fails_where_both_are_wrong() -> None:
    both = expected(
        Estimator.DOUBLY_ROBUST, model=np.array([0.9, 0.1, 0.9, 0.1]), propensity=np.array([0.9, 0.2, 0.7, 0.4])
    )
    assert abs(both - TRUTH) > 0.02


def test_every_estimator_by_hand() -> None:
    log = LoggedSlates(
        customer_id=np.array([1, 2]),
        target_size=np.array([2.0, 2.0]),
        slate=np.array([0, 0, 1]),
        propensity=np.array([0.5, 0.25, 0.5]),
        target_probability=np.array([1.0, 0.5, 0.25]),
        reward=np.array([1.0, 0.0, 1.0]),
        prediction=np.array([0.6, 0.2, 0.4]),
        target_prediction=np.array([0.9, 0.5]),
    )
    weights = [1.0 / 0.5, 0.5 / 0.25, 0.25 / 0.5]
    assert importance_weights(log, 0.001).tolist() == weights
    assert values(log) == pytest.approx(
        {
            Estimator.IPS: (2 * 1 + 2 * 0 + 0.5 * 1) / 4,
            Estimator.SNIPS: (2 * 1 + 2 * 0 + 0.5 * 1) / (2 + 2 + 0.5),
            Estimator.REPLAY: (1 * 1 + 0.5 * 0 + 0.25 * 1) / (1 + 0.5 + 0.25),
            Estimator.DIRECT_METHOD: (0.9 + 0.5) / 4,
            Estimator.DOUBLY_ROBUST: (0.9 + 0.5 + 2 * (1 - 0.6) + 2 * (0 - 0.2) + 0.5 * (1 - 0.4)) / 4,
        }
    )


def test_the_effective_sample_by_hand() -> None:
    assert effective_sample_size(np.array([2.0, 2.0, 0.5])) == (2 + 2 + 0.5) ** 2 / (4 + 4 + 0.25)
    assert effective_sample_size(np.full(7, 3.0)) == 7
    assert effective_sample_size(np.array([1000.0] + [0.001] * 1000)) == pytest.approx(1.0, abs=0.01)
    assert effective_sample_size(np.zeros(3)) == 0


def test_the_floor_bounds_the_weights() -> None:
    log = log_of([(1, 3)], [(1, 1)], propensity=np.array([0.5, 1e-9, 0.5, 0.5]))
    assert importance_weights(log, 0.01).tolist() == [0.25 / 0.01, 1.0 / 0.5]


def test_the_gate_refuses_a_small_effective_sample_and_says_why() -> None:
    log = log_of([(1, 3)] * 20, [(1, 1)] * 20, model=RATE)
    refused = estimates(log, Evaluation(minimum_effective_sample=50), seed=1)
    assert refused["value"].to_list() == [None] * 5
    assert not refused["is_reported"].any()
    assert "below the 50" in refused["reason"][0]
    assert refused["effective_sample_size"][0] == pytest.approx(effective_sample_size(importance_weights(log, 0.001)))
    assert estimates(log, Evaluation(minimum_effective_sample=25), seed=1)["is_reported"].all()


def test_nothing_logged_and_nothing_shared_have_reasons_of_their_own() -> None:
    nothing = estimates(log_of([], []), LENIENT, seed=1)
    assert set(nothing["reason"]) == {"the log has no slate of a day on which the policy chose"}
    apart = estimates(log_of([(0,)], [(1,)]), LENIENT, seed=1)
    assert set(apart["reason"]) == {"the log showed nothing that the policy would show"}


def test_without_a_model_its_estimators_say_so() -> None:
    rows = estimates(log_of([(1, 3)] * 5, [(1, 0)] * 5), LENIENT, seed=1)
    unreported = rows.filter(~rows["is_reported"])
    assert unreported["estimator"].to_list() == [Estimator.DIRECT_METHOD, Estimator.DOUBLY_ROBUST]
    assert set(unreported["reason"]) == {"no model of the reward"}


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    pairs = list(SLATE_CHANCE)
    rules = Evaluation(minimum_effective_sample=1, bootstrap_samples=200)
    held = dict.fromkeys((Estimator.IPS, Estimator.SNIPS, Estimator.DOUBLY_ROBUST), 0)
    worlds = 150
    for world in range(worlds):
        slates = [pairs[place] for place in generator.choice(len(pairs), 300, p=list(SLATE_CHANCE.values()))]
        rewards = [tuple((generator.random(2) < RATE[list(slate)]).astype(int)) for slate in slates]
        rows = estimates(log_of(slates, rewards, model=RATE * 0.8), rules, seed=world)
        for name in held:
            lower, upper = rows.filter(rows["estimator"] == name).select("lower", "upper").row(0)
            held[name] += lower <= TRUTH <= upper
    for name, count in held.items():
        assert 0.89 <= count / worlds <= 0.99, name


def test_customers_are_resampled_whole() -> None:
    """Ten slates of one customer are no ten customers: the interval of a crowd of one has no width."""
    log = log_of([(1, 3)] * 10, [(1, 0), (0, 1)] * 5)
    alone = LoggedSlates(**{**vars(log), "customer_id": np.zeros(10, dtype=np.int64)})
    rows = estimates(alone, LENIENT, seed=1)
    assert rows["lower"][0] == rows["upper"][0] == rows["value"][0]
