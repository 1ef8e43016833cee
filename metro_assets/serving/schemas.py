"""What readers get, typed: in Python, in the command line and as JSON over REST."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Exact = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""A decimal of the contract; a plain number in JSON."""


class Answer(BaseModel):
    """Frozen, and nothing in it that is not documented."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Recommendation(Answer):
    """One of a customer's offers with its reason and price tag; the columns are those of the data contract."""

    rank: int = Field(description="1 is the best", examples=[1])
    score: float = Field(description="calibrated probability of redemption if shown at the top", examples=[0.1873])
    reason: str = Field(
        description="why, in words a buyer understands",
        examples=["You buy Mozzarella METRO Chef 1 kg every 9 days, last 8 days ago"],
    )
    strategies: list[str] = Field(description="candidate strategies that found it", examples=[["repeat_purchase"]])
    channel: str = Field(description="channel with consent through which it may be sent", examples=["EMAIL"])
    usual_quantity: float = Field(description="this customer's usual units per order", examples=[6.0])
    usual_unit_price_ron: float = Field(description="unit price at it without the offer, RON", examples=[21.9])
    offer_unit_price_ron: float | None = Field(
        description="unit price at it with the offer, RON; null: the offer states no benefit", examples=[17.52]
    )
    saving_ron: float | None = Field(description="saved at the usual quantity, RON; null: as above", examples=[26.28])
    next_tier_quantity: Exact | None = Field(description="units of the next tier; null: none", examples=[24.0])
    next_tier_saving_ron: float | None = Field(description="saved there against the base price", examples=[144.0])
    expected_margin_ron: float | None = Field(description="null: cost unknown", examples=[3.41])
    offer_id: int = Field(examples=[93796])
    offer_name: str = Field(description="what the flyer says", examples=["-20% Mozzarella METRO Chef 1 kg"])
    mechanic: str = Field(description="one of the twelve kinds of offer", examples=["PERCENTAGE_DISCOUNT"])
    category: str = Field(examples=["DAIRY_EGGS"])
    valid_to_date: date = Field(description="last day, inclusive", examples=["2026-11-30"])
    product_id: int = Field(description="the product that the tag shows", examples=[621])
    product_name: str = Field(examples=["Mozzarella METRO Chef 1 kg"])
    unit: str = Field(description="unit of sale", examples=["buc"])
    base_price_ron: Exact = Field(description="tier 1, net of VAT", examples=[24.9])
    tier2_quantity: Exact | None = Field(description="units from which tier 2 holds", examples=[6.0])
    tier2_price_ron: Exact | None = Field(examples=[21.9])
    tier3_quantity: Exact | None = Field(description="units from which tier 3 holds", examples=[24.0])
    tier3_price_ron: Exact | None = Field(examples=[18.9])


class Customer(Answer):
    """Who a customer is."""

    customer_id: int = Field(examples=[17])
    name: str = Field(examples=["Pizzeria Napoli SRL"])
    segment: str = Field(examples=["HORECA"])
    business_type: str = Field(examples=["PIZZERIA"])
    city: str | None = Field(examples=["Cluj-Napoca"])
    county: str | None = Field(examples=["Cluj"])
    store_name: str | None = Field(description="home store", examples=["METRO Cluj"])


class Slate(Answer):
    """A customer's offers of one run date by one algorithm, best first."""

    customer: Customer
    publication: str = Field(
        description="what was published; the same name never means anything else",
        examples=["recommendations-2026-11-25-883ee168"],
    )
    run_date: date = Field(examples=["2026-11-25"])
    algorithm: str = Field(examples=["boosted_trees"])
    is_champion: bool = Field(description="it is the algorithm whose order is served by default")
    offers: list[Recommendation]
    shortfall: str | None = Field(
        description="why they are fewer than ten; null: they are not", examples=["CATEGORY_LIMIT"]
    )


