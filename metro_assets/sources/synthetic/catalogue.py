"""The assortment: products with authentic names, packs, costs and price tiers, all from the seed."""

from __future__ import annotations

import itertools
import tomllib
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl

from metro_assets.pricing import PriceTiers
from metro_assets.sources.synthetic import facts
from metro_assets.sources.synthetic.draws import normal, uniform
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
    cost = np.round(price * (1 - margin), 2)
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
        has_meat_or_dairy=frame["animal"].to_numpy(),
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


def _products_of(category: Category, facts_of: dict[str, Any], seed: int) -> Any:
    """Products of a category in an order drawn from the seed, every name once."""
    items = [item.split("|") for item in facts_of["items"]]
    place = CATEGORIES.index(category)
    for trait_number, trait in enumerate(facts.TRAITS):
        brands = [(brand, False) for brand in facts_of["brands"]] + [(brand, True) for brand in facts_of["own_brands"]]
        combinations = list(itertools.product(range(len(items)), brands, facts_of["packs"]))
        own = np.array([is_own for _, (_, is_own), _ in combinations])
        draws = uniform(seed, "assortment", place, trait_number, np.arange(len(combinations)))
        share = facts_of["own_brand_share"]
        weight = np.where(own, share / own.sum(), (1 - share) / (~own).sum())
        for number in np.argsort(-np.log(draws) / weight, kind="stable"):
            item_number, (brand, is_own), pack = combinations[number]
            item, subcategory, low, high, kinds = items[item_number]
            position = uniform(seed, "price", place, trait_number, np.array([number]))[0]
            price = float(low) * (float(high) / float(low)) ** position
            price *= facts.OWN_BRAND_PRICE_FACTOR.get(brand, 0.92 if is_own else 1.0)
            unit = "kg" if facts_of["units"][0] == "kg" and pack in {"vrac", "proaspăt vrac"} else facts_of["units"][-1]
            if facts_of["units"] == ["kg"]:
                unit = "kg"
            yield {
                "name": " ".join(part for part in (item, trait, brand, pack) if part),
                "brand": brand,
                "is_own_brand": is_own,
                "category": str(category),
                "subcategory": subcategory,
                "unit": unit,
                "pack_size": pack,
                "vat_share": facts_of["vat"],
                "price": round(price, 2),
                "margin": facts_of["margin"],
                "tagespreis_share": facts_of["tagespreis_share"],
                "animal": facts_of.get("animal", False),
                "tags": sum(1 << BUSINESS_TYPES.index(kind) for kind in _kinds(kinds)),
            }


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
