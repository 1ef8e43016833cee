"""Tagespreis: the daily prices of ultra-fresh products, fixed the evening before."""

from __future__ import annotations

import numpy as np
import polars as pl

from metro_assets.draws import normal
from metro_assets.pricing import PriceTiers
from metro_assets.sources.synthetic import facts
from metro_assets.sources.synthetic.entities import Catalogue, Floats


def prices_on(catalogue: Catalogue, seed: int, day: int) -> tuple[PriceTiers, Floats]:
    """Price tiers and costs of all products in force on a day, arrays [products]."""
    factor = _factor(catalogue, seed, day)
    tiers, cost = catalogue.tiers, catalogue.cost_ron
    scaled = {
        name: np.round(getattr(tiers, name) * factor, 2)
        for name in ("base_price_ron", "tier2_price_ron", "tier3_price_ron")
    }
    return tiers._replace(**scaled), np.round(cost * (1 + 0.8 * (factor - 1)), 2)


def daily_prices_frame(catalogue: Catalogue, seed: int, day: int) -> pl.DataFrame:
    """The table daily_prices of a day: Tagespreis products only."""
    tiers, cost = prices_on(catalogue, seed, day)
    daily = catalogue.is_tagespreis
    return pl.DataFrame(
        {
            "product_id": (np.flatnonzero(daily) + 1).astype(np.int32),
            "cost_ron": cost[daily],
            "base_price_ron": tiers.base_price_ron[daily],
            "tier2_price_ron": tiers.tier2_price_ron[daily],
            "tier3_price_ron": tiers.tier3_price_ron[daily],
        }
    ).with_columns(pl.col("tier3_price_ron").fill_nan(None))


def _factor(catalogue: Catalogue, seed: int, day: int) -> Floats:
    """Daily price over the base price: a moving average of daily shocks, so that a day stands alone yet remembers."""
    products = np.flatnonzero(catalogue.is_tagespreis)
    lags = np.arange(facts.TAGESPREIS_MEMORY_DAYS)
    weights = 1.0 - lags / facts.TAGESPREIS_MEMORY_DAYS
    weights *= facts.TAGESPREIS_SPREAD / np.sqrt((weights**2).sum())
    shocks = normal(seed, "tagespreis", products[:, None], (day - lags)[None, :])
    limit = facts.TAGESPREIS_LIMIT
    factor = np.ones(len(catalogue))
    factor[products] = np.clip(np.exp((shocks * weights).sum(axis=1)), 1 - limit, 1 + limit)
    return factor
