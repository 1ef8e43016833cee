"""The year of a Romanian wholesaler: weekdays, Orthodox feasts and fasts, the coast in summer."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import numpy.typing as npt
from dateutil.easter import EASTER_ORTHODOX, easter

from metro_assets.sources.synthetic.entities import CATEGORIES, SEGMENTS
from metro_assets.vocabulary import Category, Segment

Floats = npt.NDArray[np.float64]

WEEKDAYS = {
    Segment.HORECA: (1.45, 0.90, 0.95, 1.40, 1.10, 0.80, 0.40),
    Segment.TRADER: (1.25, 1.10, 1.05, 1.10, 1.15, 0.90, 0.45),
    Segment.SCO: (1.35, 1.35, 1.30, 1.20, 1.15, 0.45, 0.20),
    Segment.FREELANCER: (1.00, 1.00, 1.00, 1.05, 1.15, 1.20, 0.60),
}
"""Visits on a weekday over the mean day, Monday first. Monday and Thursday peaks of HoReCa (seed); the rest assumed."""
CHRISTMAS_PEAK, EASTER_PEAK = 2.5, 1.8
"""Height of the run-up (seed)."""
COAST_SUMMER, COAST_WINTER = 1.6, 0.75
"""Coastal HoReCa in July and August, and from November to March (assumed)."""
JANUARY = 0.75
"""The weeks after the feasts (assumed)."""
CLOCK_START = 2000
"""Year in which the clock of demand starts; a world of earlier years has a clock that does not know their seasons."""
FAST_FACTOR = 0.72
"""Demand for meat and dairy on days of fast (assumed)."""

_ANIMAL = (Category.MEAT_POULTRY, Category.DAIRY_EGGS, Category.DELI_CHARCUTERIE)


def orthodox_easter(year: int) -> date:
    """Orthodox Easter Sunday in the civil calendar."""
    feast: date = easter(year, EASTER_ORTHODOX)
    return feast


def is_open(day: date) -> bool:
    """Whether the stores are open: closed on New Year's Day, Easter Sunday and Christmas Day."""
    return (day.month, day.day) not in {(1, 1), (12, 25)} and day != orthodox_easter(day.year)


def is_fast(day: date) -> bool:
    """Whether the day belongs to Great Lent, the Nativity fast, the Dormition fast, or is a Wednesday or Friday."""
    feast = orthodox_easter(day.year)
    in_lent = feast - timedelta(days=48) <= day < feast
    in_nativity = (11, 15) <= (day.month, day.day) <= (12, 24)
    in_dormition = day.month == 8 and day.day <= 14
    is_bright_week = feast <= day < feast + timedelta(days=7)
    is_weekly = day.weekday() in (2, 4) and not is_bright_week and (day.month, day.day) < (12, 25)
    return in_lent or in_nativity or in_dormition or is_weekly


def weekday_factor(day: date) -> Floats:
    """Visits over the mean day, [segments]; 0 when closed."""
    if not is_open(day):
        return np.zeros(len(SEGMENTS))
    return np.array([WEEKDAYS[segment][day.weekday()] for segment in SEGMENTS])


def season_factor(day: date) -> Floats:
    """Demand over an ordinary week's, [segments, 2]: inland and coastal stores."""
    feasts = max(
        _run_up(day, date(day.year, 12, 25), CHRISTMAS_PEAK), _run_up(day, orthodox_easter(day.year), EASTER_PEAK)
    )
    is_low = (day.month == 1 and day.day <= 24) or (day.month, day.day) >= (12, 27)
    factor = np.full((len(SEGMENTS), 2), feasts * (JANUARY if is_low else 1.0))
    horeca = SEGMENTS.index(Segment.HORECA)
    if day.month in (7, 8):
        factor[horeca, 1] *= COAST_SUMMER
    elif day.month in (11, 12, 1, 2, 3):
        factor[horeca, 1] *= COAST_WINTER
    return factor


def demand_days(first: int, day: int) -> Floats:
    """Ordinary days' worth of demand from the opening of `first` to that of `day` (ordinals), [segments, 2].

    The clock of needs: at Christmas it runs 2.5 times as fast, so that baskets grow where visits no longer can.
    """
    return _demand_until(day) - _demand_until(first)


def category_factor(day: date) -> Floats:
    """Demand for each category over its mean, [categories]."""
    factor = np.ones(len(CATEGORIES))
    is_fasting = is_fast(day)
    christmas = day.month == 12 and 5 <= day.day <= 24
    for place, category in enumerate(CATEGORIES):
        if is_fasting and category in _ANIMAL:
            factor[place] *= FAST_FACTOR
        if is_fasting and category in (Category.FRUITS_VEGETABLES, Category.SEAFOOD):
            factor[place] *= 1.12
        if christmas and category in (Category.SEAFOOD, Category.CONFECTIONERY_SNACKS, Category.BEVERAGES_ALCOHOLIC):
            factor[place] *= 1.35
        if day.month in (6, 7, 8) and category in (Category.BEVERAGES_NON_ALCOHOLIC, Category.FROZEN_FOODS):
            factor[place] *= 1.30
        if day.month == 9 and day.day <= 20 and category is Category.OFFICE_SUPPLIES:
            factor[place] *= 1.60
    return factor


def _demand_until(day: int) -> Floats:
    moment = date.fromordinal(day)
    before = _demand_before(moment.year)
    within = _demand_of_year(moment.year)[day - date(moment.year, 1, 1).toordinal()]
    total: Floats = before + within
    return total


@cache
def _demand_before(year: int) -> Floats:
    """Demand of the years since `CLOCK_START`, before the year."""
    if year <= CLOCK_START:
        return np.zeros((len(SEGMENTS), 2))
    total: Floats = _demand_before(year - 1) + _demand_of_year(year - 1)[-1]
    return total


@cache
def _demand_of_year(year: int) -> Floats:
    """Demand of the first k days of the year, [days + 1, segments, 2]."""
    first, following = date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()
    factors = [season_factor(date.fromordinal(day)) for day in range(first, following)]
    return np.concatenate([np.zeros((1, len(SEGMENTS), 2)), np.cumsum(factors, axis=0)])


def _run_up(day: date, feast: date, peak: float) -> float:
    """A rise over three weeks to the peak in the last days before the feast, gone on the feast itself."""
    before = (feast - day).days
    if not 1 <= before <= 21:
        return 1.0
    return 1.0 + (peak - 1.0) * min(1.0, (22 - before) / 18) ** 2
