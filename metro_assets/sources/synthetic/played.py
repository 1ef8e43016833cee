"""A policy under test in the place of the logging policy: what it shows from a day on, and nothing else of the world.

Who is due, the randomised arms and the exploration slates are the world's own. All other draws are hashes of the same
keys, so that two policies meet the same customers on the same mornings with the same needs (common random numbers).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import polars as pl

from metro_assets.sources.synthetic.entities import Floats, Integers
from metro_assets.sources.synthetic.slates import EXPLORATION, POLICY, Exposure, Slates
from metro_assets.sources.synthetic.world import World


@dataclass(frozen=True)
class Chosen:
    """What a policy shows on a day, arrays [n] in any order; customers by id, positions from 1 for each of them."""

    customer_id: Integers
    offer_id: Integers
    position: Integers
    propensity: Floats
    """Probability with which the policy puts the offer into the slate: 1 where it draws no lots."""

    @classmethod
    def nothing(cls) -> Self:
        """No slate for anybody."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, none, np.empty(0))


class PlayedExposure(Exposure):
    """Exposure whose slates of the arm POLICY are played day by day from `start` on; those before are the log's.

    `expected_shares` stays the logging policy's: of slates that are not played yet nothing is known.
    """

    def __init__(self, world: World, policy: str, start: date) -> None:
        super().__init__(world.catalogue, world.businesses, world.latents, world.visits, world.seed, world.live_offers)
        self._policy, self._start, self._played = policy, start.toordinal(), dict[int, Slates]()

    def due(self, day: date) -> Integers:
        """Ids of the customers for whom the policy chooses on the day."""
        slates = super()._slates(day.toordinal())
        ids: Integers = slates.due_customer[slates.due_arm == POLICY] + 1
        return ids

    def explored(self, day: date) -> pl.DataFrame:
        """The random slates of a day: customer_id, offer_id, position, propensity."""
        slates = super()._slates(day.toordinal())
        rows = slates.arm == EXPLORATION
        return pl.DataFrame(
            {
                "customer_id": (slates.customer[rows] + 1).astype(np.int32),
                "offer_id": slates.offer_id[rows].astype(np.int32),
                "position": slates.position[rows].astype(np.int8),
                "propensity": slates.propensity[rows],
            }
        )

    def play(self, day: date, chosen: Chosen) -> None:
        """Show what the policy chose for a day, once.

        Raises
        ------
        ValueError : the day is before the start or was played, a customer is not due in the arm POLICY, an offer is
            not live, or positions are not 1, 2, … for a customer.
        """
        moment = day.toordinal()
        if moment < self._start or moment in self._played:
            raise ValueError(f"{day} was {'played already' if moment in self._played else 'before the start'}")
        logged = super()._slates(moment)
        customer = np.asarray(chosen.customer_id, dtype=np.int64) - 1
        offer_id = np.asarray(chosen.offer_id, dtype=np.int64)
        position = np.asarray(chosen.position, dtype=np.int64)
        _refuse_impossible(logged, customer, offer_id, position, self.offers(moment).offer_id)
        kept = logged.arm == EXPLORATION
        who = np.concatenate([customer, logged.customer[kept]])
        propensity = np.concatenate([np.asarray(chosen.propensity, dtype=np.float64), logged.propensity[kept]])
        place = np.concatenate([position, logged.position[kept]])
        order = np.lexsort((place, who))
        self._played[moment] = Slates(
            day=moment,
            customer=who[order],
            offer_id=np.concatenate([offer_id, logged.offer_id[kept]])[order],
            position=place[order],
            arm=np.concatenate([np.full(len(customer), POLICY), logged.arm[kept]])[order],
            propensity=propensity[order],
            due_customer=logged.due_customer,
            due_arm=logged.due_arm,
            policy=self._policy,
        )

    def _slates(self, day: int) -> Slates:
        if day < self._start:
            return super()._slates(day)
        if day not in self._played:
            raise LookupError(f"{date.fromordinal(day)} has not been played yet")
        return self._played[day]


def _refuse_impossible(
    logged: Slates, customer: Integers, offer_id: Integers, position: Integers, live: Integers
) -> None:
    """Raise ValueError where a choice is none that could be shown."""
    due = logged.due_customer[logged.due_arm == POLICY]
    if not np.isin(customer, due).all():
        raise ValueError("a policy may choose for the customers that are due in its arm only")
    if not np.isin(offer_id, live).all():
        raise ValueError("a policy may choose live offers only")
    order = np.lexsort((position, customer))
    first = np.searchsorted(customer[order], customer[order])
    if not (position[order] == np.arange(len(order)) - first + 1).all():
        raise ValueError("the positions of a customer's slate must be 1, 2, …")
