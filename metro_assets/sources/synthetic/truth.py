"""The known truth: what a customer would do, as the world knows it. Evaluation alone may ask.

Stated in closed form from the latents and the state before the day, the day's own draws unknown. Approximations: the
offers of the other impressions are taken as absent; several needs of one product within the horizon count as
independent chances; lines outside the repertoire are left out; prices, fasts and usual quantities are those of the
first day; that a personal offer was used already is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from metro_assets.draws import quick_bits
from metro_assets.pricing import PriceTiers, discount_depth
from metro_assets.sources.synthetic import behaviour_facts as facts
from metro_assets.sources.synthetic.entities import Floats, Integers, LiveOffers
from metro_assets.sources.synthetic.response import NOT_SHOWN, terms_of
from metro_assets.sources.synthetic.world import World

Examination: TypeAlias = Callable[[int], Floats]
"""Probability that each pair's offer is known by an impression on a visit so many days ahead."""


class Truth:
    """Probabilities of pairs (customer, offer) from a day over a horizon."""

    def __init__(self, world: World, horizon_days: int) -> None:
        self._world, self._horizon = world, horizon_days

    def redemption_probability(
        self,
        day: date,
        customer_id: npt.NDArray[Any],
        offer_id: npt.NDArray[Any],
        position: npt.NDArray[Any] | None = None,
    ) -> Floats:
        """Probability that an offer live on the day, shown on it at the position (default: the top), is redeemed."""
        customer = _index(customer_id)
        place = np.ones(len(customer), dtype=np.int64) if position is None else np.asarray(position, dtype=np.int64)
        needed, caused = self._chances(
            day.toordinal(), customer, np.asarray(offer_id), self._shown_on_the_day(customer, place)
        )
        result: Floats = 1.0 - (1.0 - needed[1]) * (1.0 - caused)
        return result

    def unprompted_probability(self, day: date, customer_id: npt.NDArray[Any], offer_id: npt.NDArray[Any]) -> Floats:
        """Probability that an offer live on the day is redeemed if the log goes on as it does.

        Known are the impressions before the day; of the slates to come, the logging policy's probabilities.
        """
        moment, customer, offer = day.toordinal(), _index(customer_id), np.asarray(offer_id)
        needed, caused = self._chances(moment, customer, offer, self._shown_by_the_log(moment, customer, offer))
        result: Floats = 1.0 - (1.0 - needed[1]) * (1.0 - caused)
        return result

    def purchase_probability(
        self,
        day: date,
        customer_id: npt.NDArray[Any],
        offer_id: npt.NDArray[Any],
        *,
        is_shown: bool,
    ) -> Floats:
        """Probability that one of the offer's products is bought in the horizon, with the offer shown or without."""
        customer = _index(customer_id)
        at_top = self._shown_on_the_day(customer, np.ones(len(customer), dtype=np.int64))
        needed, caused = self._chances(day.toordinal(), customer, np.asarray(offer_id), at_top)
        result: Floats = 1.0 - (1.0 - needed[0]) * (1.0 - caused) if is_shown else needed[0]
        return result

    def _shown_on_the_day(self, customer: Integers, position: Integers) -> Examination:
        """Each pair shown on the day at its position."""
        attention = self._world.latents.attention[customer]
        return lambda ahead: self._world.response.examination(position, ahead, attention)

    def _shown_by_the_log(self, day: int, customer: Integers, offer_id: Integers) -> Examination:
        """Each pair as shown before the day, and as the slates due on it and after it can be expected to show it."""
        world = self._world
        people, row = np.unique(customer, return_inverse=True)
        offer = self._places(day, offer_id)
        shown = world.response.shown(day, people, since_days=1)
        position, age = shown.position[row, offer], shown.age_days[row, offer].astype(np.float64)
        share = world.exposure.expected_shares(day, people)[row, offer]
        due = world.exposure.next_slate_days(day, people)[row]
        attention = world.latents.attention[customer]
        places = np.arange(1, facts.SLATE_SIZE + 1)[:, None]

        def examined(ahead: int) -> Floats:
            before = np.where(position > NOT_SHOWN, world.response.examination(position, age + ahead, attention), 0.0)
            unknown = 1.0 - before
            for start in range(0, self._horizon, facts.SLATE_EVERY_DAYS):
                since = ahead - due - start
                read = world.response.examination(places, np.maximum(since, 0), attention).mean(axis=0)
                unknown = unknown * (1.0 - np.where(since >= 0, share * read, 0.0))
            result: Floats = 1.0 - unknown
            return result

        return examined

    def _places(self, day: int, offer_id: Integers) -> Integers:
        """Places of the offers among those live on the day."""
        live = self._world.exposure.offers(day).offer_id
        place: Integers = np.minimum(np.searchsorted(live, offer_id), len(live) - 1)
        if not (live[place] == offer_id).all():
            raise ValueError("every offer must be live on the day")
        return place

    def _chances(
        self, day: int, customer: Integers, offer_id: Integers, examination: Examination
    ) -> tuple[tuple[Floats, Floats], Floats]:
        """Per pair: chance of needing a product of the offer, of needing it under the offer; of a caused purchase."""
        offers = self._world.exposure.offers(day)
        offer = self._places(day, offer_id)
        remaining = np.minimum(self._horizon, offers.valid_to_day - day + 1)
        visit = np.array([self._world.visits.probability(day + ahead) for ahead in range(self._horizon)])
        last, first = self._visit_chances(visit)
        code = customer * len(offers) + offer
        order = np.argsort(code, kind="stable")
        row, row_offer, request = self._covering_rows(offers, customer, code, order)
        holder = customer[request]
        due = self._due_by_horizon(day, row, holder, last, remaining[row_offer])
        attention = self._world.latents.attention[customer]
        examinations = [examination(ahead) for ahead in range(self._horizon)]
        examined, weight = np.zeros(len(customer)), np.full(len(customer), 1e-9)
        for ahead, known in enumerate(examinations):
            share = np.where(ahead < remaining[offer], first[ahead, customer], 0.0)
            examined, weight = examined + share * known, weight + share
        examined = examined / weight
        aware = self._world.response.awareness(examined, attention, offers.is_personal[offer])
        repertoire = self._world.latents.repertoire
        product = repertoire.product[row]
        keep = self._world.demand.keep_share(day)[self._world.catalogue.category[product]].astype(np.float64)
        tiers, _ = self._world.response.prices(day)
        depth = discount_depth(
            np.maximum(np.rint(repertoire.quantity[row].astype(np.float64)), 1.0),
            PriceTiers(*(values[product] for values in tiers)),
            terms_of(offers.terms, row_offer),
        )
        holds = offers.holds_in_store[offer, self._world.businesses.store_id[customer]]
        uses = np.where((depth > facts.LEAST_DEPTH) & holds[request], aware[request], 0.0)
        times = np.maximum(repertoire.frequency[row] * remaining[row_offer] * visit.mean(axis=0)[holder], 1.0)
        bought = due * (1.0 - (1.0 - keep) ** times)
        redeemed = due * (1.0 - (1.0 - keep * uses) ** times)
        needs = tuple(
            1.0 - np.exp(np.bincount(request, np.log1p(-np.minimum(chance, 1 - 1e-9)), minlength=len(customer)))
            for chance in (bought, redeemed)
        )
        caused = self._caused(day, offers, customer, offer, examinations, visit, remaining)
        return (needs[0], needs[1]), caused * holds

    def _visit_chances(self, visit: Floats) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Chance that each day is the last visit, for horizons 1..h [h, h, C]; that it is the first [h, C]."""
        horizon, customers = visit.shape
        last = np.zeros((horizon, horizon, customers), dtype=np.float32)
        for days in range(1, horizon + 1):
            after = np.ones(customers)
            for ahead in range(days - 1, -1, -1):
                last[days - 1, ahead] = visit[ahead] * after
                after = after * (1 - visit[ahead])
        absent = np.cumprod(np.vstack([np.ones(customers), 1 - visit[:-1]]), axis=0)
        return last, (visit * absent).astype(np.float32)

    def _covering_rows(
        self, offers: LiveOffers, customer: Integers, code: Integers, order: Integers
    ) -> tuple[Integers, Integers, Integers]:
        """Repertoire rows of products that asked-for offers cover: row, place of the offer, number of the request."""
        repertoire = self._world.latents.repertoire
        covered = np.zeros(len(self._world.catalogue), dtype=bool)
        covered[offers.products] = True
        asked = np.zeros(len(self._world.businesses), dtype=bool)
        asked[customer] = True
        owner = np.repeat(np.arange(len(asked)), np.diff(repertoire.start))
        rows = np.flatnonzero(covered[repertoire.product] & asked[owner])
        by_product = np.argsort(offers.products, kind="stable")
        offer_of = np.repeat(np.arange(len(offers)), np.diff(offers.product_start))[by_product]
        start = np.searchsorted(offers.products[by_product], np.arange(len(covered) + 1))
        count = np.diff(start)[repertoire.product[rows]]
        row = np.repeat(rows, count)
        inside = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        row_offer = offer_of[np.repeat(start[repertoire.product[rows]], count) + inside]
        wanted = owner[row] * len(offers) + row_offer
        at = np.minimum(np.searchsorted(code, wanted, sorter=order), len(code) - 1)
        request = order[at]
        found = code[request] == wanted
        return row[found], row_offer[found], request[found]

    def _due_by_horizon(
        self, day: int, row: Integers, holder: Integers, last: npt.NDArray[Any], remaining: Integers
    ) -> Floats:
        """Chance that a row's need falls due between the previous visit and the last visit of the horizon."""
        repertoire, world = self._world.latents.repertoire, self._world
        everyone = np.arange(len(world.businesses))
        gap = world.visits.gap_demand(day, everyone)[holder]
        elapsed = world.visits.demand_days(world.first_day, day, everyone)[holder]
        frequency = repertoire.frequency[row].astype(np.float64)
        offset = day - world.first_day
        place = repertoire.phase[row] + (elapsed - gap) * frequency
        cycle = np.floor(place)
        place = place - cycle
        width = facts.JITTER_SHARE
        word = quick_bits(world.seed, "jitter", repertoire.key[row], cycle.astype(np.int64).astype(np.uint32))
        is_open = word.astype(np.float64) * (width / 2**32) > place
        chance = np.zeros(len(row))
        for ahead in range(last.shape[1]):
            coming = world.visits.demand_days(day, day + ahead, everyone)[holder]
            end = place + (gap + coming) * frequency
            this = np.where(is_open, np.clip((end - place) / np.maximum(width - place, 1e-9), 0, 1), 0.0)
            following = np.clip((end - 1.0) / width, 0, 1)
            due = 1.0 - (1.0 - this) * (1.0 - following)
            chance += last[remaining - 1, ahead, holder] * due
        is_alive = (repertoire.first_day[row] <= offset) & (offset < repertoire.last_day[row])
        return np.where(is_alive, chance, 0.0)

    def _caused(
        self,
        day: int,
        offers: LiveOffers,
        customer: Integers,
        offer: Integers,
        examinations: list[Floats],
        visit: Floats,
        remaining: Integers,
    ) -> Floats:
        """Chance that the offer makes an additional purchase within the horizon."""
        world = self._world
        quantity = world.response.trial_quantity(offers, offer, customer)
        tiers, _ = world.response.prices(day)
        anchor = PriceTiers(*(values[offers.anchor[offer]] for values in tiers))
        depth = discount_depth(quantity, anchor, terms_of(offers.terms, offer))
        taste = world.latents.taste[customer, offers.category[offer]]
        none = np.ones(len(customer))
        for ahead, examined in enumerate(examinations):
            chance = world.response.caused_probability(depth, examined, taste, world.latents.sensitivity[customer])
            none *= 1.0 - np.where(ahead < remaining[offer], visit[ahead, customer] * chance, 0.0)
        return 1.0 - none


def _index(customer_id: npt.NDArray[Any]) -> Integers:
    return np.asarray(customer_id, dtype=np.int64) - 1
