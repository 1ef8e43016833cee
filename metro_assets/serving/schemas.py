"""What readers get, typed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class Recommendation(BaseModel):
    """One of a customer's offers with its reason and price tag; the columns are those of the data contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: int
    algorithm: str
    rank: int
    offer_id: int
    is_champion: bool
    score: float
    reason: str
    strategies: list[str]
    channel: str
    offer_name: str
    mechanic: str
    category: str
    valid_to_date: date
    product_id: int
    product_name: str
    unit: str
    base_price_ron: Decimal
    tier2_quantity: Decimal | None
    tier2_price_ron: Decimal | None
    tier3_quantity: Decimal | None
    tier3_price_ron: Decimal | None
    usual_quantity: float
    usual_unit_price_ron: float
    offer_unit_price_ron: float | None
    saving_ron: float | None
    next_tier_quantity: Decimal | None
    next_tier_saving_ron: float | None
    expected_margin_ron: float | None


class Customer(BaseModel):
    """Who a customer is."""

    model_config = ConfigDict(frozen=True)

    customer_id: int
    name: str
    segment: str
    business_type: str
    city: str | None
    county: str | None
    store_name: str | None


class Slate(BaseModel):
    """A customer's offers of one run date by one algorithm, best first; `shortfall`: why they are fewer than asked."""

    model_config = ConfigDict(frozen=True)

    customer: Customer
    run_date: date
    algorithm: str
    is_champion: bool
    offers: list[Recommendation]
    shortfall: str | None
