"""Who is shown what: audiences, the randomised arms, the logging policy and uniform exploration.

The logging policy draws ten offers by systematic sampling with unequal probabilities over a random order (Madow 1949):
exactly ten, and the probability that an offer is in the slate is exactly its share: propensities are no estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from metro_assets.draws import choice, uniform
from metro_assets.pricing import PriceTiers, discount_depth
from metro_assets.sources.synthetic import behaviour_facts as facts
from metro_assets.sources.synthetic.campaigns import live_offers
from metro_assets.sources.synthetic.entities import (
    BUSINESS_TYPES,
    CATEGORIES,
    MECHANICS,
    Businesses,
    Catalogue,
    Floats,
    Integers,
    LiveOffers,
)
from metro_assets.sources.synthetic.latent import Latents
from metro_assets.sources.synthetic.visits import Visits
from metro_assets.vocabulary import OfferMechanic

Flags = npt.NDArray[np.bool_]
POLICY, EXPLORATION, HOLDOUT = 0, 1, 2
"""Codes of the arms, in the order of `ARM_SHARES`."""
LOGGING_POLICY, EXPLORATION_POLICY = "logging-v1", "exploration-v1"


@dataclass(frozen=True)
class Slates:
    """What was shown on a day, arrays [n] sorted by customer and position; and the arms of all due customers."""

    day: int
    customer: Integers
    offer_id: Integers
    position: Integers
    arm: Integers
    propensity: Floats
    due_customer: Integers
    due_arm: Integers
    policy: str = LOGGING_POLICY
    """Who chose the slates of the arm POLICY."""


class Exposure:
    """Offers, audiences and slates of any day, remembered for the days asked for last."""

    def __init__(
        self, catalogue: Catalogue, businesses: Businesses, latents: Latents, visits: Visits, seed: int, live: int
    ) -> None:
        self._catalogue, self._businesses, self._latents = catalogue, businesses, latents
        self._visits, self._seed = visits, seed
        self.offers = lru_cache(maxsize=512)(lambda day: live_offers(catalogue, seed, day, live))
        self.slates = lru_cache(maxsize=64)(self._slates)
        weights = np.zeros((len(BUSINESS_TYPES), len(CATEGORIES)))
        for code in range(len(BUSINESS_TYPES)):
            weights[code] = np.bincount(catalogue.category, latents.type_weights[code], minlength=len(CATEGORIES))
        self._log_share = np.log(np.maximum(weights, 1e-3))

    def web_visits(self, day: int) -> tuple[Integers, Integers]:
        """Customers (ascending) who looked at a product in the web shop on the day, and the product."""
        customers = np.flatnonzero(
            (uniform(self._seed, "web", np.arange(len(self._businesses)), day) < facts.WEB_VISIT_PROBABILITY)
            & (self._businesses.registered_day <= day)
        )
        repertoire = self._latents.repertoire
        held = np.diff(repertoire.start)[customers]
        customers, held = customers[held > 0], held[held > 0]
        row = repertoire.start[customers] + (uniform(self._seed, "web product", customers, day) * held).astype(np.int64)
        return customers, repertoire.product[row].astype(np.int64)

    def audience(self, day: int) -> dict[int, Integers]:
        """Customers (ascending) of every listed offer of the day, by place of the offer; known the evening before."""
        offers = self.offers(day)
        groups = {
            OfferMechanic.BIRTHDAY: self._anniversaries(day),
            OfferMechanic.RFM_REACTIVATION: self._lapsed(day),
            OfferMechanic.NEW_CUSTOMER_ONBOARDING: self._newcomers(day),
        }
        browsed = [self.web_visits(day - back) for back in range(1, facts.WEB_MEMORY_DAYS + 1)]
        who, what = (np.concatenate([part[place] for part in browsed]) for place in (0, 1))
        result = {}
        for place in np.flatnonzero(offers.is_listed):
            mechanic = MECHANICS[offers.mechanic[place]]
            if mechanic is OfferMechanic.ABANDONED_BROWSE:
                members = np.unique(who[self._catalogue.category[what] == offers.category[place]])
            else:
                members = groups[mechanic]
            result[int(place)] = members
        return result

    def holds_for(self, day: int, customers: Integers) -> Flags:
        """Whether each live offer holds in the customer's store, [customers, O]."""
        flags: Flags = self.offers(day).holds_in_store[:, self._businesses.store_id[customers]].T
        return flags

    def _anniversaries(self, day: int) -> Integers:
        reach = facts.BIRTHDAY_DAYS
        month_day = np.array([date.fromordinal(day + shift).strftime("%m%d") for shift in range(-reach, reach + 1)])
        founded = self._founded_month_day()
        return np.flatnonzero(np.isin(founded, month_day.astype(np.int64)) & (self._businesses.registered_day < day))

    def _founded_month_day(self) -> Integers:
        founded = self._businesses.frame["founded_date"]
        return (founded.dt.month().cast(int) * 100 + founded.dt.day()).to_numpy().astype(np.int64)

    def _lapsed(self, day: int) -> Integers:
        """Last visit between three and four weeks ago."""
        least, most = facts.LAPSED_DAYS
        recent = np.any([self._visits.on(day - back) for back in range(1, least + 1)], axis=0)
        earlier = np.any([self._visits.on(day - back) for back in range(least + 1, most + 1)], axis=0)
        return np.flatnonzero(~recent & earlier)

    def _newcomers(self, day: int) -> Integers:
        age = day - self._businesses.registered_day
        return np.flatnonzero((age > 0) & (age <= facts.ONBOARDING_DAYS))

    def next_slate_days(self, day: int, customers: Integers) -> Integers:
        """Days from the day, 0 for itself, until each customer is due for a slate."""
        turn = (uniform(self._seed, "slate day", customers) * facts.SLATE_EVERY_DAYS).astype(np.int64)
        days: Integers = (turn - day) % facts.SLATE_EVERY_DAYS
        return days

    def expected_shares(self, day: int, customers: Integers) -> Floats:
        """Probability that each live offer is in a slate of the customer's, whatever the arm, [customers, O]."""
        policy, exploration = (
            facts.ARM_SHARES[arm] * self._shares(day, customers, np.full(len(customers), arm))
            for arm in (POLICY, EXPLORATION)
        )
        may_be_shown = np.asarray(self._businesses.consents[customers].any(axis=1))
        shares: Floats = (policy + exploration) * may_be_shown[:, None]
        return shares

    def _slates(self, day: int) -> Slates:
        business = self._businesses
        is_due = self.next_slate_days(day, np.arange(len(business))) == 0
        due = np.flatnonzero(is_due & (business.registered_day < day) & business.consents.any(axis=1))
        arm = choice(facts.ARM_SHARES, uniform(self._seed, "arm", due, day))
        shown = due[arm != HOLDOUT]
        shown_arm = arm[arm != HOLDOUT]
        share = self._shares(day, shown, shown_arm)
        chosen = self._draw(day, shown, share)
        row, place = np.nonzero(chosen)
        offers = self.offers(day)
        noise = -np.log(-np.log(uniform(self._seed, "place", shown[row], day, offers.offer_id[place])))
        liking = np.where(shown_arm[row] == POLICY, np.log(np.maximum(share[row, place], 1e-12)), 0.0)
        order = np.lexsort((-(liking + noise), row))
        row, place = row[order], place[order]
        position = np.arange(len(row)) - np.searchsorted(row, row) + 1
        return Slates(
            day=day,
            customer=shown[row],
            offer_id=offers.offer_id[place],
            position=position,
            arm=shown_arm[row],
            propensity=share[row, place],
            due_customer=due,
            due_arm=arm,
        )

    def _shares(self, day: int, customers: Integers, arm: Integers) -> Floats:
        """Probability that each offer is in each customer's slate, [customers, O]; rows sum to the slate's size."""
        offers = self.offers(day)
        eligible = self.holds_for(day, customers)
        audience = self.audience(day)
        for place in np.flatnonzero(offers.is_listed):
            eligible[:, place] &= np.isin(customers, audience[int(place)], assume_unique=True)
        utility = (
            facts.POLICY_CATEGORY_WEIGHT
            * self._log_share[:, offers.category][self._businesses.business_type[customers]]
        )
        utility = utility + facts.POLICY_DEPTH_WEIGHT * self.depth(offers)[None, :]
        weight = np.where(eligible, np.where((arm == POLICY)[:, None], np.exp(utility), 1.0), 0.0)
        return inclusion_probabilities(weight, facts.SLATE_SIZE)

    def depth(self, offers: LiveOffers) -> Floats:
        """Effective depth of each offer at its anchor's typical quantity, [O], at base prices."""
        anchor = offers.anchor
        tiers = PriceTiers(*(values[anchor] for values in self._catalogue.tiers))
        return discount_depth(np.maximum(np.rint(self._catalogue.typical_quantity[anchor]), 1.0), tiers, offers.terms)

    def _draw(self, day: int, customers: Integers, share: Floats) -> Flags:
        """Systematic sampling: over a random order of offers, those at which the running sum passes u + k."""
        offers = self.offers(day)
        order = np.argsort(
            uniform(self._seed, "slate order", customers[:, None], day, offers.offer_id[None, :]), axis=1
        )
        running = np.cumsum(np.take_along_axis(share, order, axis=1), axis=1)
        start = uniform(self._seed, "slate start", customers, day)[:, None]
        # Rounding keeps the last sum at the slate's size, so that exactly so many are drawn.
        passed = np.floor(np.round(running, 9) - start + 1)
        taken = np.diff(passed, axis=1, prepend=0.0) > 0
        chosen = np.zeros_like(taken)
        np.put_along_axis(chosen, order, taken, axis=1)
        return chosen


def inclusion_probabilities(weight: Floats, size: int) -> Floats:
    """Shares proportional to weight that sum to `size` in every row, none above one; [rows, items].

    Where fewer than `size` items have weight, each of them has probability one.
    """
    share = np.zeros_like(weight)
    is_certain = np.zeros(weight.shape, dtype=bool)
    for _ in range(size + 1):
        rest = np.where(is_certain, 0.0, weight)
        total = rest.sum(axis=1, keepdims=True)
        left = size - is_certain.sum(axis=1, keepdims=True)
        share = np.where(is_certain, 1.0, np.divide(rest * left, total, out=np.zeros_like(weight), where=total > 0))
        over = (share >= 1.0) & ~is_certain & (weight > 0)
        if not over.any():
            break
        is_certain |= over
    return np.minimum(share, 1.0)
