"""What is in a basket before any offer: needs of the repertoire that fell due, impulses, quantities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from metro_assets.draws import NORMAL_TABLE, quick_bits, uniform
from metro_assets.pricing import PriceTiers
from metro_assets.sources.synthetic import behaviour_facts as facts
from metro_assets.sources.synthetic.calendar import category_factor
from metro_assets.sources.synthetic.entities import Businesses, Catalogue, Floats, Integers
from metro_assets.sources.synthetic.latent import Latents, durable_days, usual_quantity
from metro_assets.sources.synthetic.visits import Visits

Words = npt.NDArray[np.uint32]
_IMPULSE_DAYS = 10.0
"""A thing that serves this long is half as likely to be an impulse as one that is used up."""


@dataclass(frozen=True)
class Lines:
    """Lines of baskets, arrays [n] sorted by customer and product (indices)."""

    customer: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    quantity: Floats

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.customer)


class Demand:
    """Baskets of any customers on any day; a customer's basket does not depend on who else is asked for."""

    def __init__(
        self, catalogue: Catalogue, businesses: Businesses, latents: Latents, visits: Visits, seed: int, first_day: int
    ) -> None:
        self._catalogue, self._businesses, self._latents = catalogue, businesses, latents
        self._visits, self._seed, self._first_day = visits, seed, first_day
        weights = latents.type_weights / (1.0 + durable_days() / _IMPULSE_DAYS)[catalogue.category]
        weights = weights / weights.sum(axis=1, keepdims=True)
        cumulative = np.cumsum(weights, axis=1) + np.arange(len(weights))[:, None]
        cumulative[:, -1] = np.arange(len(cumulative)) + 1.0
        self._cumulative = cumulative.ravel()

    def baskets(self, day: int, customers: Integers, tiers: PriceTiers) -> Lines:
        """Lines that the customers (indices, ascending, all visiting) need on the day; tiers are the day's."""
        rows, owner = self._due(day, customers)
        repertoire = self._latents.repertoire
        product = repertoire.product[rows]
        words = quick_bits(self._seed, "line", repertoire.key[rows], day)
        spread = NORMAL_TABLE[(words & np.uint32(4095)).astype(np.int32)]
        quantity = repertoire.quantity[rows] * np.exp(np.float32(facts.QUANTITY_SIGMA_DAY) * spread)
        fill = (words >> np.uint32(12)).astype(np.float32) / np.float32(1 << 20)
        owner, product, quantity, fill = self._with_impulses(day, customers, owner, product, quantity, fill)
        return Lines(
            customer=customers[owner].astype(np.int32),
            product=product,
            quantity=self._rounded(product, quantity.astype(np.float64), fill, tiers),
        )

    def _due(self, day: int, customers: Integers) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Rows of the repertoire that fall due between the previous visit and the day, and their customers' places.

        The need of cycle k falls due at phase k + 0.7 j, j uniform per pair and cycle; two cycles can matter. Cycles
        pass by the clock of demand, faster before the feasts.
        """
        repertoire = self._latents.repertoire
        begin, count = repertoire.start[customers], np.diff(repertoire.start)[customers]
        rows = np.arange(count.sum(), dtype=np.int32) + np.repeat(
            (begin - np.cumsum(count) + count).astype(np.int32), count
        )
        owner = np.repeat(np.arange(len(customers), dtype=np.int32), count)
        frequency = repertoire.frequency[rows]
        offset = day - self._first_day
        elapsed = self._visits.demand_days(self._first_day, day, customers)
        place = repertoire.phase[rows] + elapsed[owner] * frequency
        cycle = np.floor(place)
        place -= cycle
        step = self._visits.gap_demand(day, customers)[owner] * frequency
        key, number = repertoire.key[rows], cycle.astype(np.int32).astype(np.uint32)
        now = self._jitter(key, number)
        due = (now <= place) & (now > place - step)
        before = self._jitter(key, number - np.uint32(1))
        due |= before > place + np.float32(1) - step
        due &= (repertoire.first_day[rows] <= offset) & (offset < repertoire.last_day[rows])
        rows, owner = rows[due], owner[due]
        kept = quick_bits(self._seed, "keep", repertoire.key[rows], day).astype(np.float32) / np.float32(2**32)
        keep = kept < self.keep_share(day)[self._catalogue.category[repertoire.product[rows]]]
        return rows[keep], owner[keep]

    def keep_share(self, day: int) -> npt.NDArray[np.float32]:
        """Probability that a due product is bought, per category; season and fasts move it."""
        share = np.minimum(facts.KEEP_SHARE * category_factor(date.fromordinal(day)), 1.0)
        return share.astype(np.float32)

    def _jitter(self, key: Words, cycle: Words) -> npt.NDArray[np.float32]:
        word = quick_bits(self._seed, "jitter", key, cycle)
        return word.astype(np.float32) * np.float32(facts.JITTER_SHARE / 2**32)

    def _with_impulses(
        self,
        day: int,
        customers: Integers,
        owner: npt.NDArray[np.int32],
        product: npt.NDArray[np.int32],
        quantity: npt.NDArray[np.float32],
        fill: npt.NDArray[np.float32],
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Add what was not on the list: products of the type's menu that are not in the basket yet."""
        mean = facts.IMPULSE_SHARE * self._latents.lines_per_visit[customers]
        count = np.floor(mean + uniform(self._seed, "impulses", customers, day)).astype(np.int64)
        place = np.repeat(np.arange(len(customers), dtype=np.int32), count)
        number = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
        who = customers[place]
        kind = self._businesses.business_type[who].astype(np.int64)
        flat = np.searchsorted(self._cumulative, uniform(self._seed, "impulse", who, day, number) + kind, side="right")
        width = len(self._catalogue)
        code = np.unique(place * np.int64(width) + np.minimum(flat - kind * width, width - 1))
        listed = owner * np.int64(width) + product
        at = np.searchsorted(listed, code)
        is_new = listed[np.minimum(at, len(listed) - 1)] != code if len(listed) else np.ones(len(code), dtype=bool)
        code, at = code[is_new], at[is_new]
        extra_place, extra_product = (code // width).astype(np.int32), (code % width).astype(np.int32)
        extra_who = customers[extra_place]
        draw = uniform(self._seed, "impulse quantity", extra_who, day, extra_product)
        extra_quantity = usual_quantity(self._catalogue, self._businesses, extra_product, extra_who) * (0.5 + draw)
        return (
            np.insert(owner, at, extra_place),
            np.insert(product, at, extra_product),
            np.insert(quantity, at, extra_quantity.astype(np.float32)),
            np.insert(fill, at, np.float32(1.0)),
        )

    def _rounded(
        self, product: npt.NDArray[np.int32], quantity: Floats, fill: npt.NDArray[np.float32], tiers: PriceTiers
    ) -> Floats:
        """Whole units, or halves of a kilogram; who is close to a tier fills up."""
        by_weight = self._catalogue.is_by_weight[product]
        rounded = np.where(by_weight, np.maximum(np.rint(quantity * 2) / 2, 0.5), np.maximum(np.rint(quantity), 1.0))
        fills = fill < facts.TIER_FILL_PROBABILITY
        for name in ("tier3_quantity", "tier2_quantity"):
            threshold = getattr(tiers, name)[product]
            is_close = fills & (rounded < threshold) & (rounded >= (1 - facts.TIER_REACH_SHARE) * threshold)
            rounded = np.where(is_close, threshold, rounded)
        return rounded