class CustomerProfile(Customer):
    """Who a customer is and what the features of the run date say; a feature that is null is unknown."""

    legal_form: str | None = Field(examples=["SRL"])
    registered_date: date = Field(examples=["2021-03-14"])
    has_email_consent: bool | None = Field(description="null: not known, so nothing is sent")
    has_sms_consent: bool | None
    has_whatsapp_consent: bool | None
    publication: str = Field(examples=["recommendations-2026-11-25-883ee168"])
    run_date: date = Field(description="the features know what was recorded before it", examples=["2026-11-25"])
    recency_days: float | None = Field(description="days since the last order", examples=[2.0])
    frequency_orders: float | None = Field(description="orders in 90 days", examples=[31.0])
    monetary_ron: float | None = Field(description="net spend in 90 days", examples=[48211.5])
    avg_basket_ron: float | None = Field(examples=[1555.21])
    promo_affinity: float | None = Field(description="share of spend under an offer", examples=[0.21])
    category_entropy: float | None = Field(description="of spend over categories, nats", examples=[1.83])
    own_brand_share: float | None = Field(description="share of spend on own brands", examples=[0.34])
    tier_affinity: float | None = Field(description="share of lines bought at tier 2 or 3", examples=[0.45])
    offer_counts: dict[str, int] = Field(
        description="offers of the run date by algorithm", examples=[{"boosted_trees": 10, "logistic": 10}]
    )


def _iso_date(value: object) -> object:
    """Only YYYY-MM-DD: else a number would pass for seconds since 1970."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("a date like 2026-11-25")
    return value


class DateQuestion(Answer):
    """Which morning is asked about."""

    run_date: Annotated[date | None, BeforeValidator(_iso_date)] = Field(
        None, description="run date; default: the newest", examples=["2026-11-25"]
    )


class SlateQuestion(DateQuestion):
    """Which morning, by which algorithm, how many offers."""

    algorithm: str | None = Field(
        None, max_length=60, description="a published algorithm; default: the champion", examples=["logistic"]
    )
    limit: int | None = Field(None, ge=1, le=100, description="offers at most; default: all ten", examples=[10])


class PageQuestion(SlateQuestion):
    """Where a page begins; `publication` and `after` are best taken from the `next` of the page before."""

    publication: str | None = Field(
        None, max_length=120, description="the publication of the pages before; default: the one in force"
    )
    after: int = Field(-1, ge=-1, le=2**31 - 1, description="the last customer of the page before", examples=[117])
    page_size: int = Field(100, ge=1, le=1000, description="customers per page", examples=[100])


class BatchQuestion(BaseModel):
    """Customers whose offers are asked for at once."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    customer_ids: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = Field(min_length=1, examples=[[17, 42, 99999999]])


class WithoutOffers(Answer):
    """A customer who is known and has no offer."""

    customer_id: int = Field(examples=[42])
    reason: str | None = Field(examples=["NO_CONSENT"])


class BatchAnswer(Answer):
    """Slates in the order in which they were asked for; what is missing, by customer."""

    publication: str = Field(examples=["recommendations-2026-11-25-883ee168"])
    run_date: date = Field(examples=["2026-11-25"])
    algorithm: str = Field(examples=["boosted_trees"])
    slates: list[Slate]
    without_offers: list[WithoutOffers]
    unknown_customer_ids: list[int] = Field(examples=[[99999999]])


class SlatePage(Answer):
    """Slates of the next customers by id; all pages that follow one another are of one publication."""

    publication: str = Field(examples=["recommendations-2026-11-25-883ee168"])
    run_date: date = Field(examples=["2026-11-25"])
    algorithm: str = Field(examples=["boosted_trees"])
    slates: list[Slate]
    next: str | None = Field(
        description="address of the next page; null: this is the last",
        examples=["/v1/recommendations?publication=recommendations-2026-11-25-883ee168&after=117&limit=100"],
    )


class PublicationSummary(Answer):
    """A publication that is kept."""

    publication: str = Field(examples=["recommendations-2026-11-25-883ee168"])
    run_date: date = Field(examples=["2026-11-25"])
    published_at: datetime = Field(description="UTC", examples=["2026-11-25T03:02:11Z"])
    champion: str = Field(description="the algorithm that is served by default", examples=["boosted_trees"])
    offer_count: int = Field(examples=[957000])
    customer_count: int = Field(examples=[47800])
    is_in_force: bool


class Health(Answer):
    """The process answers."""

    status: str = Field(examples=["ok"])


