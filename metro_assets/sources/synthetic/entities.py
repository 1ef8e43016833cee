"""The world's master data as arrays, so that behaviour is vectorised; the contract's frames are made from them.

An entity's index is its id minus one (customers, products). A day is `date.toordinal()`. Codes are positions in
the enums of `vocabulary` (`SEGMENTS[code]`, …).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.pricing import OfferTerms, PriceTiers
from metro_assets.vocabulary import BusinessType, Category, Channel, OfferMechanic, Segment

SEGMENTS = tuple(segment for segment in Segment if segment is not Segment.UNKNOWN)
BUSINESS_TYPES = tuple(kind for kind in BusinessType if kind is not BusinessType.UNKNOWN)
CATEGORIES = tuple(Category)
MECHANICS = tuple(OfferMechanic)
CHANNELS = tuple(Channel)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Catalogue:
    """All products, arrays [P]."""

    frame: pl.DataFrame
    category: Codes
    is_own_brand: Flags
    is_tagespreis: Flags
    is_by_weight: Flags
    cost_ron: Floats
    tiers: PriceTiers
    popularity: Floats
    """Relative weight with which a product enters a repertoire, within its category; heavy-tailed."""
    typical_quantity: Floats
    """Units per line of a business of size 1."""
    tags: Integers
    """Bit set of menus (business types by code) that need the product."""

    def __len__(self) -> int:
        """Number of products."""
        return len(self.category)


@dataclass(frozen=True)
class Businesses:
    """All registered businesses, arrays [C]."""

    frame: pl.DataFrame
    segment: Codes
    business_type: Codes
    store_id: npt.NDArray[np.int16]
    is_coastal: Flags
    registered_day: Integers
    consents: Flags
    """[C, 3]: e-mail, SMS, WhatsApp."""
    size: Floats
    """Scale of the business, log-normal with mean 1 inside its segment."""

    def __len__(self) -> int:
        """Number of businesses."""
        return len(self.segment)


@dataclass(frozen=True)
class LiveOffers:
    """The offers live on one day, arrays [O] sorted by id; product sets in compressed rows."""

    day: int
    offer_id: Integers
    mechanic: Codes
    channel: Codes
    category: Codes
    valid_to_day: Integers
    is_personal: Flags
    is_listed: Flags
    maximum_redemptions: Integers
    """Per customer; 0: no limit."""
    terms: OfferTerms
    funding_share: Floats
    anchor: Integers
    """Product index of the lead product."""
    product_start: Integers
    """[O + 1]: offer o covers `products[product_start[o]:product_start[o + 1]]`."""
    products: Integers
    """Product indices of all offers, one after the other."""
    holds_in_store: Flags
    """[O, S + 1]: whether offer o holds in store id s."""
    frame: pl.DataFrame
    products_frame: pl.DataFrame

    def __len__(self) -> int:
        """Number of live offers."""
        return len(self.offer_id)
