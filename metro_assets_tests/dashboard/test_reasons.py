"""Reasons in Romanian: every kind of reason that the selection writes is recognised and said again."""

from datetime import date

import polars as pl
import pytest

from metro_assets.dashboard.catalogue import catalogue, say
from metro_assets.dashboard.reasons import TEMPLATES, reason_in, recognised
from metro_assets.selection import reasons
from metro_assets.vocabulary import OfferMechanic

PRODUCT = "Mozzarella METRO Chef 1 kg, every 3 days"
"""A product whose name looks like a part of a sentence."""
FACTS = {
    "viewed_product_name": PRODUCT,
    "viewed_days": 3,
    "mechanic": "",
    "founded_years": 12.0,
    "recency_days": 34.0,
    "registered_days": 9,
    "cycle_days": 6.2,
    "last_bought_days": 5,
    "order_count": 4,
    "product_name": PRODUCT,
    "category_share": 0.33,
    "category": "DAIRY_EGGS",
    "nearby_buyer_count": 12,
    "business_type": "PIZZERIA",
    "county": "Cluj",
    "type_share": 0.31,
    "member_count": 40,
    "offer_unit_price_ron": 8.0,
    "usual_unit_price_ron": 10.0,
    "usual_quantity": 2.5,
    "unit": "kg",
    "valid_to_date": date(2026, 11, 30),
}
MONDAY = date(2026, 11, 23)
KINDS = (
    (reasons.web_visit(), {}, "looked_at", f"V-ați uitat la {PRODUCT} în magazinul online acum 3 zile"),
    (reasons.web_visit(), {"viewed_days": 1}, "looked_at", f"V-ați uitat la {PRODUCT} în magazinul online ieri"),
    (
        reasons.anniversary(),
        {"mechanic": OfferMechanic.BIRTHDAY},
        "anniversary",
        "12 ani de activitate: pentru aniversarea firmei",
    ),
    (
        reasons.anniversary(),
        {"mechanic": OfferMechanic.BIRTHDAY, "founded_years": 1.0},
        "anniversary",
        "1 an de activitate: pentru aniversarea firmei",
    ),
    (
        reasons.lapse(),
        {"mechanic": OfferMechanic.RFM_REACTIVATION},
        "missed_since",
        "Ne-ați lipsit: ultima comandă a fost acum 34 de zile",
    ),
    (
        reasons.lapse(),
        {"mechanic": OfferMechanic.RFM_REACTIVATION, "recency_days": None},
        "missed_for_months",
        "Ne-ați lipsit: nu ați mai comandat de luni de zile",
    ),
    (
        reasons.welcome(),
        {"mechanic": OfferMechanic.NEW_CUSTOMER_ONBOARDING},
        "welcome",
        "Bun venit: aveți cardul de 9 zile",
    ),
    (reasons.own_rhythm(), {}, "rhythm", f"Cumpărați {PRODUCT} la fiecare 6 zile, ultima dată acum 5 zile"),
    (
        reasons.own_rhythm(),
        {"cycle_days": 1.0, "last_bought_days": 1},
        "rhythm",
        f"Cumpărați {PRODUCT} în fiecare zi, ultima dată ieri",
    ),
    (
        reasons.own_rhythm(),
        {"last_bought_days": 21},
        "rhythm_past",
        f"Obișnuiați să cumpărați {PRODUCT} la fiecare 6 zile, ultima dată acum 21 de zile",
    ),
    (reasons.own_purchase(), {"order_count": 1}, "bought_once", f"Ați cumpărat {PRODUCT} acum 5 zile"),
    (
        reasons.own_purchase(),
        {"order_count": 2},
        "bought_times",
        f"Ați cumpărat {PRODUCT} de două ori, ultima dată acum 5 zile",
    ),
    (
        reasons.own_purchase(),
        {"order_count": 20},
        "bought_times",
        f"Ați cumpărat {PRODUCT} de 20 de ori, ultima dată acum 5 zile",
    ),
    (reasons.own_category(0.1), {}, "own_category", "O treime din cheltuieli: lactate și ouă"),
    (reasons.own_category(0.1), {"category_share": 0.42}, "own_category", "42% din cheltuieli: lactate și ouă"),
    (
        reasons.own_category(0.1),
        {"category": "BOAT_PARTS"},
        "own_category",
        "O treime din cheltuieli: boat parts",
    ),
    (
        reasons.trade_nearby(5),
        {},
        "trade_nearby",
        "Căutat de pizzerii din apropiere: 12 din Cluj l-au cumpărat recent",
    ),
    (reasons.trade(0.1), {}, "trade", "31% dintre pizzerii îl cumpără"),
    (reasons.saving(0.01), {}, "saving", "Cu 20% sub prețul pentru 2,5 kg"),
    (reasons.validity(MONDAY), {}, "valid_until", "La ofertă până la 30 noiembrie"),
    (reasons.validity(date(2026, 11, 30)), {}, "today_only", "La ofertă doar astăzi"),
)


@pytest.mark.parametrize(("expression", "facts", "template", "romanian"), KINDS)
def test_a_reason_of_every_kind_is_said_in_romanian(
    expression: pl.Expr, facts: dict[str, object], template: str, romanian: str
) -> None:
    written = pl.DataFrame([FACTS | facts], schema_overrides={"recency_days": pl.Float64}).select(expression).item()
    found = recognised(written)
    assert found is not None
    assert found[0] == template
    assert reason_in("ro", written) == romanian
    assert reason_in("en", written) == written


def test_every_template_is_tried() -> None:
    assert {template for _, _, template, _ in KINDS} == set(TEMPLATES)


def test_the_words_of_the_selection_are_all_known() -> None:
    for kind, words in (("category", reasons.CATEGORY_WORDS), ("trade", reasons.TRADE_WORDS)):
        for code, text in words.items():
            assert say("en", f"reasons.{kind}_{code}") == text
    assert {text for _, _, text in reasons.ROUND_SHARES} == {
        forms["en"]["other"]
        for key, forms in catalogue().items()
        if key.startswith("reasons.share_") and key != "reasons.share_percent"
    }


def test_a_reason_that_nobody_knows_stays_as_it_is() -> None:
    assert reason_in("ro", "Because <b>we</b> say so") == "Because <b>we</b> say so"
