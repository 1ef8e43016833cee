"""The known truth: what a customer would do, as the world knows it. Evaluation alone may ask.

Stated in closed form from the latents and the state before the day, the day's own draws unknown. Approximations: the
offers of the other impressions are taken as absent; several needs of one product within the horizon count as
independent chances; lines outside the repertoire are left out; prices, fasts and usual quantities are those of the
first day; that a personal offer was used already is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from metro_assets.draws import quick_bits
from metro_assets.pricing import PriceTiers, discount_depth, margin_impact, unit_margin
from metro_assets.sources.synthetic import behaviour_facts as facts
from metro_assets.sources.synthetic.entities import Floats, Integers, LiveOffers
from metro_assets.sources.synthetic.response import NOT_SHOWN, terms_of
from metro_assets.sources.synthetic.world import World

Examination: TypeAlias = Callable[[int], Floats]
"""Probability that each pair's offer is known by an impression on a visit so many days ahead."""


@dataclass(frozen=True)
class _Needs:
    """Pairs, arrays [n], and the repertoire rows that their offers cover, arrays [rows]."""

    day: int
    offers: LiveOffers
    customer: Integers
    offer: Integers
    """Place of the pair's offer among those live."""
    remaining: Integers
    """Days of the horizon on which each live offer is valid, [O]."""
    visit: Floats
    first_visit: npt.NDArray[Any]
    """Chance of a visit, of the first visit, on each day ahead, [horizon, C]."""
    holds: npt.NDArray[np.bool_]
    request: Integers
    """Number of the pair of each row."""
    row_offer: Integers
    product: Integers
    quantity: Floats
    due: Floats
    """Chance that the row's need falls due by the last visit of the horizon."""
    keep: Floats
    times: Floats
    is_usable: npt.NDArray[np.bool_]
    """The offer lowers the price of the row's product in the customer's store."""


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
        *,
        is_shown: bool = True,
    ) -> Floats:
        """Probability that an offer live on the day is redeemed, shown at the position (default: the top) or not."""
        customer = _index(customer_id)
        place = np.ones(len(customer), dtype=np.int64) if position is None else np.asarray(position, dtype=np.int64)
        examination = self._shown_on_the_day(customer, place) if is_shown else _never
        needed, caused = self._chances(day.toordinal(), customer, np.asarray(offer_id), examination)
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
        position: npt.NDArray[Any] | None = None,
        *,
        is_shown: bool,
    ) -> Floats:
        """Probability that one of the offer's products is bought in the horizon, with the offer shown or without.

        Shown is at the position, by default the top.
        """
        customer = _index(customer_id)
        place = np.ones(len(customer), dtype=np.int64) if position is None else np.asarray(position, dtype=np.int64)
        examination = self._shown_on_the_day(customer, place)
        needed, caused = self._chances(day.toordinal(), customer, np.asarray(offer_id), examination)
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

    def margin_change_ron(
        self,
        day: date,
        customer_id: npt.NDArray[Any],
        offer_id: npt.NDArray[Any],
        positions: Sequence[int] = (1,),
    ) -> Floats:
        """Expected change of the margin within the horizon by showing an offer live on the day, RON.

        Shown at one of the positions, each as likely; by default at the top. An additional purchase brings its margin.
        A needed line that takes the offer, and would not have taken it unprompted, costs what the offer gives up
        (`pricing.margin_impact`), once or as often as it may be redeemed.
        """
        moment, customer, offers_asked = day.toordinal(), _index(customer_id), np.asarray(offer_id)
        if not len(customer):
            return np.empty(0)
        needs = self._needs(moment, customer, offers_asked)
        shown = [self._shown_on_the_day(customer, np.full(len(customer), position)) for position in positions]
        unprompted = self._aware(needs, lambda _: np.zeros(len(customer)))
        informed = np.mean([self._aware(needs, examination) - unprompted for examination in shown], axis=0)
        offers, request = needs.offers, needs.request
        is_single = offers.maximum_redemptions[needs.row_offer] == 1
        occasions = np.where(is_single, 1.0 - (1.0 - needs.keep) ** needs.times, needs.keep * needs.times)
        redeemed = np.where(needs.is_usable, needs.due * occasions * informed[request], 0.0)
        given_up = self._margins(needs, needs.product, needs.row_offer, needs.quantity)[1] * needs.quantity
        caused = np.mean([self._caused_where_it_holds(needs, examination) for examination in shown], axis=0)
        quantity = self._world.response.trial_quantity(offers, needs.offer, customer)
        gained = self._margins(needs, offers.anchor[needs.offer], needs.offer, quantity)[0] * quantity
        change: Floats = caused * gained + np.bincount(request, redeemed * given_up, minlength=len(customer))
        return change

    def _margins(self, needs: _Needs, product: Integers, offer: Integers, quantity: Floats) -> tuple[Floats, Floats]:
        """Margin per unit with the offer and its change by the offer, RON, at the prices of the day."""
        offers = needs.offers
        tiers, cost_ron = self._world.response.prices(needs.day)
        gift = offers.frame["gift_product_id"].fill_null(0).to_numpy().astype(np.int64)
        gift_cost_ron = np.where(gift > 0, cost_ron[gift - 1], np.nan)[offer]
        terms, funding_share = terms_of(offers.terms, offer), offers.funding_share[offer]
        at_product = PriceTiers(*(values[product] for values in tiers))
        return (
            unit_margin(quantity, at_product, terms, cost_ron[product], funding_share, gift_cost_ron),
            margin_impact(quantity, at_product, terms, funding_share, gift_cost_ron),
        )

    def _chances(
        self, day: int, customer: Integers, offer_id: Integers, examination: Examination
    ) -> tuple[tuple[Floats, Floats], Floats]:
        """Per pair: chance of needing a product of the offer, of needing it under the offer; of a caused purchase."""
        needs = self._needs(day, customer, offer_id)
        uses = np.where(needs.is_usable, self._aware(needs, examination)[needs.request], 0.0)
        bought = needs.due * (1.0 - (1.0 - needs.keep) ** needs.times)
        redeemed = needs.due * (1.0 - (1.0 - needs.keep * uses) ** needs.times)
        chances = tuple(
            1.0 - np.exp(np.bincount(needs.request, np.log1p(-np.minimum(chance, 1 - 1e-9)), minlength=len(customer)))
            for chance in (bought, redeemed)
        )
        return (chances[0], chances[1]), self._caused_where_it_holds(needs, examination)

    def _needs(self, day: int, customer: Integers, offer_id: Integers) -> _Needs:
        """What the customers of the pairs are going to need of the products that each pair's offer covers."""
        offers = self._world.exposure.offers(day)
        offer = self._places(day, offer_id)
        remaining = np.minimum(self._horizon, offers.valid_to_day - day + 1)
        visit = np.array([self._world.visits.probability(day + ahead) for ahead in range(self._horizon)])
        last, first = self._visit_chances(visit)
        code = customer * len(offers) + offer
        order = np.argsort(code, kind="stable")
        row, row_offer, request = self._covering_rows(offers, customer, code, order)
        holder = customer[request]
        repertoire = self._world.latents.repertoire
        product = repertoire.product[row]
        tiers, _ = self._world.response.prices(day)
        quantity = np.maximum(np.rint(repertoire.quantity[row].astype(np.float64)), 1.0)
        at_product = PriceTiers(*(values[product] for values in tiers))
        depth = discount_depth(quantity, at_product, terms_of(offers.terms, row_offer))
        holds = offers.holds_in_store[offer, self._world.businesses.store_id[customer]]
        return _Needs(
            day=day,
            offers=offers,
            customer=customer,
            offer=offer,
            remaining=remaining,
            visit=visit,
            first_visit=first,
            holds=holds,
            request=request,
            row_offer=row_offer,
            product=product.astype(np.int64),
            quantity=quantity,
            due=self._due_by_horizon(day, row, holder, last, remaining[row_offer]),
            keep=self._world.demand.keep_share(day)[self._world.catalogue.category[product]].astype(np.float64),
            times=np.maximum(repertoire.frequency[row] * remaining[row_offer] * visit.mean(axis=0)[holder], 1.0),
            is_usable=(depth > facts.LEAST_DEPTH) & holds[request],
        )

    def _aware(self, needs: _Needs, examination: Examination) -> Floats:
        """Chance that the offer is known on the first visit, per pair."""
        offers, customer, offer = needs.offers, needs.customer, needs.offer
        examined, weight = np.zeros(len(customer)), np.full(len(customer), 1e-9)
        for ahead in range(self._horizon):
            share = np.where(ahead < needs.remaining[offer], needs.first_visit[ahead, customer], 0.0)
            examined, weight = examined + share * examination(ahead), weight + share
        attention = self._world.latents.attention[customer]
        return self._world.response.awareness(examined / weight, attention, offers.is_personal[offer])

    def _caused_where_it_holds(self, needs: _Needs, examination: Examination) -> Floats:
        """Chance of a caused purchase, per pair; none where the offer does not hold in the customer's store."""
        examinations = [examination(ahead) for ahead in range(self._horizon)]
        caused = self._caused(
            needs.day, needs.offers, needs.customer, needs.offer, examinations, needs.visit, needs.remaining
        )
        return caused * needs.holds

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


def _never(ahead: int) -> Floats:
    """No impression at any time."""
    return np.zeros(1)


def _index(customer_id: npt.NDArray[Any]) -> Integers:
    return np.asarray(customer_id, dtype=np.int64) - 1
