"""Feasts and fasts against published dates."""

from datetime import date

import pytest

from metro_assets.sources.synthetic.calendar import (
    category_factor,
    demand_days,
    is_fast,
    is_open,
    orthodox_easter,
    season_factor,
    weekday_factor,
)
from metro_assets.sources.synthetic.entities import CATEGORIES, SEGMENTS
from metro_assets.vocabulary import Category, Segment

HORECA = SEGMENTS.index(Segment.HORECA)


@pytest.mark.parametrize(
    ("year", "feast"),
    [(2023, date(2023, 4, 16)), (2024, date(2024, 5, 5)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 12))],
)
def test_orthodox_easter(year: int, feast: date) -> None:
    assert orthodox_easter(year) == feast


def test_stores_are_closed_on_the_great_feasts() -> None:
    assert not is_open(date(2026, 4, 12))
    assert not is_open(date(2026, 12, 25))
    assert weekday_factor(date(2026, 12, 25)).sum() == 0
    assert is_open(date(2026, 4, 11))


def test_horeca_peaks_on_monday_and_thursday() -> None:
    week = [weekday_factor(date(2026, 6, 1 + day))[HORECA] for day in range(7)]
    assert sorted(range(7), key=lambda day: -week[day])[:2] == [0, 3]
    assert sum(week) == pytest.approx(7, abs=0.05)


def test_the_run_up_to_a_feast_reaches_its_peak_and_ends() -> None:
    assert season_factor(date(2026, 12, 23))[0, 0] == pytest.approx(2.5)
    assert season_factor(date(2026, 4, 10))[0, 0] == pytest.approx(1.8)
    assert season_factor(date(2026, 4, 14))[0, 0] == 1.0


def test_meat_and_dairy_fall_in_lent_and_fish_rises() -> None:
    lent, ordinary = date(2026, 3, 16), date(2026, 6, 15)
    assert is_fast(lent)
    assert not is_fast(ordinary)
    meat, fish = (CATEGORIES.index(name) for name in (Category.MEAT_POULTRY, Category.SEAFOOD))
    assert category_factor(lent)[meat] < category_factor(ordinary)[meat]
    assert category_factor(lent)[fish] > category_factor(ordinary)[fish]


def test_the_coast_lives_in_summer() -> None:
    inland, coast = season_factor(date(2026, 7, 15))[HORECA]
    assert coast > inland
    inland, coast = season_factor(date(2026, 2, 15))[HORECA]
    assert coast < inland


def test_the_clock_of_demand_runs_with_the_season_and_days_add_up() -> None:
    first, christmas = date(2026, 12, 20).toordinal(), date(2026, 12, 25).toordinal()
    assert demand_days(first, christmas)[HORECA, 0] == pytest.approx(
        sum(season_factor(date.fromordinal(day))[HORECA, 0] for day in range(first, christmas))
    )
    assert demand_days(first, christmas)[HORECA, 0] > 5 * 2.2
    new_year = date(2027, 1, 2).toordinal()
    assert demand_days(first, new_year) == pytest.approx(
        demand_days(first, christmas) + demand_days(christmas, new_year)
    )
    assert demand_days(christmas, first) == pytest.approx(-demand_days(first, christmas))
