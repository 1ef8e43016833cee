"""Fitted models: whole versions, a champion pointer, and the way back."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from metro_assets.storage.errors import WarehouseError
from metro_assets.storage.models import ModelStore, Version

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 1, day) for day in (5, 6, 7))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path)
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        store.save("logistic_ranker", day, {"model.json": str(day).encode()}, {"auc": 0.7})
    return store


def test_a_version_comes_back_and_is_replaced_whole(store: ModelStore) -> None:
    assert store.load("logistic_ranker", MONDAY) == {"model.json": b"2026-01-05"}
    store.save("logistic_ranker", MONDAY, {"other.json": b"new"}, {"auc": 0.8})
    assert store.load("logistic_ranker", MONDAY) == {"other.json": b"new"}
    assert store.metadata("logistic_ranker", MONDAY) == {"auc": 0.8}
    assert [version.run_date for version in store.versions("logistic_ranker")] == [MONDAY, TUESDAY, WEDNESDAY]


def test_a_version_that_was_never_fitted_is_named_with_the_remedy(store: ModelStore) -> None:
    with pytest.raises(WarehouseError, match=r"no logistic_ranker fitted for 2026-02-01.*metro run --date 2026-02-01"):
        store.load("logistic_ranker", date(2026, 2, 1))


def test_the_newest_choice_is_the_champion_and_a_backfill_does_not_replace_it(store: ModelStore) -> None:
    store.promote(Version("logistic_ranker", TUESDAY), TUESDAY)
    store.promote(Version("logistic_ranker", MONDAY), MONDAY)
    champion = store.champion()
    assert champion is not None
    assert champion.version == Version("logistic_ranker", TUESDAY)


def test_rollback_puts_the_previous_back_and_pins_it_until_unpinned(store: ModelStore) -> None:
    store.promote(Version("logistic_ranker", MONDAY), MONDAY)
    store.promote(Version("logistic_ranker", TUESDAY), TUESDAY)
    assert store.rollback().version.run_date == MONDAY
    assert store.promote(Version("logistic_ranker", WEDNESDAY), WEDNESDAY).version.run_date == MONDAY
    store.unpin()
    assert store.promote(Version("logistic_ranker", WEDNESDAY), WEDNESDAY).version.run_date == WEDNESDAY


def test_rollback_without_a_previous_champion_says_so(store: ModelStore) -> None:
    store.promote(Version("logistic_ranker", MONDAY), MONDAY)
    with pytest.raises(WarehouseError, match="no previous champion"):
        store.rollback()


def test_promoting_twice_on_a_day_keeps_one_entry(store: ModelStore) -> None:
    store.promote(Version("logistic_ranker", MONDAY), MONDAY)
    store.promote(Version("logistic_ranker", TUESDAY), TUESDAY)
    store.promote(Version("logistic_ranker", TUESDAY), TUESDAY)
    assert store.rollback().version.run_date == MONDAY


def test_a_champion_that_was_put_back_scores_in_place_of_its_rankers_newer_fits(store: ModelStore) -> None:
    for day in (MONDAY, TUESDAY):
        store.promote(Version("logistic_ranker", day), day)
    assert store.scoring_version("logistic_ranker", MONDAY, WEDNESDAY) == Version("logistic_ranker", WEDNESDAY)
    store.rollback()
    assert store.scoring_version("logistic_ranker", WEDNESDAY, WEDNESDAY) == Version("logistic_ranker", MONDAY)
    assert store.scoring_version("boosted_trees_ranker", MONDAY, WEDNESDAY) is None
    assert store.scoring_version("logistic_ranker", date(2026, 1, 3), date(2026, 1, 4)) is None
    store.unpin()
    assert store.scoring_version("logistic_ranker", MONDAY, WEDNESDAY) == Version("logistic_ranker", WEDNESDAY)


def test_the_newest_fit_of_some_days(store: ModelStore) -> None:
    assert store.newest("logistic_ranker", MONDAY, TUESDAY) == Version("logistic_ranker", TUESDAY)
    assert store.newest("logistic_ranker", date(2026, 1, 8), date(2026, 1, 9)) is None


def test_a_model_that_was_kept_is_in_force_since_the_day_that_chose_it(store: ModelStore) -> None:
    store.promote(Version("logistic_ranker", TUESDAY), TUESDAY)
    kept = store.promote(Version("logistic_ranker", MONDAY), WEDNESDAY, through_gate=True)
    assert (kept.version.run_date, kept.is_promoted) == (MONDAY, True)
    assert store.champion_at(TUESDAY).version.run_date == TUESDAY
    assert not store.champion_at(TUESDAY).is_promoted
    assert store.champion_at(WEDNESDAY) == kept


DAILY, CHALLENGER = "logistic_ranker", "wide_deep_ranker"


def promoted(store: ModelStore, *days: date, name: str = CHALLENGER) -> None:
    """The challenger is let through the gate on the first day and serves on the others."""
    for day in days:
        store.save(name, day, {}, {})
        store.promote(Version(name, day), day, through_gate=True)


def test_rollback_of_a_promoted_champion_returns_to_who_was_served_before_it(store: ModelStore) -> None:
    for day in (MONDAY, TUESDAY):
        store.promote(Version(DAILY, day), day)
    promoted(store, TUESDAY, WEDNESDAY, date(2026, 1, 8), date(2026, 1, 9))
    back = store.rollback()
    assert back == store.champion()
    assert (back.version, back.is_pinned, back.is_promoted) == (Version(DAILY, TUESDAY), True, False)
    assert store.scoring_version(DAILY, MONDAY, WEDNESDAY) == Version(DAILY, TUESDAY)
    assert store.rollback().version == Version(DAILY, MONDAY)  # and further back, a day at a time as ever
    store.unpin()
    assert store.promote(Version(DAILY, WEDNESDAY), WEDNESDAY).version == Version(DAILY, WEDNESDAY)


def test_rollback_of_a_promotion_on_the_only_day_that_was_run(store: ModelStore) -> None:
    store.promote(Version(DAILY, MONDAY), MONDAY)
    promoted(store, MONDAY, MONDAY)
    assert store.champion_at(MONDAY).version.name == CHALLENGER
    assert store.rollback().version == Version(DAILY, MONDAY)
    with pytest.raises(WarehouseError, match="no previous champion"):
        store.rollback()


def test_rollback_goes_from_promotion_to_promotion(store: ModelStore) -> None:
    store.promote(Version(DAILY, MONDAY), MONDAY)
    promoted(store, MONDAY, TUESDAY)
    promoted(store, TUESDAY, WEDNESDAY, name="sasrec_ranker")
    back = store.rollback()
    assert (back.version, back.is_promoted) == (Version(CHALLENGER, TUESDAY), True)
    assert store.rollback().version == Version(DAILY, MONDAY)


def test_rollback_passes_over_a_version_that_is_gone(store: ModelStore) -> None:
    for day in (MONDAY, TUESDAY):
        store.promote(Version(DAILY, day), day)
    promoted(store, WEDNESDAY)
    (store.root / DAILY / f"run_date={TUESDAY}" / "metadata.json").unlink()
    assert store.rollback().version == Version(DAILY, MONDAY)


def test_a_promotion_that_serves_for_months_leaves_a_way_back(store: ModelStore) -> None:
    store.promote(Version(DAILY, MONDAY), MONDAY)
    promoted(store, *(MONDAY + timedelta(days=number) for number in range(60)))
    assert store.rollback().version == Version(DAILY, MONDAY)


def test_a_pointer_of_an_older_version_is_read(store: ModelStore, tmp_path: Path) -> None:
    old = '{"history": [{"name": "logistic_ranker", "run_date": "2026-01-05"}], "is_pinned": false}'
    (tmp_path / "models" / "champion.json").write_text(old)
    assert store.champion_at(TUESDAY) == store.champion()
    assert not store.champion().is_promoted
