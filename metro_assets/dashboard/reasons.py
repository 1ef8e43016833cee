"""The reason of a recommendation in the reader's language.

The tables hold the English sentence (`selection.reasons`). It is recognised by the English templates of `reasons.toml`
and said again by those of the language; a sentence that no template knows is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache

from metro_assets.dashboard.catalogue import Language, catalogue, say
from metro_assets.dashboard.formats import Formats

SECTION = "reasons"
TEMPLATES = (
    "looked_at",
    "anniversary",
    "missed_for_months",
    "missed_since",
    "welcome",
    "rhythm_past",
    "rhythm",
    "bought_times",
    "bought_once",
    "own_category",
    "trade_nearby",
    "trade",
    "saving",
    "today_only",
    "valid_until",
)
"""In the order in which they are tried: one that says more stands before one that would take it for a product."""
ANY_YEAR = 2000
"""The sentence has no year; a leap year knows every day."""
PARTS = {
    "ago": r"yesterday|\d+ days? ago",
    "years": r"\d+ years?",
    "days": r"\d+ days?",
    "cycle": r"day|\d+ days",
    "times": r"twice|\d+ times",
    "share": r"\d+ %|A fifth|A quarter|A third|Half",
    "percent": r"-?\d+",
    "buyers": r"\d+",
    "quantity": r"[\d.]+",
}
"""What stands in the place of a field; any text where a field is not named."""
EXACT = {
    "yesterday": "yesterday",
    "day": "every_day",
    "twice": "twice",
    "A fifth": "share_fifth",
    "A quarter": "share_quarter",
    "A third": "share_third",
    "Half": "share_half",
}
COUNTED = {
    "ago": "days_ago",
    "years": "count_years",
    "days": "count_days",
    "cycle": "every_days",
    "times": "count_times",
}


def reason_in(language: Language, reason: str) -> str:
    """A stored reason in a language."""
    if language == "en":
        return reason
    found = recognised(reason)
    if found is None:
        return reason
    template, parts = found
    said = {name: _part(language, name, text) for name, text in parts.items()}
    return say(language, f"{SECTION}.{template}", **said)


def recognised(reason: str) -> tuple[str, dict[str, str]] | None:
    """The template of a stored reason and what stands in its fields; None where none fits."""
    for template, pattern in _patterns():
        if found := pattern.fullmatch(reason):
            return template, found.groupdict()
    return None


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(name, _pattern(catalogue()[f"{SECTION}.{name}"]["en"]["other"])) for name in TEMPLATES]


def _pattern(template: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", template)
    written = (
        re.escape(piece) if place % 2 == 0 else f"(?P<{piece}>{PARTS.get(piece, '.+')})"
        for place, piece in enumerate(pieces)
    )
    return re.compile("".join(written), re.DOTALL)


def _part(language: Language, name: str, text: str) -> str:
    """A field of a sentence in the language; what is no word stays."""
    if name in {"category", "trade"}:
        return next((say(language, key) for key in _keys(name) if say("en", key) == text), text)
    if name in {*COUNTED, "share"} and text in EXACT:
        return say(language, f"{SECTION}.{EXACT[text]}")
    if name in COUNTED:
        return say(language, f"{SECTION}.{COUNTED[name]}", count=int(text.split()[0]))
    if name == "share":
        return say(language, f"{SECTION}.share_percent", percent=text.removesuffix(" %"))
    if name == "quantity":
        return Formats(language).quantity(float(text))
    if name == "day":
        return _day(language, text)
    return text


def _day(language: Language, text: str) -> str:
    try:
        day = datetime.strptime(f"{text} {ANY_YEAR}", "%d %B %Y").date()
    except ValueError:
        return text
    return Formats(language).day_of_year(day)


def _keys(name: str) -> Iterator[str]:
    return (key for key in catalogue() if key.startswith(f"{SECTION}.{name}_") and key != f"{SECTION}.trade_nearby")
