"""What a buyer pays and the company earns per unit, written from docs/features.md: columns of a frame in and out."""

from __future__ import annotations

import numpy as np
import pandas as pd


def with_prices(rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """The rows with usual_unit_price_ron, offer_unit_price_ron, margin_impact_ron and unit_margin_ron, RON.

    Parameters
    ----------
    rows : prices of a product and the terms of an offer on it.
    quantity : column of the units bought.
    """
    units, base = rows[quantity], rows["base_price_ron"]
    at_tier2 = units >= rows["tier2_quantity"]
    at_tier3 = at_tier2 & (units >= rows["tier3_quantity"])
    usual = base.mask(at_tier2, rows["tier2_price_ron"]).mask(at_tier3, rows["tier3_price_ron"])
    before = usual.where(rows["stacks_with_tiers"], base)
    minimum = rows["minimum_quantity"].fillna(1.0)
    free = rows["free_quantity"].fillna(0.0) * np.floor(units / minimum)
    to_third = (rows["unlocked_tier"] == 3) & rows["tier3_price_ron"].notna()
    offered = pd.Series(
        np.select(
            [rows["benefit"] == name for name in ("PERCENT", "AMOUNT", "GIFT", "BONUS_UNITS", "TIER_UNLOCK")],
            [
                before * (1 - rows["discount_share"]),
                (before - rows["discount_ron"]).clip(lower=0),
                (before - rows["gift_value_ron"] / units).clip(lower=0),
                before * units / (units + free),
                rows["tier2_price_ron"].mask(to_third, rows["tier3_price_ron"]),
            ],
            default=np.nan,
        ),
        index=rows.index,
    )
    offered = offered.where(units >= minimum).fillna(usual)
    offered = np.minimum(offered, usual)
    gift_cost = (rows["gift_cost_ron"] / units).where(offered < usual, 0.0)
    given_up = (usual - offered).mask(rows["benefit"] == "GIFT", gift_cost)
    impact = -(1 - rows["funding_share"]) * given_up
    margin = usual - rows["cost_ron"] + impact
    return rows.assign(
        usual_unit_price_ron=usual,
        offer_unit_price_ron=offered,
        margin_impact_ron=impact.where(margin.notna()),
        unit_margin_ron=margin,
    )