class Readiness(Answer):
    """What is served and how old it is."""

    is_ready: bool = Field(description="there is something to serve")
    is_stale: bool = Field(description="the run date is not today's in Bucharest, or a newer publication is unreadable")
    publication: str | None = Field(examples=["recommendations-2026-11-25-883ee168"])
    run_date: date | None = Field(examples=["2026-11-25"])
    run_date_age_days: int | None = Field(description="0: this morning's", examples=[0])
    published_at: datetime | None = Field(description="UTC", examples=["2026-11-25T03:02:11Z"])
    age_seconds: float | None = Field(description="since it was published", examples=[21411.2])
    problem: str | None = Field(description="why there is nothing, or nothing newer, to serve", examples=[None])


class Model(Answer):
    """A fitted ranker."""

    name: str = Field(examples=["boosted_trees_ranker"])
    algorithm: str = Field(examples=["boosted_trees"])
    run_date: date = Field(description="the run date that it was fitted for", examples=["2026-11-25"])
    is_champion: bool
    is_pinned: bool = Field(description="a person put it back; no morning's choice moves it")
    windows: dict[str, list[date]] = Field(
        description="first and last day of the impressions", examples=[{"train": ["2026-09-24", "2026-11-04"]}]
    )
    rows: dict[str, int] = Field(examples=[{"train": 115530}])
    metrics: dict[str, dict[str, float | None]] = Field(
        description="validation chose the champion; test was seen by no fit and no choice",
        examples=[{"test": {"auc": 0.856, "ndcg_at_10": 0.681}}],
    )
    features: list[str] = Field(examples=[["recency_days", "product_purchases"]])
    library_versions: dict[str, str] = Field(examples=[{"lightgbm": "4.7.0"}])


class Models(Answer):
    """Fitted rankers, newest first."""

    selection_metric: str = Field(description="picks the champion on validation", examples=["auc"])
    models: list[Model]


class Metric(Answer):
    """One metric of one algorithm or baseline with its 95 % bootstrap interval over customers."""

    protocol: str = Field(description="SHOWN: ranks what was shown; POOL: ranks the pool", examples=["SHOWN"])
    subject: str = Field(description="HOLDOUT or SERVED", examples=["HOLDOUT"])
    algorithm: str = Field(description="a ranker or a baseline", examples=["boosted_trees"])
    population: str = Field(examples=["REDEEMERS"])
    metric: str = Field(examples=["ndcg_at_10"])
    value: float | None = Field(description="null: undefined", examples=[0.705])
    lower: float | None = Field(examples=[0.697])
    upper: float | None = Field(examples=[0.714])
    customer_count: int = Field(examples=[3117])
    list_count: int = Field(examples=[3311])
    from_date: date = Field(examples=["2026-11-12"])
    to_date: date = Field(examples=["2026-11-18"])


class Evaluation(Answer):
    """What the evaluation of a run date measured."""

    run_date: date = Field(examples=["2026-11-25"])
    metrics: list[Metric]


class Drift(Answer):
    """Population stability index of one feature, score or label rate against the champion's reference."""

    quantity: str = Field(examples=["recency_days"])
    kind: str = Field(description="FEATURE, SCORE or LABEL", examples=["FEATURE"])
    psi: float = Field(examples=[0.031])
    severity: str = Field(description="STABLE, MODERATE or SIGNIFICANT", examples=["STABLE"])
    noise_psi: float = Field(description="95 % point of the index without drift", examples=[0.004])
    reference_rows: int = Field(examples=[115530])
    current_rows: int = Field(examples=[19740])
    bins: list[str] = Field(examples=[["(-inf, 1]", "(1, 3]", "missing"]])
    reference_shares: list[float] = Field(examples=[[0.5, 0.4, 0.1]])
    current_shares: list[float] = Field(examples=[[0.49, 0.4, 0.11]])


class DriftReport(Answer):
    """The drift of a run date, the worst first."""

    run_date: date = Field(examples=["2026-11-25"])
    quantities: list[Drift]


class FieldProblem(Answer):
    """What is wrong with one field of a request."""

    field: str = Field(examples=["query.limit"])
    message: str = Field(examples=["Input should be less than or equal to 100"])


class Problem(Answer):
    """What went wrong, in the shape of RFC 9457 (application/problem+json)."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(description="the meaning of the status", examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(description="what to branch on", examples=["unknown_customer"])
    detail: str = Field(description="for people, with the remedy", examples=["there is no customer 99999999"])
    request_id: str = Field(description="as in the log", examples=["6f1c0a8b3d2e4f5a"])
    errors: list[FieldProblem] = Field(default=[], description="422: the fields")
