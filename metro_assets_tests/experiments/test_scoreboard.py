"""The scoreboard: logged slates of a policy, and a policy of lots whose value the log knows."""

import numpy as np
import pytest

from metro_assets.evaluation.off_policy import LoggedSlates, estimates
from metro_assets.experiments.intended import intended_slates
from metro_assets.experiments.plan import RANDOM, Plan
from metro_assets.experiments.scoreboard import SCHEMA, _last_settled, _logged, _together, scoreboard, true_rates


def logged(plan: Plan, policy: str) -> LoggedSlates:
    seed = plan.seeds[0]
    return _logged(plan, seed, policy, intended_slates(plan, seed, policy, _last_settled(plan)))


def test_a_logged_slate_holds_ten_offers_and_what_the_policy_would_have_shown(played: Plan) -> None:
    log = logged(played, "logistic")
    assert len(log.slate) == 10 * len(log.customer_id)
    assert (log.target_size <= 10).all()
    matched = np.bincount(log.slate, log.target_probability, minlength=len(log.customer_id))
    assert (matched <= log.target_size).all()
    assert ((log.propensity > 0) & (log.propensity <= 1)).all()
    assert logged(played, RANDOM).prediction is None


def test_logs_of_several_seeds_are_one_log(played: Plan) -> None:
    log = logged(played, "logistic")
    twice = _together([log, log])
    assert len(twice.customer_id) == 2 * len(log.customer_id)
    assert twice.slate[: len(log.slate)].tolist() == log.slate.tolist()
    assert (twice.slate[len(log.slate) :] - log.slate == len(log.customer_id)).all()
    anything = played.settings.evaluation.model_copy(update={"minimum_effective_sample": 1.0})
    one, two = (estimates(each, anything, seed=1)["value"].to_list() for each in (log, twice))
    known = [place for place, value in enumerate(one) if value is not None]
    assert [two[place] for place in known] == pytest.approx([one[place] for place in known])


def test_the_true_rate_is_a_probability_and_thin_logs_are_not_reported(played: Plan) -> None:
    seed = played.seeds[0]
    slates = intended_slates(played, seed, "logistic", _last_settled(played))
    rates = true_rates(played, seed, {"logistic": slates, "nobody": slates.clear()})
    assert 0 < rates["logistic"] < 0.5
    assert np.isnan(rates["nobody"])
    found = scoreboard(played)
    assert dict(found.schema) == SCHEMA
    assert (found["effective_sample_size"] >= played.settings.evaluation.minimum_effective_sample).all()
