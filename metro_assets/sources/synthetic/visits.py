"""Who comes to the store on a day, and when each came before."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from metro_assets.draws import normal, uniform
from metro_assets.sources.synthetic import behaviour_facts as facts
from metro_assets.sources.synthetic.calendar import demand_days, season_factor, weekday_factor
from metro_assets.sources.synthetic.entities import Businesses, Floats, Integers
from metro_assets.sources.synthetic.latent import Latents


class Visits:
    """Visits of all customers; every day follows from the seed alone, days already asked for are remembered."""

    def __init__(self, businesses: Businesses, latents: Latents, seed: int) -> None:
        self._businesses, self._latents, self._seed = businesses, latents, seed
        self.on = lru_cache(maxsize=256)(self._on)
        self._level = lru_cache(maxsize=64)(self._block_level)

    def probability(self, day: int) -> Floats:
        """Probability that each customer comes on the day, [C]."""
        business, moment = self._businesses, date.fromordinal(day)
        rhythm = self._latents.visits_per_week / 7.0
        rhythm = rhythm * weekday_factor(moment)[business.segment]
        rhythm = rhythm * season_factor(moment)[business.segment, self._coast]
        rhythm = rhythm * self._drift(day)
        rhythm = np.where(day >= self._latents.churn_day, rhythm * facts.CHURNED_LEVEL, rhythm)
        chance: Floats = np.where(day >= business.registered_day, np.minimum(rhythm, facts.MOST_PROBABLE_VISIT), 0.0)
        return chance

    def gap_days(self, day: int, customers: Integers) -> npt.NDArray[np.float32]:
        """Days since the previous visit, at most `PREVIOUS_VISIT_DAYS`."""
        gap = np.full(len(customers), facts.PREVIOUS_VISIT_DAYS, dtype=np.float32)
        open_rows = np.arange(len(customers))
        for back in range(1, facts.PREVIOUS_VISIT_DAYS):
            came = self.on(day - back)[customers[open_rows]]
            gap[open_rows[came]] = back
            open_rows = open_rows[~came]
            if not len(open_rows):
                break
        return gap

    def demand_days(self, first: int, day: int, customers: Integers) -> npt.NDArray[np.float32]:
        """Ordinary days' worth of each customer's demand from the opening of one day to that of another."""
        elapsed = demand_days(first, day)[self._businesses.segment[customers], self._coast[customers]]
        return elapsed.astype(np.float32)

    def gap_demand(self, day: int, customers: Integers) -> npt.NDArray[np.float32]:
        """Ordinary days' worth of demand since each customer's previous visit."""
        table = np.stack([demand_days(day - back, day) for back in range(facts.PREVIOUS_VISIT_DAYS + 1)])
        gap = self.gap_days(day, customers).astype(np.int64)
        since = table[gap, self._businesses.segment[customers], self._coast[customers]]
        return since.astype(np.float32)

    @property
    def _coast(self) -> Integers:
        return self._businesses.is_coastal.astype(np.int64)

    def _on(self, day: int) -> npt.NDArray[np.bool_]:
        """Whether each customer comes on the day, [C]."""
        customers = np.arange(len(self._businesses))
        came: npt.NDArray[np.bool_] = uniform(self._seed, "visit", customers, day) < self.probability(day)
        return came

    def _drift(self, day: int) -> Floats:
        """A slow wave of each customer's level, interpolated between draws four weeks apart; mean 1."""
        block, inside = divmod(day, facts.DRIFT_DAYS)
        share = inside / facts.DRIFT_DAYS
        wave = (1 - share) * self._level(block) + share * self._level(block + 1)
        spread = facts.DRIFT_SIGMA * np.sqrt((1 - share) ** 2 + share**2)
        drift: Floats = np.exp(facts.DRIFT_SIGMA * wave - spread**2 / 2)
        return drift

    def _block_level(self, block: int) -> Floats:
        return normal(self._seed, "drift", np.arange(len(self._businesses)), block)
