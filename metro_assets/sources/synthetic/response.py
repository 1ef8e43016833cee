"""What offers change: needed lines bought under an offer that the customer knows of, and purchases that they cause.

A customer knows of a catalogue offer by chance or by an impression that was examined, of a personal offer by an
impression alone. A needed line takes the deepest offer known. Besides, an examined offer makes an additional purchase
with a probability that grows with its depth against the price that this customer would else pay. A single-use offer is
redeemed by the first success since it was shown, found by asking the same draws about the days before: no state is
kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from metro_assets.draws import uniform
from metro_assets.pricing import OfferTerms, PriceTiers, discount_depth, offer_unit_price, tier_unit_price
from metro_assets.sources.synthetic import behaviour_facts as facts
from metro_assets.sources.synthetic.daily_prices import prices_on
from metro_assets.sources.synthetic.demand import Demand, Lines
from metro_assets.sources.synthetic.entities import Businesses, Catalogue, Floats, Integers, LiveOffers
from metro_assets.sources.synthetic.latent import Latents, usual_quantity
from metro_assets.sources.synthetic.slates import Exposure
from metro_assets.sources.synthetic.visits import Visits

NOT_SHOWN = 0


@dataclass(frozen=True)
class Shown:
    """The newest impression of each (customer, live offer) that still works, dense [customers, O]; 0: none."""

    position: npt.NDArray[np.uint8]
    age_days: npt.NDArray[np.uint8]
    first_age_days: npt.NDArray[np.uint8]
    """Age of the oldest impression that still works."""


@dataclass(frozen=True)
class Purchases:
    """Lines paid on a day, sorted by customer and product; `offer` is the place of the redeemed offer or -1."""

    lines: Lines
    offer: npt.NDArray[np.int32]
    is_caused: npt.NDArray[np.bool_]
    """The line exists because of the offer."""


class Response:
    """Purchases of any customers on any day, offers included."""

    def __init__(
        self,
        catalogue: Catalogue,
        businesses: Businesses,
        latents: Latents,
        visits: Visits,
        demand: Demand,
        exposure: Exposure,
        seed: int,
    ) -> None:
        self._catalogue, self._businesses, self._latents = catalogue, businesses, latents
        self._visits, self._demand, self._exposure, self._seed = visits, demand, exposure, seed
        self.prices = lru_cache(maxsize=64)(lambda day: prices_on(catalogue, seed, day))

    def purchases(self, day: int, customers: Integers | None = None) -> Purchases:
        """What the visiting customers (all by default; indices, ascending) buy on the day."""
        visiting = self._visits.on(day)
        present = np.flatnonzero(visiting) if customers is None else customers[visiting[customers]]
        shown = self.shown(day, present)
        bought = self._successes(day, present, shown)
        return self._without_spent(day, present, shown, bought)

    def shown(self, day: int, customers: Integers, since_days: int = 0) -> Shown:
        """Impressions of the last two weeks, up to `since_days` before the day, that still work on the day."""
        offers = self._exposure.offers(day)
        place_of = np.full(len(self._businesses), -1, dtype=np.int64)
        place_of[customers] = np.arange(len(customers))
        shape = (len(customers), len(offers))
        position, age, first = (np.zeros(shape, dtype=np.uint8) for _ in range(3))
        for back in range(facts.EXPOSURE_MEMORY_DAYS - 1, since_days - 1, -1):
            slates = self._exposure.slates(day - back)
            mine = np.flatnonzero(place_of[slates.customer] >= 0)
            column = np.minimum(np.searchsorted(offers.offer_id, slates.offer_id[mine]), len(offers) - 1)
            is_live = offers.offer_id[column] == slates.offer_id[mine]
            mine, column = mine[is_live], column[is_live]
            row = place_of[slates.customer[mine]]
            is_first = position[row, column] == NOT_SHOWN
            first[row[is_first], column[is_first]] = back
            position[row, column] = slates.position[mine]
            age[row, column] = back
        return Shown(position, age, first)

    def examination(self, position: npt.ArrayLike, age_days: npt.ArrayLike, attention: Floats) -> Floats:
        """Probability that an impression is known on a visit."""
        place = np.maximum(np.asarray(position, dtype=np.float64), 1.0)
        read = facts.EXAMINED_SHARE * place**-facts.EXAMINATION_POWER
        known: Floats = np.minimum(
            read * facts.DAILY_FORGETTING ** np.asarray(age_days, dtype=np.float64) * attention, 1.0
        )
        return known

    def awareness(self, examination: Floats, attention: npt.ArrayLike, is_personal: npt.ArrayLike) -> Floats:
        """Probability of knowing an offer: by the impression, or of the catalogue by chance."""
        chance = np.where(is_personal, 0.0, np.minimum(facts.CATALOGUE_AWARENESS * np.asarray(attention), 0.6))
        known: Floats = 1.0 - (1.0 - examination) * (1.0 - chance)
        return known

    def caused_probability(
        self, depth: Floats, examination: Floats, taste: npt.ArrayLike, sensitivity: npt.ArrayLike
    ) -> Floats:
        """Probability that a visit gains a purchase by an offer that is shown."""
        pull = facts.IMPULSE_REDEMPTION * np.maximum(depth / 0.25, 0.0) ** facts.DEPTH_ELASTICITY
        prior = np.where(np.asarray(taste) > 0, 1.0, 1.0 / facts.PRIOR_CATEGORY_FACTOR)
        relative = np.minimum(0.5 + 10.0 * np.asarray(taste), 2.5)
        chance: Floats = np.minimum(
            pull * prior * relative * np.asarray(sensitivity) * examination / facts.EXAMINED_SHARE, 0.5
        )
        return np.where(depth > facts.LEAST_DEPTH, chance, 0.0)

    def _successes(self, day: int, customers: Integers, shown: Shown) -> Purchases:
        """Purchases of the day as if no offer had been redeemed before."""
        tiers, _ = self.prices(day)
        lines = self._demand.baskets(day, customers, tiers)
        needed = self._needed_under_offers(day, customers, shown, lines, tiers)
        return self._with_caused(
            day, customers, shown, Purchases(lines, needed, np.zeros(len(lines), dtype=bool)), tiers
        )

    def _needed_under_offers(
        self, day: int, customers: Integers, shown: Shown, lines: Lines, tiers: PriceTiers
    ) -> npt.NDArray[np.int32]:
        """For every needed line the place of the deepest offer that the customer knows of, or -1."""
        offers = self._exposure.offers(day)
        line, offer = _covering(offers, lines.product, len(self._catalogue))
        customer = lines.customer[line].astype(np.int64)
        row = np.searchsorted(customers, customer)
        position = shown.position[row, offer]
        holds = offers.holds_in_store[offer, self._businesses.store_id[customer]]
        possible = holds & (~offers.is_personal[offer] | (position > NOT_SHOWN))
        line, offer, customer, row = line[possible], offer[possible], customer[possible], row[possible]
        position = position[possible]
        attention = self._latents.attention[customer]
        examined = np.where(
            position > NOT_SHOWN, self.examination(position, shown.age_days[row, offer], attention), 0.0
        )
        aware = self.awareness(examined, attention, offers.is_personal[offer])
        knows = uniform(self._seed, "aware", customer, offers.offer_id[offer], day) < aware
        line, offer = line[knows], offer[knows]
        product = lines.product[line]
        depth = discount_depth(lines.quantity[line], _rows(tiers, product), terms_of(offers.terms, offer))
        good = depth > facts.LEAST_DEPTH
        line, offer, depth = line[good], offer[good], depth[good]
        order = np.lexsort((offer, -depth, line))
        line, offer = line[order], offer[order]
        chosen = np.full(len(lines), -1, dtype=np.int32)
        deepest = np.flatnonzero(np.diff(line, prepend=-1))
        chosen[line[deepest]] = offer[deepest]
        return chosen

    def _with_caused(
        self, day: int, customers: Integers, shown: Shown, bought: Purchases, tiers: PriceTiers
    ) -> Purchases:
        """Add the purchases that offers cause: one anchor product each, unless it is in the basket anyway."""
        offers = self._exposure.offers(day)
        row, offer = np.nonzero(shown.position)
        customer = customers[row]
        holds = offers.holds_in_store[offer, self._businesses.store_id[customer]]
        row, offer, customer = row[holds], offer[holds], customer[holds]
        draw = uniform(self._seed, "caused", customer, offers.offer_id[offer], day)
        likely = draw < 0.5 * np.minimum(self._latents.sensitivity[customer], 1.0)  # spares the prices of the hopeless
        row, offer, customer, draw = row[likely], offer[likely], customer[likely], draw[likely]
        quantity = self.trial_quantity(offers, offer, customer)
        anchor = offers.anchor[offer]
        depth = discount_depth(quantity, _rows(tiers, anchor), terms_of(offers.terms, offer))
        attention = self._latents.attention[customer]
        examined = self.examination(shown.position[row, offer], shown.age_days[row, offer], attention)
        taste = self._latents.taste[customer, offers.category[offer]]
        chance = self.caused_probability(depth, examined, taste, self._latents.sensitivity[customer])
        hit = draw < chance
        return _merged(bought, customer[hit], anchor[hit], quantity[hit], offer[hit], len(self._catalogue))

    def trial_quantity(self, offers: LiveOffers, offer: Integers, customer: Integers) -> Floats:
        """Units of an additional purchase: the typical ones for the customer's size, at least the offer's minimum."""
        usual = usual_quantity(self._catalogue, self._businesses, offers.anchor[offer], customer)
        units = np.maximum(np.rint(usual), 1.0)
        wanted: Floats = np.fmax(units, offers.terms.minimum_quantity[offer])
        return wanted

    def _without_spent(self, day: int, customers: Integers, shown: Shown, bought: Purchases) -> Purchases:
        """Undo redemptions of single-use offers that succeeded on an earlier day or on another line of this basket."""
        offers = self._exposure.offers(day)
        used = np.flatnonzero(bought.offer >= 0)
        used = used[offers.maximum_redemptions[bought.offer[used]] == 1]
        who, what = bought.lines.customer[used].astype(np.int64), bought.offer[used].astype(np.int64)
        code = who * len(offers) + what
        spent = np.ones(len(used), dtype=bool)
        spent[np.unique(code, return_index=True)[1]] = False
        row = np.searchsorted(customers, who)
        oldest = shown.first_age_days[row, what].astype(np.int64)
        for back in range(1, int(oldest.max(initial=0)) + 1):
            asked = (~spent) & (oldest >= back)
            there = asked & self._visits.on(day - back)[who]
            if not there.any():
                continue
            spent |= np.isin(
                who * 2**32 + offers.offer_id[what], self._successful_pairs(day - back, np.unique(who[there]))
            )
        offer = bought.offer.copy()
        offer[used[spent]] = -1
        kept = np.ones(len(offer), dtype=bool)
        kept[used[spent]] = ~bought.is_caused[used[spent]]
        lines = Lines(*(getattr(bought.lines, name)[kept] for name in ("customer", "product", "quantity")))
        return Purchases(lines, offer[kept], bought.is_caused[kept])

    def _successful_pairs(self, day: int, customers: Integers) -> Integers:
        """Codes (customer, offer id) of what the visiting customers would redeem on the day."""
        offers = self._exposure.offers(day)
        bought = self._successes(day, customers, self.shown(day, customers))
        used = bought.offer >= 0
        codes: Integers = bought.lines.customer[used].astype(np.int64) * 2**32 + offers.offer_id[bought.offer[used]]
        return codes

    def prices_paid(self, day: int, bought: Purchases) -> tuple[Floats, Floats]:
        """Tier price and price paid per unit of every line, RON."""
        tiers, _ = self.prices(day)
        offers = self._exposure.offers(day)
        at_product = _rows(tiers, bought.lines.product)
        tier_price = tier_unit_price(bought.lines.quantity, at_product)
        paid = tier_price.copy()
        used = bought.offer >= 0
        paid[used] = offer_unit_price(
            bought.lines.quantity[used], _rows(at_product, used), terms_of(offers.terms, bought.offer[used])
        )
        return tier_price, np.round(paid, 2)


def terms_of(terms: OfferTerms, offer: npt.NDArray[Any]) -> OfferTerms:
    """Terms of offers by place, one per row."""
    return OfferTerms(*(values[offer] for values in terms))


def _rows(tiers: PriceTiers, rows: npt.NDArray[Any]) -> PriceTiers:
    return PriceTiers(*(values[rows] for values in tiers))


def _covering(offers: LiveOffers, product: npt.NDArray[np.int32], products: int) -> tuple[Integers, Integers]:
    """Every (line, offer) such that the offer covers the line's product."""
    owner = np.repeat(np.arange(len(offers)), np.diff(offers.product_start))
    order = np.argsort(offers.products, kind="stable")
    by_product, owner = offers.products[order], owner[order]
    start = np.searchsorted(by_product, np.arange(products + 1))
    count = np.diff(start)[product]
    line: Integers = np.repeat(np.arange(len(product)), count)
    inside = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    return line, owner[np.repeat(start[product], count) + inside]


def _merged(
    bought: Purchases, customer: Integers, product: Integers, quantity: Floats, offer: Integers, products: int
) -> Purchases:
    """Purchases with further lines; the first of several for one product, none for a product that is bought anyway."""
    lines = bought.lines
    listed = lines.customer.astype(np.int64) * products + lines.product
    wanted: Integers = np.asarray(customer * products + product, dtype=np.int64)
    code, first = np.unique(wanted, return_index=True)
    at = np.searchsorted(listed, code)
    is_new = listed[np.minimum(at, len(listed) - 1)] != code if len(listed) else np.ones(len(code), dtype=bool)
    at, first = at[is_new], first[is_new]
    return replace(
        bought,
        lines=Lines(
            np.insert(lines.customer, at, customer[first].astype(np.int32)),
            np.insert(lines.product, at, product[first].astype(np.int32)),
            np.insert(lines.quantity, at, quantity[first]),
        ),
        offer=np.insert(bought.offer, at, offer[first].astype(np.int32)),
        is_caused=np.insert(bought.is_caused, at, True),
    )
