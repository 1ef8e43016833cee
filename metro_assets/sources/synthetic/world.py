"""The world behind the source interface: every table of any day, all from the seed."""

from __future__ import annotations

from copy import copy
from datetime import date
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from metro_assets.config import Sizes
from metro_assets.draws import uniform
from metro_assets.pricing import PriceTiers, reached_tier
from metro_assets.sources.interface import Frame
from metro_assets.sources.synthetic import behaviour_facts as facts
from metro_assets.sources.synthetic.businesses import build_businesses
from metro_assets.sources.synthetic.catalogue import build_catalogue
from metro_assets.sources.synthetic.daily_prices import daily_prices_frame
from metro_assets.sources.synthetic.demand import Demand
from metro_assets.sources.synthetic.entities import CHANNELS, Integers
from metro_assets.sources.synthetic.latent import build_latents
from metro_assets.sources.synthetic.response import Purchases, Response
from metro_assets.sources.synthetic.slates import EXPLORATION, EXPLORATION_POLICY, Exposure, Slates
from metro_assets.sources.synthetic.visits import Visits
from metro_assets.vocabulary import Arm, Channel

CUSTOMER_SLOTS = 1_000_000
"""Ids of a day's orders and slates are day * slots + customer: they grow with the customer inside a day."""
EVENT_SLOTS = 100_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_SHOWN_HOUR, _FIRST_HOUR, _LAST_HOUR = 5.5, 6.0, 20.0
_ARMS = (Arm.POLICY, Arm.EXPLORATION, Arm.HOLDOUT)
_CONSENT_CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.WHATSAPP)


