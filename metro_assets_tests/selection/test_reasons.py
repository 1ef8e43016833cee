"""Each sentence that a buyer may read, when it is said, and which goes before which."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from metro_assets.config import Selection
from metro_assets.selection.reasons import CATEGORY_WORDS, TRADE_WORDS, reason
from metro_assets.vocabulary import BusinessType, Category

RUN_DATE = date(2026, 5, 18)
SCHEMA = {
    "mechanic": pl.String,
    "category": pl.String,
    "valid_to_date": pl.Date,
    "product_name": pl.String,
    "unit": pl.String,
    "usual_quantity": pl.Float64,
    "usual_unit_price_ron": pl.Float64,
    "offer_unit_price_ron": pl.Float64,
    "order_count": pl.Int32,
    "cycle_days": pl.Float64,
    "last_bought_days": pl.Int64,
    "category_share": pl.Float64,
    "nearby_buyer_count": pl.Int64,
    "type_share": pl.Float64,
    "member_count": pl.Int64,
    "business_type": pl.String,
    "county": pl.String,
    "registered_days": pl.Int64,
    "founded_years": pl.Float64,
    "recency_days": pl.Float64,
    "viewed_product_name": pl.String,
    "viewed_days": pl.Int64,
}
NOTHING_TO_SAY = {
    "mechanic": "WEEKLY_CATALOG",
    "category": "DAIRY_EGGS",
    "valid_to_date": date(2026, 11, 30),
    "product_name": "Mozzarella",
    "unit": "buc",
    "usual_quantity": 6.0,
    "usual_unit_price_ron": 10.0,
    "offer_unit_price_ron": 10.0,
    "nearby_buyer_count": 0,
    "type_share": 0.0,
    "member_count": 100,
    "business_type": "PIZZERIA",
    "county": "Cluj",
    "registered_days": 400,
    "founded_years": 12.0,
    "recency_days": 3.0,
}
HABIT = {"order_count": 5, "cycle_days": 6.2, "last_bought_days": 5}


def said(**given: Any) -> str:
    frame = pl.DataFrame([NOTHING_TO_SAY | given], schema=SCHEMA)
    return str(frame.select(reason(Selection(), RUN_DATE)).item())


def test_what_is_always_true_is_said_last() -> None:
    assert said() == "On offer until 30 November"
    assert said(valid_to_date=RUN_DATE) == "On offer today only"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (HABIT, "You buy Mozzarella every 6 days, last time 5 days ago"),
        (HABIT | {"cycle_days": 1.2, "last_bought_days": 1}, "You buy Mozzarella every day, last time yesterday"),
        (HABIT | {"last_bought_days": 12}, "You buy Mozzarella every 6 days, last time 12 days ago"),
        (HABIT | {"last_bought_days": 13}, "You used to buy Mozzarella every 6 days, last time 13 days ago"),
        ({"order_count": 1, "last_bought_days": 40}, "You bought Mozzarella 40 days ago"),
        ({"order_count": 1, "last_bought_days": 1}, "You bought Mozzarella yesterday"),
        (HABIT | {"order_count": 2}, "You bought Mozzarella twice, last time 5 days ago"),
        (HABIT | {"order_count": 4, "cycle_days": 0.3}, "You bought Mozzarella 4 times, last time 5 days ago"),
    ],
)
def test_own_purchases(given: dict[str, Any], sentence: str) -> None:
    assert said(**given) == sentence


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (0.10, "10 % of your spend is dairy and eggs"),
        (0.20, "A fifth of your spend is dairy and eggs"),
        (0.25, "A quarter of your spend is dairy and eggs"),
        (0.29, "29 % of your spend is dairy and eggs"),
        (0.33, "A third of your spend is dairy and eggs"),
        (0.50, "Half of your spend is dairy and eggs"),
        (0.874, "87 % of your spend is dairy and eggs"),
        (0.099, "On offer until 30 November"),
    ],
)
def test_a_category_that_matters_has_a_share_in_words(share: float, sentence: str) -> None:
    assert said(category_share=share) == sentence


def test_a_trade_nearby_needs_five_buyers() -> None:
    nearby = "Popular with pizzerias near you: 5 in Cluj bought it lately"
    assert said(nearby_buyer_count=5) == nearby
    assert said(nearby_buyer_count=4) == "On offer until 30 November"


def test_a_trade_needs_a_tenth_of_members_enough_to_speak_of() -> None:
    assert said(type_share=0.31) == "31 % of pizzerias buy it"
    assert said(type_share=0.09) == "On offer until 30 November"
    # a tenth of nine businesses is nobody
    assert said(type_share=0.31, member_count=9) == "On offer until 30 November"
    assert said(type_share=0.31, member_count=10) == "31 % of pizzerias buy it"


@pytest.mark.parametrize(
    ("quantity", "unit", "price", "sentence"),
    [
        (6.0, "buc", 8.1, "19 % under the price for 6 buc"),
        (2.5, "kg", 8.1, "19 % under the price for 2.5 kg"),
        (120.0, "bax", 8.1, "19 % under the price for 120 bax"),
        (6.0, "buc", 9.95, "On offer until 30 November"),
    ],
)
def test_a_saving_is_a_reason_from_one_percent_on(quantity: float, unit: str, price: float, sentence: str) -> None:
    assert said(usual_quantity=quantity, unit=unit, offer_unit_price_ron=price) == sentence


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"viewed_product_name": "Telemea 1 kg", "viewed_days": 2},
            "You looked at Telemea 1 kg in the web shop 2 days ago",
        ),
        (
            {"viewed_product_name": "Telemea 1 kg", "viewed_days": 1},
            "You looked at Telemea 1 kg in the web shop yesterday",
        ),
        ({"mechanic": "BIRTHDAY"}, "12 years in business: for your company's anniversary"),
        ({"mechanic": "BIRTHDAY", "founded_years": 1.0}, "1 year in business: for your company's anniversary"),
        ({"mechanic": "BIRTHDAY", "founded_years": None}, "On offer until 30 November"),
        ({"mechanic": "BIRTHDAY", "founded_years": 0.0}, "On offer until 30 November"),
        (
            {"mechanic": "RFM_REACTIVATION", "recency_days": 34.0},
            "We have missed you: your last order was 34 days ago",
        ),
        (
            {"mechanic": "RFM_REACTIVATION", "recency_days": None},
            "We have missed you: you have not ordered for months",
        ),
        (
            {"mechanic": "NEW_CUSTOMER_ONBOARDING", "registered_days": 9},
            "Welcome: you have had your card for 9 days",
        ),
        (
            {"mechanic": "NEW_CUSTOMER_ONBOARDING", "registered_days": 1},
            "Welcome: you have had your card for 1 day",
        ),
    ],
)
def test_the_occasion_of_a_personal_offer(given: dict[str, Any], sentence: str) -> None:
    assert said(**given) == sentence


def test_the_most_telling_reason_goes_first() -> None:
    everything = {
        "viewed_product_name": "Telemea",
        "viewed_days": 2,
        "mechanic": "BIRTHDAY",
        **HABIT,
        "category_share": 0.5,
        "nearby_buyer_count": 12,
        "type_share": 0.4,
        "offer_unit_price_ron": 5.0,
    }
    taken_away = [
        ({}, "You looked at"),
        ({"viewed_product_name": None}, "12 years in business"),
        ({"mechanic": "WEEKLY_CATALOG"}, "You buy Mozzarella"),
        ({"cycle_days": None}, "You bought Mozzarella 5 times"),
        ({"order_count": None}, "Half of your spend"),
        ({"category_share": None}, "Popular with pizzerias near you"),
        ({"nearby_buyer_count": 0}, "40 % of pizzerias"),
        ({"type_share": 0.0}, "50 % under the price"),
        ({"offer_unit_price_ron": 10.0}, "On offer until"),
    ]
    for without, beginning in taken_away:
        everything |= without
        assert said(**everything).startswith(beginning)


def test_every_category_and_trade_has_its_words() -> None:
    assert set(CATEGORY_WORDS) == set(Category)
    assert set(TRADE_WORDS) == set(BusinessType)
    assert said(category="PET_FOOD", category_share=0.5) == "Half of your spend is pet food"


def test_a_reason_never_speaks_of_margin() -> None:
    texts = [*CATEGORY_WORDS.values(), *TRADE_WORDS.values(), said(), said(**HABIT), said(nearby_buyer_count=9)]
    assert not any("margin" in text for text in texts)
