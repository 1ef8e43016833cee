"""What an experiment may be asked for, and what is said where it may not."""

from datetime import date
from pathlib import Path

import pytest

from metro_assets.config import ConfigurationError, load_settings
from metro_assets.experiments.plan import ALWAYS, pin_plan, plan_experiment, playable, played_by_default

START = date(2026, 3, 2)


def test_control_lots_and_oracle_are_always_in_the_race(tmp_path: Path) -> None:
    plan = plan_experiment(load_settings(tmp_path), ["logistic", "oracle", "logistic"], 3, 2, START)
    assert plan.policies == ("no_offer", "logistic", "random", "oracle")
    assert set(ALWAYS) <= set(plan.policies)
    assert plan.seeds == (42, 43)
    assert plan.folder == tmp_path.resolve() / "experiments" / "demo"
    assert (plan.dates[0], plan.dates[-1], plan.end) == (START, date(2026, 3, 4), date(2026, 3, 5))


def test_an_unknown_policy_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--policies greedy: no such policy; choose from .*logistic"):
        plan_experiment(load_settings(tmp_path), ["logistic", "greedy"], 3, 1, START)


def test_what_costs_most_is_played_on_request_only(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert set(playable(settings)) - set(played_by_default(settings)) == {"sasrec"}
    assert plan_experiment(settings, ["sasrec"], 3, 1, START).policies == ("no_offer", "sasrec", "random", "oracle")


def test_own_files_have_no_twin(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, source="files", source_folder=str(tmp_path))
    with pytest.raises(ConfigurationError, match="the twin needs the synthetic world"):
        plan_experiment(settings, ["logistic"], 3, 1, START)


@pytest.mark.parametrize("name", ["../else", "a/b", ".hidden"])
def test_a_name_is_the_name_of_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name of a folder"):
        plan_experiment(load_settings(tmp_path), ["logistic"], 3, 1, START, name)


def test_the_same_name_is_the_same_experiment(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    pin_plan(plan_experiment(settings, ["logistic"], 3, 1, START))
    assert plan_experiment(settings, ["boosted_trees"], 5, 2).start == START
    with pytest.raises(ConfigurationError, match="other start; give the same again, or another --name"):
        plan_experiment(settings, ["logistic"], 3, 1, date(2026, 3, 3))
    with pytest.raises(ConfigurationError, match="other seed, sizes"):
        plan_experiment(load_settings(tmp_path, profile="tiny", seed=7), ["logistic"], 3, 1, START, "demo")
