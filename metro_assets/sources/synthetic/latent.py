"""What drives each customer and what nobody but the world knows: rhythm, basket, tastes, attention, the repertoire."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from metro_assets.draws import NORMAL_TABLE, bits, normal, uniform
from metro_assets.sources.synthetic import behaviour_facts as facts
from metro_assets.sources.synthetic.entities import (
    BUSINESS_TYPES,
    CATEGORIES,
    SEGMENTS,
    Businesses,
    Catalogue,
    Floats,
    Integers,
)

Singles = npt.NDArray[np.float32]
_TRIES = 1.6
"""Draws per wanted repertoire product: doubles are thrown away."""


@dataclass(frozen=True)
class Repertoire:
    """The products that customers buy again and again, pairs sorted by customer and product."""

    start: Integers
    """[C + 1]: customer c's pairs are rows start[c]:start[c + 1]."""
    product: npt.NDArray[np.int32]
    key: npt.NDArray[np.uint32]
    """Hash of (customer, product): the identity in every daily draw."""
    frequency: Singles
    """Needs per day: one over the cycle."""
    phase: Singles
    """Share of a cycle elapsed on the first day of the calendar."""
    quantity: Singles
    """Usual units."""
    first_day: npt.NDArray[np.int16]
    last_day: npt.NDArray[np.int16]
    """Days of the calendar between which the pair is alive."""


@dataclass(frozen=True)
class Latents:
    """Per customer, arrays [C]."""

    visits_per_week: Floats
    lines_per_visit: Floats
    churn_day: Integers
    attention: Floats
    """Multiplies awareness; mean 1."""
    sensitivity: Floats
    """Multiplies the incremental response to a discount; mean 1."""
    taste: Singles
    """[C, categories] share of the repertoire per category."""
    repertoire: Repertoire
    type_weights: Floats
    """[business types, P]: how likely a product is for the type; rows sum to one."""


def build_latents(catalogue: Catalogue, businesses: Businesses, seed: int, first_day: int) -> Latents:
    """Draw every customer's latents; `first_day` is the first day of the calendar (ordinal)."""
    customers = np.arange(len(businesses))
    segment = businesses.segment
    rhythm = np.array([facts.VISITS_PER_WEEK[name] for name in SEGMENTS])[segment]
    visits = rhythm * np.exp(facts.VISIT_SIGMA * normal(seed, "rhythm", customers))
    visits = np.minimum(visits, facts.MOST_VISITS_PER_WEEK)
    lines = np.array([facts.LINES_PER_VISIT[name] for name in SEGMENTS])[segment]
    lines = lines * np.exp(facts.LINES_SIGMA * normal(seed, "lines", customers)) * businesses.size**0.25
    lifetime = -np.log(uniform(seed, "churn", customers)) / facts.CHURN_PER_DAY
    churn = np.maximum(businesses.registered_day, first_day) + np.minimum(lifetime, 1e6).astype(np.int64)
    weights = _type_weights(catalogue)
    repertoire = _build_repertoire(catalogue, businesses, weights, visits, lines, seed)
    owner = np.repeat(customers, np.diff(repertoire.start))
    taste = np.bincount(
        owner * len(CATEGORIES) + catalogue.category[repertoire.product],
        weights=repertoire.frequency,
        minlength=len(customers) * len(CATEGORIES),
    ).reshape(len(customers), len(CATEGORIES))
    taste = taste / np.maximum(taste.sum(axis=1, keepdims=True), 1e-12)
    return Latents(
        visits_per_week=visits,
        lines_per_visit=lines,
        churn_day=churn,
        attention=_log_normal(facts.ATTENTION_SIGMA, seed, "attention", customers),
        sensitivity=_log_normal(facts.SENSITIVITY_SIGMA, seed, "sensitivity", customers),
        taste=taste.astype(np.float32),
        repertoire=repertoire,
        type_weights=weights,
    )


