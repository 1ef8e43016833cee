"""The lines of a price tag: what they say, and when the next tier is no news."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from metro_assets.serving.price_tag import next_tier_line, offer_line, tag_text, tier_line
from metro_assets.serving.schemas import Recommendation

MOZZARELLA = {
    "rank": 1,
    "offer_id": 7,
    "score": 0.5,
    "reason": "You buy Mozzarella every 6 days, last time 5 days ago",
    "strategies": ["repeat_purchase"],
    "channel": "EMAIL",
    "offer_name": "-10% Mozzarella",
    "mechanic": "PERCENT_OFF",
    "category": "DAIRY_EGGS",
    "valid_to_date": date(2026, 11, 30),
    "product_id": 3,
    "product_name": "Mozzarella",
    "unit": "buc",
    "base_price_ron": Decimal("24.90"),
    "tier2_quantity": Decimal(6),
    "tier2_price_ron": Decimal("21.90"),
    "tier3_quantity": Decimal(24),
    "tier3_price_ron": Decimal("18.90"),
    "usual_quantity": 4.0,
    "usual_unit_price_ron": 24.90,
    "offer_unit_price_ron": 22.41,
    "saving_ron": 9.96,
    "next_tier_quantity": Decimal(6),
    "next_tier_saving_ron": 18.0,
    "expected_margin_ron": 14.82,
}
NO_TIERS = {"tier2_quantity": None, "tier2_price_ron": None, "tier3_quantity": None, "tier3_price_ron": None}
NO_NEXT = {"next_tier_quantity": None, "next_tier_saving_ron": None}


def offered(**changed: Any) -> Recommendation:
    return Recommendation(**{**MOZZARELLA, **changed})


def test_a_tag_says_tiers_offer_next_tier_reason_and_terms_in_this_order() -> None:
    assert tag_text(offered()).splitlines() == [
        "1. Mozzarella",
        "1+ 24.90 | 6+ 21.90 | 24+ 18.90 RON/buc",
        "22.41 RON/buc with the offer: you save 9.96 RON on your usual 4 buc",
        "at 6+ you save 18.00 RON",
        "You buy Mozzarella every 6 days, last time 5 days ago",
        "-10% Mozzarella · email · until 30 Nov",
    ]


def test_the_usual_quantity_has_its_unit() -> None:
    by_weight = offered(unit="kg", usual_quantity=5.8)
    assert offer_line(by_weight).endswith("on your usual 5.8 kg")
    no_better = offered(saving_ron=0.0, usual_quantity=6.0, usual_unit_price_ron=21.90)
    assert offer_line(no_better) == "21.90 RON/buc at your usual 6 buc, with the offer as without"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "at 6+ you save 18.00 RON"),
        # the offer at the usual quantity is as cheap as the next tier, or cheaper
        ({"offer_unit_price_ron": 21.90}, ""),
        ({"offer_unit_price_ron": 17.43}, ""),
        (
            {"next_tier_quantity": Decimal(24), "next_tier_saving_ron": 144.0, "offer_unit_price_ron": 19.71},
            "at 24+ you save 144.00 RON",
        ),
        (NO_NEXT, ""),
        (NO_TIERS | NO_NEXT, ""),
    ],
)
def test_the_next_tier_is_shown_where_it_is_cheaper_than_the_offer(changed: dict[str, Any], line: str) -> None:
    assert next_tier_line(offered(**changed)) == line


def test_a_product_without_tiers_has_one_price() -> None:
    assert tier_line(offered(**NO_TIERS)) == "1+ 24.90 RON/buc"


def test_an_offer_that_states_no_benefit_says_the_price_before_it() -> None:
    silent = offered(offer_unit_price_ron=None, saving_ron=None)
    assert offer_line(silent) == "24.90 RON/buc at your usual 4 buc before the offer"
    assert next_tier_line(silent) == "at 6+ you save 18.00 RON"
