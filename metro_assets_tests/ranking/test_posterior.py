"""The belief against the mode that a solver finds, against a case by hand, and against what is planted."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit

from metro_assets.config import Bandit
from metro_assets.ranking.posterior import (
    INTERCEPT,
    LOG_POSITION,
    Belief,
    Floats,
    Integers,
    Rows,
    forgotten,
    log_odds,
    prior,
    restricted,
    updated,
)

NAMES = ("discount_depth", "bought_before", "mechanic_code")
CODES = ("mechanic_code",)
BANDIT = Bandit(prior_rate=0.1, intercept_sd=1.0, coefficient_sd=0.5, offer_sd=0.4, kept_share=0.9)


def rows(count: int, seed: int = 0, effect: float = 1.0, offers: int = 5) -> Rows:
    """Impressions whose log odds are -1 + effect x depth - 0.5 x log position; every tenth depth is missing."""
    generator = np.random.default_rng(seed)
    features = np.column_stack(
        [generator.normal(size=count), generator.integers(0, 2, count), generator.integers(1, 4, count)]
    ).astype(np.float32)
    position = generator.integers(1, 11, count).astype(np.float32)
    chance = expit(-1 + effect * features[:, 0] - 0.5 * np.log(position))
    label = (generator.random(count) < chance).astype(np.float64)
    features[::10, 0] = np.nan
    return Rows(features, position, label, np.ones(count), generator.integers(1, offers + 1, count))


def part(whole: Rows, chosen: slice) -> Rows:
    return Rows(*(getattr(whole, each.name)[chosen] for each in fields(Rows)))


def places(belief: Belief, offer_id: Integers) -> Integers:
    """Where the belief has each offer; its length for one that it does not have."""
    known = belief.offer_id.tolist()
    return np.array([known.index(offer) if offer in known else len(known) for offer in offer_id.tolist()])


def columns_by_hand(belief: Belief, given: Rows) -> Floats:
    """One column per coefficient, as the names of the coefficients say."""
    depth, bought, mechanic = given.features.T.astype(np.float64)
    made = {
        "discount_depth": np.nan_to_num((depth - belief.shift[0]) / belief.scale[0]),
        "bought_before": (bought - belief.shift[1]) / belief.scale[1],
        "discount_depth:missing": np.isnan(depth),
        **{f"mechanic_code={code}": mechanic == code for code in (1, 2, 3)},
        "mechanic_code=unseen": ~np.isin(mechanic, (1, 2, 3)),
        LOG_POSITION: np.log(given.position),
        INTERCEPT: np.ones(len(given)),
    }
    assert tuple(made) == belief.names
    columns = np.column_stack(list(made.values())).astype(np.float64)
    columns[:, 2:-2] -= belief.shift[2:-2]
    return columns


def test_the_mean_is_the_mode_that_a_solver_finds_and_the_precision_its_curvature() -> None:
    given = rows(400)
    before = prior(given, NAMES, CODES, BANDIT)
    after = updated(before, given, BANDIT)
    columns = np.column_stack([columns_by_hand(before, given), given.offer_id[:, None] == np.arange(1, 6)])
    centre = np.append(before.mean, np.zeros(5))
    precision = np.append(1 / before.covariance.diagonal(), np.full(5, 1 / 0.4**2))

    def loss(coefficients: Floats) -> float:
        score = columns @ coefficients
        fit = (given.label * score - np.logaddexp(0, score)).sum()
        return float((precision * (coefficients - centre) ** 2).sum() / 2 - fit)

    found = minimize(loss, centre, method="BFGS", options={"gtol": 1e-8}).x
    assert np.append(after.mean, after.offer_mean) == pytest.approx(found, abs=1e-4)
    chance = expit(columns @ np.append(after.mean, after.offer_mean))
    curvature = (columns.T * (chance * (1 - chance))) @ columns + np.diag(precision)
    covariance = np.linalg.inv(curvature)
    shared = len(before.names)
    assert after.covariance == pytest.approx(covariance[:shared, :shared], abs=1e-6)
    with_shared = -after.offer_slope @ after.covariance
    assert with_shared == pytest.approx(covariance[shared:, :shared], abs=1e-6)
    between = after.offer_slope @ after.covariance @ after.offer_slope.T + np.diag(after.offer_variance)
    assert between == pytest.approx(covariance[shared:, shared:], abs=1e-6)


def test_a_rate_by_hand() -> None:
    """Nothing but a rate to learn: 30 of 100. At the mode the pull of the data is that of the prior."""
    nothing = Rows(
        np.zeros((100, 1), np.float32),
        np.ones(100, np.float32),
        np.repeat([1.0, 0.0], [30, 70]),
        np.ones(100),
        np.ones(100, int),
    )
    firm = BANDIT.model_copy(update={"offer_sd": 1e-6})  # offers do not differ
    belief = updated(prior(nothing, ("bought_before",), (), firm), nothing, firm)
    odds, variance = belief.mean[-1], belief.covariance[-1, -1]
    chance = expit(odds)
    assert 100 * (0.30 - chance) == pytest.approx((odds - logit(0.1)) / 1.0**2, abs=1e-6)
    assert variance == pytest.approx(1 / (100 * chance * (1 - chance) + 1 / 1.0**2), rel=1e-6)
    # What the rows do not vary in stays as it was believed.
    assert belief.mean[:-1].tolist() == [0.0, 0.0]
    assert belief.covariance.diagonal()[:-1] == pytest.approx(0.5**2)


def test_doubt_shrinks_with_data_and_no_data_change_nothing() -> None:
    many = rows(2000)
    before = prior(many, NAMES, CODES, BANDIT)
    doubts = []
    for count in (0, 20, 200, 2000):
        belief = updated(before, part(many, slice(count)), BANDIT)
        _, sd = log_odds(belief, many.features[:50], places(belief, many.offer_id[:50]), BANDIT.offer_sd)
        doubts.append(sd)
    for less, more in pairwise(doubts):
        assert (more < less).all()
    untouched = updated(before, part(many, slice(0)), BANDIT)
    assert (untouched.mean == before.mean).all()
    assert (untouched.covariance == before.covariance).all()


def test_day_by_day_ends_about_where_one_pass_does() -> None:
    given = rows(3000)
    before = prior(given, NAMES, CODES, BANDIT)
    at_once = updated(before, given, BANDIT)
    belief = before
    for day in range(6):
        belief = updated(belief, part(given, slice(500 * day, 500 * day + 500)), BANDIT)
    sd = np.sqrt(at_once.covariance.diagonal())
    assert (np.abs(belief.mean - at_once.mean) < sd / 5).all()
    assert np.sqrt(belief.covariance.diagonal()) == pytest.approx(sd, rel=0.05)
    for each in (belief, at_once):
        assert each.offer_mean == pytest.approx(at_once.offer_mean, abs=0.05)


def test_what_is_planted_is_found_and_what_is_not_is_not() -> None:
    for effect in (1.0, 0.0):
        given = rows(6000, seed=3, effect=effect)
        belief = updated(prior(given, NAMES, CODES, BANDIT), given, BANDIT)
        sd = np.sqrt(belief.covariance.diagonal())
        planted = {"discount_depth": effect * belief.scale[0], "bought_before": 0.0, LOG_POSITION: -0.5}
        for name, value in planted.items():
            place = belief.names.index(name)
            assert abs(belief.mean[place] - value) < 3 * sd[place]
        assert (belief.mean[0] > 5 * sd[0]) == (effect > 0)


def test_an_offer_of_its_own_kind_is_told_apart() -> None:
    given = rows(4000, effect=0.0)
    odd = given.offer_id == 3
    label = np.where(odd & (np.random.default_rng(1).random(4000) < 0.5), 1.0, given.label)
    belief = updated(prior(given, NAMES, CODES, BANDIT), replace(given, label=label), BANDIT)
    assert belief.offer_id.tolist() == [1, 2, 3, 4, 5]
    others = np.delete(belief.offer_mean, 2)
    assert belief.offer_mean[2] > others.max() + 0.5


def test_forgetting_ends_at_the_prior() -> None:
    given = rows(1000)
    before = prior(given, NAMES, CODES, BANDIT)
    belief = updated(before, given, BANDIT)
    once, long = forgotten(belief, BANDIT), forgotten(belief, BANDIT, days=400)
    assert (once.covariance.diagonal() > belief.covariance.diagonal() - 1e-12).all()
    assert once.offer_variance == pytest.approx(1 / (0.9 / belief.offer_variance + 0.1 / 0.4**2))
    assert (np.abs(once.offer_slope) < np.abs(belief.offer_slope) + 1e-12).all()
    assert long.mean == pytest.approx(before.mean, abs=1e-6)
    assert long.covariance == pytest.approx(before.covariance, abs=1e-6)
    assert long.offer_mean == pytest.approx(np.zeros(5), abs=1e-6)
    kept = forgotten(belief, BANDIT.model_copy(update={"kept_share": 1.0}))
    assert kept.mean == pytest.approx(belief.mean)
    assert kept.covariance == pytest.approx(belief.covariance)


def test_news_that_come_late_end_about_where_they_would_have_in_time() -> None:
    given = rows(2000)
    before = prior(given, NAMES, CODES, BANDIT)
    late = np.flatnonzero(given.label > 0)[:40]
    told = given.label.copy()
    told[late] = 0.0
    wrong, right = updated(before, replace(given, label=told), BANDIT), updated(before, given, BANDIT)
    twice = np.concatenate([late, late])
    taken_back = Rows(
        features=given.features[twice],
        position=given.position[twice],
        label=np.repeat([0.0, 1.0], 40),
        weight=np.repeat([-1.0, 1.0], 40),
        offer_id=given.offer_id[twice],
    )
    corrected = updated(wrong, taken_back, BANDIT)
    sd = np.sqrt(right.covariance.diagonal())
    before_news, after_news = (np.abs(belief.mean - right.mean) / sd for belief in (wrong, corrected))
    assert before_news.max() > 1
    assert after_news.max() < before_news.max() / 4


def test_the_doubt_of_a_candidate_is_that_of_its_columns_and_of_its_offer() -> None:
    given = rows(500)
    belief = restricted(updated(prior(given, NAMES, CODES, BANDIT), given, BANDIT), np.array([1, 2]))
    ids = np.array([1, 2, 99, 4])
    mean, sd = log_odds(belief, given.features[:4], places(belief, ids), BANDIT.offer_sd)
    columns = columns_by_hand(belief, replace(part(given, slice(4)), position=np.ones(4)))
    assert mean == pytest.approx(columns @ belief.mean + [*belief.offer_mean, 0.0, 0.0], abs=1e-5)
    columns[:, -2:] = 0  # position and intercept are the same for all offers
    average = belief.offer_slope.mean(axis=0)
    against_average = columns - np.vstack([belief.offer_slope, 0 * belief.offer_slope]) + average
    shared = np.einsum("ij,jk,ik->i", against_average, belief.covariance, against_average)
    assert sd**2 == pytest.approx(shared + np.append(belief.offer_variance, [0.4**2, 0.4**2]), rel=1e-4)


def test_flags_are_centred_on_how_often_they_are_set() -> None:
    given = rows(500)
    belief = prior(given, NAMES, CODES, BANDIT)
    assert belief.shift[belief.names.index("discount_depth:missing")] == pytest.approx(0.1)
    assert columns_by_hand(belief, given)[:, :-2].mean(axis=0) == pytest.approx(0, abs=1e-6)


def test_a_candidate_scores_alike_in_every_batch() -> None:
    given = rows(40_000)
    belief = updated(prior(given, NAMES, CODES, BANDIT), part(given, slice(500)), BANDIT)
    mean, sd = log_odds(belief, given.features, places(belief, given.offer_id), BANDIT.offer_sd)
    for chosen in (slice(0, 7), slice(16_380, 16_400), slice(39_999, 40_000)):
        own_mean, own_sd = log_odds(
            belief, given.features[chosen], places(belief, given.offer_id[chosen]), BANDIT.offer_sd
        )
        assert (own_mean == mean[chosen]).all()
        assert (own_sd == sd[chosen]).all()


def test_what_all_offers_of_a_customer_share_is_no_doubt_between_them() -> None:
    given = rows(500)
    names = ("discount_depth", "recency_days", "segment_code")
    belief = updated(prior(given, names, ("segment_code",), BANDIT), given, BANDIT)
    others = given.features[:50].copy()
    others[:, 1] = np.nan
    others[:, 2] = 99  # of a segment that was never seen
    offer = places(belief, given.offer_id[:50])
    (_, sd), (_, of_strangers) = (
        log_odds(belief, features, offer, BANDIT.offer_sd) for features in (given.features[:50], others)
    )
    assert of_strangers == pytest.approx(sd, rel=1e-5)


def test_an_unseen_code_is_open_to_doubt() -> None:
    given = rows(3000)
    belief = updated(prior(given, NAMES, CODES, BANDIT), given, BANDIT)
    features = given.features[:1].repeat(2, axis=0)
    features[1, 2] = 77
    _, sd = log_odds(belief, features, places(belief, given.offer_id[:1].repeat(2)), BANDIT.offer_sd)
    assert sd[1] > sd[0] + 0.1
