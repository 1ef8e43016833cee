"""The assortment: products with authentic names, packs, costs and price tiers, all from the seed."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl

from metro_assets.draws import normal, uniform
from metro_assets.pricing import PriceTiers
from metro_assets.sources.synthetic import facts
from metro_assets.sources.synthetic.entities import BUSINESS_TYPES, CATEGORIES, Catalogue, Floats
from metro_assets.vocabulary import BusinessType, Category

FOOD_SERVICE = tuple(kind for kind in BUSINESS_TYPES[:10])
"""Who sells or serves food: what `*` in the assortment stands for."""


def build_catalogue(products: int, seed: int) -> Catalogue:
    """The assortment of `products` products; its categories have the seed's shares."""
    listing = tomllib.loads(files(__package__).joinpath("assortment.toml").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = []
    for category, count in zip(CATEGORIES, _counts(listing, products), strict=True):
        rows += itertools.islice(_products_of(category, listing[category], seed), count)
    frame = pl.DataFrame(rows).with_row_index("product_id", offset=1)
    identifiers = frame["product_id"].to_numpy()
    price = frame["price"].to_numpy()
    tiers = _tiers(price, frame["unit"].to_numpy() == "kg", identifiers, seed)
    margin = np.clip(frame["margin"].to_numpy() + 0.03 * normal(seed, "margin", identifiers), 0.05, 0.6)
    best = np.fmin(tiers.tier2_price_ron, np.nan_to_num(tiers.tier3_price_ron, nan=np.inf))
    cost = np.floor(np.minimum(price * (1 - margin), best * (1 - facts.LEAST_TIER_MARGIN)) * 100) / 100
    popularity = np.exp(facts.POPULARITY_SIGMA * normal(seed, "popularity", identifiers))
    is_tagespreis = uniform(seed, "tagespreis", identifiers) < frame["tagespreis_share"].to_numpy()
    contract = frame.select(
        pl.col("product_id").cast(pl.Int32), "name", "brand", "is_own_brand", "category", "subcategory", "unit",
        "pack_size", pl.Series("is_tagespreis", is_tagespreis), "vat_share", pl.Series("cost_ron", cost),
        *(pl.Series(name, values).fill_nan(None) for name, values in tiers._asdict().items()),
    )  # fmt: skip
    return Catalogue(
        frame=contract,
        category=np.array([CATEGORIES.index(Category(name)) for name in frame["category"]], dtype=np.int8),
        is_own_brand=frame["is_own_brand"].to_numpy(),
        is_tagespreis=is_tagespreis,
        is_by_weight=frame["unit"].to_numpy() == "kg",
        cost_ron=cost,
        tiers=tiers,
        popularity=popularity,
        typical_quantity=np.clip(40.0 / price**0.75, 1.0, 12.0),
        tags=frame["tags"].to_numpy().astype(np.int64),
    )


def _counts(listing: dict[str, Any], products: int) -> list[int]:
    """Products per category by largest remainders, at least one each."""
    weights = np.array([listing[category]["weight"] for category in CATEGORIES])
    exact = weights / weights.sum() * products
    counts = np.maximum(np.floor(exact).astype(int), 1)
    for place in np.argsort(-(exact - counts), kind="stable")[: max(products - counts.sum(), 0)]:
        counts[place] += 1
    return [int(count) for count in counts]


def _products_of(category: Category, listing: dict[str, Any], seed: int) -> Iterator[dict[str, Any]]:
    """Products of a category in an order drawn from the seed, every name once."""
    place = CATEGORIES.index(category)
    is_by_weight = listing.get("sold_by_weight", False)
    own_brands = set(listing["own_brands"])
    combinations = [
        (item.split("|"), brand, pack, factor)
        for of in listing["ranges"]
        for item in of["items"]
        for brand in (*of["brands"], *listing["own_brands"])
        for pack, factor in _price_factors(of["packs"])
    ]
    own = np.array([brand in own_brands for _, brand, *_ in combinations])
    share = listing["own_brand_share"]
    weight = np.where(own, share / own.sum(), (1 - share) / (~own).sum())
    numbers = np.arange(len(combinations))
    for trait_number, trait in enumerate(facts.TRAITS):
        draws = uniform(seed, "assortment", place, trait_number, numbers)
        price_draws = uniform(seed, "price", place, trait_number, numbers)
        for number in np.argsort(-np.log(draws) / weight, kind="stable"):
            (item, subcategory, low, high, kinds), brand, pack, factor = combinations[number]
            # A larger pack costs more; a price per kg does not follow the pack.
            position = price_draws[number] if is_by_weight else 0.25 + 0.5 * price_draws[number]
            price = float(low) * (float(high) / float(low)) ** position * (1.0 if is_by_weight else factor)
            price *= facts.OWN_BRAND_PRICE_FACTOR.get(brand, 0.92 if own[number] else 1.0)
            yield {
                "name": " ".join(part for part in (item, trait, brand, pack) if part),
                "brand": brand,
                "is_own_brand": bool(own[number]),
                "category": str(category),
                "subcategory": subcategory,
                "unit": "kg" if is_by_weight else _unit(pack),
                "pack_size": pack,
                "vat_share": listing["vat"],
                "price": round(price, 2),
                "margin": listing["margin"],
                "tagespreis_share": listing["tagespreis_share"],
                "animal": listing.get("animal", False),
                "tags": sum(1 << BUSINESS_TYPES.index(kind) for kind in _kinds(kinds)),
            }


def _price_factors(packs: list[str]) -> list[tuple[str, float]]:
    """Packs with their price over that of the range's middle pack; by content where every pack states one."""
    amounts = [_amount(pack) for pack in packs]
    if all(amounts):
        content = np.array(amounts)
        factors = (content / np.exp(np.log(content).mean())) ** facts.PACK_PRICE_POWER
    else:
        factors = facts.PACK_PRICE_STEP ** (np.arange(len(packs)) - (len(packs) - 1) / 2)
    return [(pack, float(factor)) for pack, factor in zip(packs, factors, strict=True)]


def _amount(pack: str) -> float:
    """Content of a pack in kg, l, m or pieces: 6 of "12 x 0,5 l", 0.2 of "borcan 200 g"; 0 where none is stated."""
    found = re.search(r"(?:(\d+) x )?(\d+(?:,\d+)?) (kg|g|l|ml|m|buc|plicuri|role)\b", pack)
    if found:
        size = float(found[2].replace(",", ".")) * (0.001 if found[3] in {"g", "ml"} else 1.0)
        return float(found[1] or 1) * size
    pieces = re.match(r"set (\d+)", pack)
    return float(pieces[1]) if pieces else 0.0


def _unit(pack: str) -> str:
    """Unit of sale: several in one wrapping are a case."""
    if " x " in pack:
        return "bax"
    return "set" if pack.startswith("set ") else "buc"


def _kinds(text: str) -> set[BusinessType]:
    names = set(text.split(","))
    return {kind for kind in BUSINESS_TYPES if kind in names or ("*" in names and kind in FOOD_SERVICE)}


def _tiers(price: Floats, is_by_weight: np.typing.NDArray[np.bool_], identifiers: Any, seed: int) -> PriceTiers:
    """Tier prices and thresholds by the seed's rules; thresholds in kg for what is sold by weight."""
    depth2 = _between(facts.TIER2_DEPTH, uniform(seed, "tier 2", identifiers))
    depth3 = np.maximum(_between(facts.TIER3_DEPTH, uniform(seed, "tier 3", identifiers)), depth2 + 0.05)
    is_dear, is_cheap = price >= 250, price < 30
    quantity2 = np.select([is_by_weight, is_dear, is_cheap], [5.0, 2.0, 6.0], default=3.0)
    quantity3 = np.select([is_by_weight, is_dear, is_cheap], [20.0, 5.0, 24.0], default=12.0)
    has_third = (uniform(seed, "third tier", identifiers) < facts.THREE_TIERS_SHARE) & (price < 2000)
    return PriceTiers(
        base_price_ron=price,
        tier2_quantity=quantity2,
        tier2_price_ron=np.round(price * (1 - depth2), 2),
        tier3_quantity=np.where(has_third, quantity3, np.nan),
        tier3_price_ron=np.where(has_third, np.round(price * (1 - depth3), 2), np.nan),
    )


def _between(limits: tuple[float, float], draws: Floats) -> Floats:
    return limits[0] + (limits[1] - limits[0]) * draws
