"""Every member of the vocabulary has a name in every language, so that no page shows a code."""

import re
from collections.abc import Iterable
from importlib.resources import files

import pytest

from metro_assets import vocabulary
from metro_assets.dashboard.catalogue import catalogue

KINDS: dict[str, Iterable[str]] = {
    "segment": vocabulary.Segment,
    "business_type": vocabulary.BusinessType,
    "category": [*vocabulary.Category, vocabulary.UNKNOWN],
    "own_brand": vocabulary.OwnBrand,
    "mechanic": [*vocabulary.OfferMechanic, vocabulary.UNKNOWN],
    "benefit": vocabulary.Benefit,
    "channel": vocabulary.Channel,
    "arm": vocabulary.Arm,
    "strategy": vocabulary.Strategy,
    "algorithm": [*vocabulary.Algorithm, *vocabulary.Baseline, vocabulary.UNRANKED],
    "protocol": vocabulary.Protocol,
    "estimator": vocabulary.Estimator,
    "severity": vocabulary.Severity,
    "feature": [
        *vocabulary.RANKING_FEATURES,
        *vocabulary.CONTEXT_FEATURES,
        *vocabulary.MARGIN_FEATURES,
        *vocabulary.SET_FEATURES,
        vocabulary.NEXT_ITEM_FEATURE,
        vocabulary.OFFER_CODE,
    ],
    "consent": ["yes", "no", "unknown"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_code_of_the_vocabulary_has_a_name(kind: str) -> None:
    assert [code for code in KINDS[kind] if f"words.{kind}_{code}" not in catalogue()] == []


def test_every_reason_that_the_rules_write_has_a_name() -> None:
    for query, kind in (("shortfalls", "shortfall"), ("judged_candidates", "barrier")):
        text = files("metro_assets.selection").joinpath(f"{query}.sql").read_text(encoding="utf-8")
        codes = set(re.findall(r"then '([A-Z_]+)'", text))
        assert codes
        assert [code for code in codes if f"words.{kind}_{code}" not in catalogue()] == []


def test_names_of_a_kind_tell_its_codes_apart() -> None:
    for kind, codes in KINDS.items():
        for language in ("en", "ro"):
            names = [catalogue()[f"words.{kind}_{code}"][language]["other"] for code in codes]
            assert len(set(names)) == len(names), (kind, language)
