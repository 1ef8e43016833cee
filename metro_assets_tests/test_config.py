"""Settings: who wins, what is refused, and that a filled warehouse keeps its world."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from metro_assets.config import PROFILES, ConfigurationError, Ranking, load_settings, pin_world, today


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("METRO_WAREHOUSE", "METRO_PROFILE", "METRO_SEED"):
        monkeypatch.delenv(name, raising=False)


def test_an_empty_warehouse_gets_the_demo_world_ending_today(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.sizes == PROFILES["demo"]
    assert settings.history_start == today() - timedelta(days=120)


def test_one_size_is_overridden_and_the_profile_gives_the_others(tmp_path: Path) -> None:
    sizes = load_settings(tmp_path, profile="full", sizes={"customers": 1000, "products": None}).sizes
    assert (sizes.customers, sizes.products, sizes.history_days) == (1000, 10_000, 180)


def test_command_wins_over_environment_over_file_over_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(tmp_path).ranking.train_days == 42
    (tmp_path / "settings.toml").write_text("[ranking]\ntrain_days = 30\n")
    assert load_settings(tmp_path).ranking.train_days == 30
    monkeypatch.setenv("METRO_RANKING__TRAIN_DAYS", "20")
    assert load_settings(tmp_path).ranking.train_days == 20
    assert load_settings(tmp_path, ranking={"train_days": 10}).ranking.train_days == 10


def test_a_filled_warehouse_is_remembered(tmp_path: Path) -> None:
    first = load_settings(tmp_path, profile="tiny", seed=7, history_start=date(2026, 1, 1))
    pin_world(first)
    later = load_settings(tmp_path)
    assert (later.profile, later.seed, later.sizes) == ("tiny", 7, PROFILES["tiny"])
    assert later.calendar_start == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"seed": 8}, "seed = 7, not 8"),
        ({"profile": "full"}, "sizes.customers = 150, not 50000"),
        ({"sizes": {"customers": 200}}, "sizes.customers = 150, not 200"),
        ({"history_start": date(2026, 1, 2)}, "history_start = 2026-01-01, not 2026-01-02"),
    ],
)
def test_another_world_in_a_filled_warehouse_is_refused(tmp_path: Path, asked: dict, words: str) -> None:
    pin_world(load_settings(tmp_path, profile="tiny", seed=7, history_start=date(2026, 1, 1)))
    with pytest.raises(ConfigurationError, match=words) as refusal:
        load_settings(tmp_path, **asked)
    assert "--warehouse" in str(refusal.value)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"ranking": {"trainings_days": 3}}, "ranking.trainings_days is not a setting"),
        ({"colour": "red"}, "colour is not a setting"),
        ({"seed": "abc"}, "seed = 'abc'"),
        ({"profile": "huge"}, "choose one of tiny, demo, full"),
        ({"sizes": {"customers": 1}}, "sizes.customers = 1"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, asked: dict, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load_settings(tmp_path, **asked)


def test_an_unknown_environment_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRO_CUSTOMERS", "5")
    with pytest.raises(ConfigurationError, match=r"METRO_CUSTOMERS names no setting; known: .*METRO_SIZES"):
        load_settings(tmp_path)


def test_a_broken_settings_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("seed = \n")
    with pytest.raises(ConfigurationError, match=r"settings\.toml is not valid TOML"):
        load_settings(tmp_path)


def test_windows_of_too_few_days_are_refused_as_a_setting() -> None:
    with pytest.raises(ValueError, match="= 7 is less than minimum_days = 9"):
        Ranking(train_days=5, validation_days=1, test_days=1)
