"""What a scenario moves: offers in, out, up and down, and which features moved them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import Selection
from metro_assets.dashboard.simulation.morning import Morning
from metro_assets.ranking.protocol import Scored, Scorer
from metro_assets.vocabulary import MARGIN_FEATURES, UNKNOWN

SHOWN_EFFECTS = 3
"""Features that are named of an offer: those that move its score most."""


class Kind(StrEnum):
    """How an offer moved."""

    IN = "in"
    UP = "up"
    SAME = "same"
    DOWN = "down"
    OUT = "out"


class Cause(StrEnum):
    """Why an offer came in or went out."""

    NEWLY_FOUND = "newly_found"
    RULE_LIFTED = "rule_lifted"
    SCORE_UP = "score_up"
    PLACE_FREED = "place_freed"
    NOT_FOUND = "not_found"
    RULE = "rule"
    CATEGORY_FULL = "category_full"
    OUTSCORED = "outscored"


@dataclass(frozen=True)
class Effect:
    """A feature of an offer that moved, and what that does to its score if nothing else moves."""

    feature: str
    before: float | None
    after: float | None
    change: float
    """Of the score; of the value in RON where the algorithm orders by it."""


@dataclass(frozen=True)
class Move:
    """An offer of either slate."""

    kind: Kind
    offer: Mapping[str, Any]
    """Its row of `recommendations`, of the new slate where it stands there."""
    before_rank: int | None
    after_rank: int | None
    before_score: float | None
    """None where it was no candidate."""
    after_score: float | None
    cause: Cause | None
    barrier: str | None
    effects: tuple[Effect, ...]


def moves(before: Morning, after: Morning, scorer: Scorer | None, settings: Selection) -> list[Move]:
    """Every offer of the two slates, those of the new one by rank, then those that went out."""
    earlier, later = _by_offer(before.slate), _by_offer(after.slate)
    was, now = _by_offer(before.candidates), _by_offer(after.candidates)
    effects = _effects(was, now, [offer for offer in {**later, **earlier} if offer in was and offer in now], scorer)
    found = []
    for offer_id, row in {**later, **{key: row for key, row in earlier.items() if key not in later}}.items():
        ranks = earlier.get(offer_id, {}).get("rank"), later.get(offer_id, {}).get("rank")
        kind = _kind(*ranks)
        cause = None
        if kind is Kind.IN:
            cause = _came(was.get(offer_id), now[offer_id])
        elif kind is Kind.OUT:
            cause = _went(now.get(offer_id), row["category"], later, settings)
        found.append(
            Move(
                kind,
                row,
                *ranks,
                was.get(offer_id, {}).get("score"),
                now.get(offer_id, {}).get("score"),
                cause,
                now.get(offer_id, was.get(offer_id, {})).get("barrier"),
                effects.get(offer_id, ()),
            )
        )
    return found


def _kind(before: int | None, after: int | None) -> Kind:
    if before is None or after is None:
        return Kind.IN if before is None else Kind.OUT
    return Kind.UP if after < before else Kind.DOWN if after > before else Kind.SAME


def _came(was: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Cause:
    if was is None:
        return Cause.NEWLY_FOUND
    if was["barrier"] is not None:
        return Cause.RULE_LIFTED
    return Cause.SCORE_UP if _worth(now) > _worth(was) else Cause.PLACE_FREED


def _went(
    now: Mapping[str, Any] | None, category: str, later: Mapping[int, Mapping[str, Any]], settings: Selection
) -> Cause:
    if now is None:
        return Cause.NOT_FOUND
    if now["barrier"] is not None:
        return Cause.RULE
    of_category = sum(row["category"] == category for row in later.values())
    is_full = category != UNKNOWN and of_category >= settings.maximum_per_category
    is_better = any(_worth(now) > _worth(row) for row in later.values())
    return Cause.CATEGORY_FULL if is_full and is_better else Cause.OUTSCORED


def _worth(row: Mapping[str, Any]) -> float:
    """What the algorithm orders by."""
    value = row["value_ron"] if row["value_ron"] is not None else row["score"]
    return float(value if value is not None else 0.0)


def _effects(
    was: Mapping[int, Mapping[str, Any]], now: Mapping[int, Mapping[str, Any]], offers: list[int], scorer: Scorer | None
) -> dict[int, tuple[Effect, ...]]:
    """Features that moved, per offer, by what each does to the score alone; the largest first."""
    if scorer is None or not offers:
        return {}
    names = scorer.feature_names
    before, after = (_matrix([rows[offer] for offer in offers], names) for rows in (was, now))
    watched = [place for place, name in enumerate(names) if name not in MARGIN_FEATURES]
    moved = [
        (row, place)
        for row in range(len(offers))
        for place in watched
        if before[row, place] != after[row, place] and not np.isnan([before[row, place], after[row, place]]).all()
    ]
    if not moved:
        return {}
    rows, places = (np.array(column) for column in zip(*moved, strict=True))
    exchanged = before[rows].copy()
    exchanged[np.arange(len(rows)), places] = after[rows, places]
    base = _worths(scorer.scored(before, 1))
    change = _worths(scorer.scored(exchanged, 1)) - base[rows]
    found: dict[int, list[Effect]] = {}
    for row, place, moved_by in zip(rows.tolist(), places.tolist(), change.tolist(), strict=True):
        old, new = _known(before[row, place]), _known(after[row, place])
        found.setdefault(offers[row], []).append(Effect(names[place], old, new, moved_by))
    return {
        offer: tuple(sorted(effects, key=lambda effect: -abs(effect.change))[:SHOWN_EFFECTS])
        for offer, effects in found.items()
    }


def _worths(scored: Scored) -> npt.NDArray[np.float64]:
    return np.nan_to_num((scored.score if scored.value_ron is None else scored.value_ron).astype(np.float64))


def _matrix(rows: list[Mapping[str, Any]], names: tuple[str, ...]) -> npt.NDArray[np.float32]:
    return np.array([[np.nan if row[name] is None else row[name] for name in names] for row in rows], dtype=np.float32)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _by_offer(frame: pl.DataFrame) -> dict[int, dict[str, Any]]:
    return {row["offer_id"]: row for row in frame.iter_rows(named=True)}