class World:
    """The synthetic source. Days are independent: ask for any, in any order, from several threads."""

    def __init__(self, sizes: Sizes, seed: int, first_day: date) -> None:
        self.seed, self.first_day = seed, first_day.toordinal()
        self.catalogue = build_catalogue(sizes.products, seed)
        self.businesses = build_businesses(sizes.customers, seed, first_day, sizes.history_days)
        self.latents = build_latents(self.catalogue, self.businesses, seed, self.first_day)
        self.visits = Visits(self.businesses, self.latents, seed)
        self.demand = Demand(self.catalogue, self.businesses, self.latents, self.visits, seed, self.first_day)
        self.live_offers = sizes.live_offers
        self.exposure = Exposure(self.catalogue, self.businesses, self.latents, self.visits, seed, self.live_offers)
        self.response = self._response_to(self.exposure)

    def shown_by(self, exposure: Exposure) -> Self:
        """The same world in which another exposure says who is shown what: every other draw is the same."""
        other = copy(self)
        other.exposure, other.response = exposure, self._response_to(exposure)
        return other

    def _response_to(self, exposure: Exposure) -> Response:
        return Response(self.catalogue, self.businesses, self.latents, self.visits, self.demand, exposure, self.seed)

    def customers(self) -> Frame:
        """The table customers: all who register within two years of the start, with their date of registration."""
        return self.businesses.frame

    def products(self) -> Frame:
        """The table products."""
        return self.catalogue.frame

    def state(self, run_date: date) -> dict[str, Frame]:
        """Prices, offers, their products and their audiences, as fixed the evening before."""
        day = run_date.toordinal()
        offers = self.exposure.offers(day)
        audience = sorted(self.exposure.audience(day).items())
        return {
            "daily_prices": daily_prices_frame(self.catalogue, self.seed, day),
            "offers": offers.frame,
            "offer_products": offers.products_frame,
            "offer_audience": pl.DataFrame(
                {
                    "offer_id": np.concatenate(
                        [np.full(len(members), offers.offer_id[place], dtype=np.int32) for place, members in audience]
                    ),
                    "customer_id": np.concatenate([members + 1 for _, members in audience]).astype(np.int32),
                }
            ),
        }

    def events(self, day: date) -> dict[str, Frame]:
        """Everything that happened on a day, each table sorted by its key."""
        moment = day.toordinal()
        bought = self.response.purchases(moment)
        return {
            **self._purchases(moment, bought),
            **self._exposures(moment),
            "web_visits": self._web_visits(moment),
        }

    def _purchases(self, day: int, bought: Purchases) -> dict[str, Frame]:
        customer = bought.lines.customer.astype(np.int64)
        quantity = bought.lines.quantity
        tier_price, paid = self.response.prices_paid(day, bought)
        net_bani = np.rint(quantity * paid * 100)
        tiers, _ = self.response.prices(day)
        tier = reached_tier(quantity, PriceTiers(*(values[bought.lines.product] for values in tiers)))
        first = np.flatnonzero(np.diff(customer, prepend=-1))
        buyer = customer[first]
        is_late = uniform(self.seed, "late", buyer, day) < facts.LATE_ORDER_SHARE
        recorded = np.full(len(buyer), day - _EPOCH, dtype=np.int32) + is_late
        count = np.diff(np.append(first, len(customer)))
        hour = _FIRST_HOUR + (_LAST_HOUR - _FIRST_HOUR) * uniform(self.seed, "hour", buyer, day)
        order_id = day * CUSTOMER_SLOTS + buyer + 1
        offers = self.exposure.offers(day)
        used = bought.offer >= 0
        offer_id = np.where(used, offers.offer_id[bought.offer], 0).astype(np.int32)
        orders = pa.table(
            {
                "order_id": order_id,
                "customer_id": (buyer + 1).astype(np.int32),
                "store_id": self.businesses.store_id[buyer],
                "ordered_at": _timestamps(day, hour),
                "line_count": count.astype(np.int16),
                "net_ron": np.add.reduceat(net_bani, first) / 100 if len(first) else net_bani,
                "recorded_date": pa.array(recorded, type=pa.date32()),
            }
        )
        items = pa.table(
            {
                "order_id": np.repeat(order_id, count),
                "customer_id": (customer + 1).astype(np.int32),
                "product_id": bought.lines.product + np.int32(1),
                "quantity": quantity,
                "tier": tier,
                "unit_price_ron": paid,
                "net_ron": net_bani / 100,
                "offer_id": pa.array(offer_id, mask=~used),
                "recorded_date": pa.array(np.repeat(recorded, count), type=pa.date32()),
            }
        )
        discount = np.rint(np.maximum(tier_price - paid, 0) * quantity * 100)[used] / 100
        place = np.flatnonzero(used)
        order_of = np.repeat(np.arange(len(first)), count)[place]
        redemptions = pa.table(
            {
                "redemption_id": day * EVENT_SLOTS + np.arange(len(place)),
                "customer_id": (customer[place] + 1).astype(np.int32),
                "offer_id": offer_id[place],
                "impression_id": self._impression_of(day, customer[place], bought.offer[place].astype(np.int64)),
                "order_id": order_id[order_of],
                "product_id": bought.lines.product[place] + np.int32(1),
                "redeemed_at": _timestamps(day, hour[order_of]),
                "discount_ron": discount,
                "recorded_date": pa.array(recorded[order_of], type=pa.date32()),
            }
        )
        return {"orders": orders, "order_items": items, "redemptions": redemptions}

    def _impression_of(self, day: int, customer: Integers, offer: Integers) -> pa.Array:
        """Id of the newest impression of each (customer, offer) pair that still works, null where unseen."""
        buyers = np.unique(customer)
        shown = self.response.shown(day, buyers)
        row = np.searchsorted(buyers, customer)
        position, age = shown.position[row, offer], shown.age_days[row, offer].astype(np.int64)
        identifier = np.zeros(len(customer), dtype=np.int64)
        for back in np.unique(age[position > 0]):
            chosen = (position > 0) & (age == back)
            slates = self.exposure.slates(day - int(back))
            code = slates.customer * 256 + slates.position
            index = np.searchsorted(code, customer[chosen] * 256 + position[chosen])
            identifier[chosen] = (day - back) * EVENT_SLOTS + index
        return pa.array(identifier, mask=position == 0)

    def _exposures(self, day: int) -> dict[str, Frame]:
        slates: Slates = self.exposure.slates(day)
        offers = self.exposure.offers(day)
        place = np.searchsorted(offers.offer_id, slates.offer_id)
        today = pa.array(np.full(len(slates.customer), day - _EPOCH, dtype=np.int32), type=pa.date32())
        due_today = pa.array(np.full(len(slates.due_customer), day - _EPOCH, dtype=np.int32), type=pa.date32())
        policy = np.array([slates.policy, EXPLORATION_POLICY])[(slates.arm == EXPLORATION).astype(np.int64)]
        impressions = pa.table(
            {
                "impression_id": day * EVENT_SLOTS + np.arange(len(slates.customer)),
                "slate_id": day * CUSTOMER_SLOTS + slates.customer + 1,
                "customer_id": (slates.customer + 1).astype(np.int32),
                "offer_id": slates.offer_id.astype(np.int32),
                "shown_at": _timestamps(day, np.full(len(slates.customer), _SHOWN_HOUR)),
                "channel": self._channels(slates.customer, offers.channel[place]),
                "position": slates.position.astype(np.int8),
                "policy": policy,
                "propensity": slates.propensity,
                "recorded_date": today,
            }
        )
        assignments = pa.table(
            {
                "customer_id": (slates.due_customer + 1).astype(np.int32),
                "arm": np.array([str(arm) for arm in _ARMS])[slates.due_arm],
                "probability": np.array(facts.ARM_SHARES)[slates.due_arm],
                "recorded_date": due_today,
            }
        )
        return {"impressions": impressions, "assignments": assignments}

    def _channels(self, customer: Integers, wanted: npt.NDArray[np.int8]) -> npt.NDArray[np.str_]:
        """The offer's own channel where the customer consents to it, else the first that is consented."""
        consents = self.businesses.consents[customer]
        chosen = np.argmax(consents, axis=1)
        for code, channel in enumerate(_CONSENT_CHANNELS):
            chosen = np.where((wanted == CHANNELS.index(channel)) & consents[:, code], code, chosen)
        names: npt.NDArray[Any] = np.array([str(channel) for channel in _CONSENT_CHANNELS])[chosen]
        return names

    def _web_visits(self, day: int) -> Frame:
        customer, product = self.exposure.web_visits(day)
        hour = _FIRST_HOUR + (_LAST_HOUR - _FIRST_HOUR) * uniform(self.seed, "web hour", customer, day)
        return pa.table(
            {
                "customer_id": (customer + 1).astype(np.int32),
                "product_id": (product + 1).astype(np.int32),
                "viewed_at": _timestamps(day, hour),
                "recorded_date": pa.array(np.full(len(customer), day - _EPOCH, dtype=np.int32), type=pa.date32()),
            }
        )


def _timestamps(day: int, hour: npt.NDArray[np.float64]) -> npt.NDArray[np.datetime64]:
    """Wall time of the day at the hours, to the second."""
    seconds: npt.NDArray[np.int64] = (hour * 3600).astype(np.int64) + (day - _EPOCH) * 86400
    return (seconds * 1_000_000).astype("datetime64[us]")