def durable_days() -> Singles:
    """Days for which a thing of each category serves, [categories]."""
    return np.array([facts.DURABLE_DAYS.get(category, 0) for category in CATEGORIES], dtype=np.float32)


def usual_quantity(catalogue: Catalogue, businesses: Businesses, product: npt.NDArray[Any], owner: Integers) -> Floats:
    """Units of a product that suit a customer's size; of what is dear enough to be bought singly, one to everybody."""
    typical = catalogue.typical_quantity[product]
    units: Floats = typical * np.where(typical > 1.0, businesses.size[owner] ** facts.QUANTITY_SIZE_POWER, 1.0)
    return units


def _log_normal(sigma: float, seed: int, purpose: str, keys: Integers) -> Floats:
    values: Floats = np.exp(sigma * normal(seed, purpose, keys) - sigma**2 / 2)
    return values


def _type_weights(catalogue: Catalogue) -> Floats:
    """How likely each product is in the repertoire of each business type, rows sum to one."""
    slow = np.array([facts.SLOW_CATEGORIES.get(category, 1.0) for category in CATEGORIES])
    weights = np.zeros((len(BUSINESS_TYPES), len(catalogue)))
    for code, kind in enumerate(BUSINESS_TYPES):
        favours = np.array([facts.CATEGORY_WEIGHTS[kind].get(category, 1.0) for category in CATEGORIES])
        on_menu = (catalogue.tags >> code) & 1
        weights[code] = catalogue.popularity * (favours * slow)[catalogue.category]
        weights[code] *= np.where(on_menu == 1, facts.MENU_BOOST, 1.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _build_repertoire(
    catalogue: Catalogue, businesses: Businesses, weights: Floats, visits: Floats, lines: Floats, seed: int
) -> Repertoire:
    """Draw products by type and taste, doubles thrown away; cycles in visits, so that baskets have their size."""
    alive_share = 1 - facts.TURNOVER_SHARE / 2  # in any season half of those that enter or leave are there
    per_pair_visit = alive_share * facts.KEEP_SHARE * _mean_need_per_visit()
    wanted = np.maximum(lines * (1 - facts.IMPULSE_SHARE) / per_pair_visit, 3)
    size = np.minimum(wanted, facts.MOST_REPERTOIRE_SHARE * len(catalogue)).astype(np.int64)
    parts = np.array_split(np.arange(len(businesses)), max(len(businesses) // 2500, 1))
    with ThreadPoolExecutor() as pool:  # NumPy releases the interpreter's lock in its loops
        shards = list(pool.map(lambda places: _draw_pairs(catalogue, businesses, weights, size, seed, places), parts))
    owner, product = (np.concatenate([shard[part] for shard in shards]) for part in (0, 1))
    held = np.bincount(owner, minlength=len(businesses))
    random = np.concatenate([shard[2] for shard in shards])
    hurry = (wanted / np.maximum(held, 1)).astype(np.float32)[owner]
    cycle_visits = facts.CYCLE_VISITS * np.exp(
        facts.CYCLE_SIGMA * NORMAL_TABLE[(random & np.uint64(4095)).astype(np.int64)]
    )
    gap_days = (7.0 / visits).astype(np.float32)[owner]
    served_days = durable_days()[catalogue.category[product]]
    frequency = 1.0 / (gap_days * cycle_visits / hurry + served_days)
    phase = ((random >> np.uint64(12)) & np.uint64(0xFFFF)).astype(np.float32) / np.float32(65536)
    spread = NORMAL_TABLE[((random >> np.uint64(28)) & np.uint64(4095)).astype(np.int64)]
    quantity = usual_quantity(catalogue, businesses, product, owner).astype(np.float32)
    quantity = quantity * np.exp(facts.QUANTITY_SIGMA_PAIR * spread)
    first, last = _lifetimes(random)
    return Repertoire(
        start=np.concatenate([[0], np.cumsum(held)]),
        product=product.astype(np.int32),
        key=(random >> np.uint64(32)).astype(np.uint32),
        frequency=frequency.astype(np.float32),
        phase=phase,
        quantity=quantity.astype(np.float32),
        first_day=first,
        last_day=last,
    )


def _mean_need_per_visit() -> float:
    """Chance that a repertoire product falls due between two visits, over the spread of cycles."""
    cycle = facts.CYCLE_VISITS * np.exp(facts.CYCLE_SIGMA * NORMAL_TABLE.astype(np.float64))
    return float(np.minimum(1.0, 1.0 / cycle).mean())


def _draw_pairs(
    catalogue: Catalogue, businesses: Businesses, weights: Floats, size: Integers, seed: int, places: Integers
) -> tuple[Integers, Integers, npt.NDArray[np.uint64]]:
    """Pairs of a shard of customers, sorted: (customer, product, 64 random bits)."""
    tries = (size[places] * _TRIES).astype(np.int64) + 4
    owner = np.repeat(places, tries)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(tries) - tries, tries)
    product = _products_by_type(catalogue, businesses, weights, seed, "repertoire", owner, number)
    # A taste per customer and category: a draw is kept with a probability that grows with the taste.
    log_taste = normal(seed, "taste", places[:, None], np.arange(len(CATEGORIES))[None, :])
    kept_share = 1 / (1 + np.exp(-facts.TASTE_SIGMA * 2 * log_taste))
    keep = uniform(seed, "taste keeps", owner, number) < kept_share[owner - places[0], catalogue.category[product]]
    # Kept draws come first, then the others; of a product drawn twice the first counts. Both sorts are of one integer.
    span = 2 * int(tries.max())
    turn = np.where(keep, number, number + tries.max())
    draws = np.sort((owner * len(catalogue) + product) * span + turn)
    pair = draws // span
    is_first = np.diff(pair, prepend=-1) != 0
    pair, turn = pair[is_first], draws[is_first] % span
    kept = pair[_first_of_each(pair // len(catalogue), turn, span, size)]
    return kept // len(catalogue), kept % len(catalogue), bits(seed, "pair", kept)


def _first_of_each(owner: Integers, turn: Integers, span: int, size: Integers) -> npt.NDArray[np.bool_]:
    """Of each owner's rows, the `size[owner]` of lowest turn, all below `span`; owners come sorted."""
    order = np.argsort(owner * span + turn)
    begin = np.searchsorted(owner, owner)
    kept = np.zeros(len(owner), dtype=bool)
    kept[order] = np.arange(len(owner)) - begin < size[owner]
    return kept


def _products_by_type(
    catalogue: Catalogue,
    businesses: Businesses,
    weights: Floats,
    seed: int,
    purpose: str,
    owner: Integers,
    number: Integers,
) -> Integers:
    """One product per row, drawn from the weights of the owner's business type."""
    cumulative = np.cumsum(weights, axis=1)
    cumulative += np.arange(len(weights))[:, None] - 0.0
    cumulative[:, -1] = np.arange(len(weights)) + 1.0
    draw = uniform(seed, purpose, owner, number) + businesses.business_type[owner]
    flat = np.searchsorted(cumulative.ravel(), draw, side="right")
    products: Integers = np.minimum(
        flat - businesses.business_type[owner].astype(np.int64) * len(catalogue), len(catalogue) - 1
    )
    return products


def _lifetimes(random: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """First and last day of the calendar on which a pair is alive: most always, some enter or leave."""
    draw = ((random >> np.uint64(40)) & np.uint64(0xFFFF)).astype(np.float32) / np.float32(65536)
    day = ((random >> np.uint64(20)) % np.uint64(facts.TURNOVER_DAYS)).astype(np.int16)
    enters, leaves = draw < facts.TURNOVER_SHARE / 2, draw > 1 - facts.TURNOVER_SHARE / 2
    highest = np.iinfo(np.int16).max
    return np.where(enters, day, -highest).astype(np.int16), np.where(leaves, day, highest).astype(np.int16)
