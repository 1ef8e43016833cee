"""The features in pandas, written from docs/features.md."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from benchmarks.peer.prices import with_prices
from metro_assets.config import Features

PAIR = ["customer_id", "offer_id"]


def with_cycles(bought: pd.DataFrame) -> pd.DataFrame:
    """What each customer bought of each product, with the mean days between its purchases."""
    span = (bought["last_date"] - bought["first_date"]).dt.days
    return bought.assign(cycle_days=(span / (bought["order_count"] - 1)).where(span > 0))


def category_spend(bought: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Spend of each customer per category in the window, RON; sums of money end at bani."""
    rows = bought.merge(products[["product_id", "category", "is_own_brand"]], on="product_id")
    rows["own_brand_ron"] = rows["net_ron"].where(rows["is_own_brand"], 0.0)
    sums = ["net_ron", "own_brand_ron", "offer_ron", "order_count", "tier_line_count"]
    return rows.groupby(["customer_id", "category"], as_index=False, observed=True)[sums].sum().round(2)


def customer_features(
    customers: pd.DataFrame, visits: pd.DataFrame, spend: pd.DataFrame, run_date: date
) -> pd.DataFrame:
    """One row per customer registered before the date, with its eight features."""
    totals = spend.groupby("customer_id").agg(
        net_ron=("net_ron", "sum"),
        own_brand_ron=("own_brand_ron", "sum"),
        offer_ron=("offer_ron", "sum"),
        line_count=("order_count", "sum"),
        tier_line_count=("tier_line_count", "sum"),
    )
    positive = spend[spend["net_ron"] > 0]
    share = positive["net_ron"] / positive["customer_id"].map(totals["net_ron"])
    totals["category_entropy"] = (-share * np.log(share)).groupby(positive["customer_id"]).sum()
    known = customers.loc[customers["registered_date"] < pd.Timestamp(run_date), ["customer_id"]]
    rows = known.merge(visits, on="customer_id", how="left").merge(totals.reset_index(), on="customer_id", how="left")
    some_ron = rows["net_ron"].where(rows["net_ron"] > 0)
    rows["recency_days"] = (pd.Timestamp(run_date) - rows["last_order_date"]).dt.days
    rows["frequency_orders"] = rows["order_count"].fillna(0)
    rows["monetary_ron"] = rows["net_ron"].fillna(0)
    rows["avg_basket_ron"] = rows["monetary_ron"] / rows["order_count"]
    rows["promo_affinity"] = rows["offer_ron"] / some_ron
    rows["own_brand_share"] = rows["own_brand_ron"] / some_ron
    rows["tier_affinity"] = rows["tier_line_count"] / rows["line_count"]
    return rows[
        [
            "customer_id",
            "recency_days",
            "frequency_orders",
            "monetary_ron",
            "avg_basket_ron",
            "promo_affinity",
            "category_entropy",
            "own_brand_share",
            "tier_affinity",
        ]
    ]


def typical_quantities(logs: pd.DataFrame) -> pd.Series:
    """Geometric mean of the units per line by product on offer, to six decimals."""
    return np.exp(logs.set_index("product_id")["log_quantity"]).round(6)


def redemption_rates(shown: pd.DataFrame, redeemed: pd.DataFrame, settings: Features) -> pd.DataFrame:
    """Smoothed redemptions per impression of each mechanic in each category that was shown or redeemed."""
    kind = ["mechanic", "category"]
    rates = shown.merge(redeemed, on=kind, how="outer", suffixes=("_shown", "_redeemed")).fillna(
        {"event_count_shown": 0, "event_count_redeemed": 0}
    )
    prior = settings.redemption_prior_impressions
    rate = (rates["event_count_redeemed"] + settings.redemption_prior_rate * prior) / (
        rates["event_count_shown"] + prior
    )
    return rates[kind].assign(offer_redemption_rate=rate.clip(upper=1))


def offer_features(
    offers: pd.DataFrame,
    offer_products: pd.DataFrame,
    products: pd.DataFrame,
    quantities: pd.Series,
    rates: pd.DataFrame,
    run_date: date,
    settings: Features,
) -> pd.DataFrame:
    """One row per live offer: its features, and the prices of its anchor at the typical quantity."""
    prices = ["cost_ron", "base_price_ron", "tier2_price_ron", "tier3_price_ron", "tier2_quantity", "tier3_quantity"]
    terms = offers.drop(columns="category").merge(offer_products, on="offer_id")
    terms = terms.merge(products[["product_id", *prices]], on="product_id")
    typical = terms["product_id"].map(quantities).fillna(1.0)
    terms["typical_quantity"] = np.maximum(typical, terms["minimum_quantity"].fillna(0.0))
    terms = with_prices(terms, "typical_quantity")
    terms["discount_depth"] = (1 - terms["offer_unit_price_ron"] / terms["usual_unit_price_ron"]).clip(0, 1)
    means = terms.groupby("offer_id", as_index=False)[["discount_depth", "margin_impact_ron"]].mean()
    anchors = terms.loc[
        terms["is_anchor"],
        ["offer_id", "typical_quantity", "usual_unit_price_ron", "offer_unit_price_ron", "unit_margin_ron"],
    ].rename(columns={"unit_margin_ron": "offer_margin_ron"})
    described = offers[["offer_id", "mechanic", "category", "valid_to_date"]].astype({"category": str})
    described = described.merge(rates, on=["mechanic", "category"], how="left")
    described["offer_redemption_rate"] = described["offer_redemption_rate"].fillna(settings.redemption_prior_rate)
    described["days_until_expiry"] = (described["valid_to_date"] - pd.Timestamp(run_date)).dt.days
    kept = described[["offer_id", "days_until_expiry", "offer_redemption_rate"]]
    return kept.merge(means, on="offer_id").merge(anchors, on="offer_id")


def purchases_of_offers(bought: pd.DataFrame, offer_products: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and live offer of whose products something was bought in the window."""
    rows = bought.merge(offer_products[["offer_id", "product_id"]], on="product_id")
    return rows.groupby(PAIR, as_index=False).agg(
        purchase_count=("order_count", "sum"),
        repeat_count=("order_count", "max"),
        first_date=("first_date", "min"),
        last_date=("last_date", "max"),
    )


def interaction_features(
    pool: pd.DataFrame,
    customers: pd.DataFrame,
    offers: pd.DataFrame,
    depths: pd.DataFrame,
    purchases: pd.DataFrame,
    spend: pd.DataFrame,
    reactions: pd.DataFrame,
    run_date: date,
    settings: Features,
) -> pd.DataFrame:
    """One row per candidate with the features of the pair."""
    segments = customers[["customer_id", "segment"]]
    segment_shares = _segment_shares(spend, segments)
    rows = pool[PAIR].merge(_wanted_depths(spend, reactions, segments, settings), on="customer_id")
    rows = rows.merge(offers[["offer_id", "category"]], on="offer_id")
    rows = rows.merge(depths[["offer_id", "discount_depth"]], on="offer_id")
    rows = rows.merge(purchases, on=PAIR, how="left")
    rows = rows.merge(spend[["customer_id", "category", "net_ron"]], on=["customer_id", "category"], how="left")
    rows = rows.merge(segment_shares, on=["segment", "category"], how="left")
    prior = settings.affinity_prior_ron
    affinity = (rows["net_ron"].fillna(0) + prior * rows["share"]) / ((rows["total_ron"] + prior) * rows["share"])
    distance = (rows["discount_depth"] - rows["wanted_depth"]) / settings.depth_scale
    span = (rows["last_date"] - rows["first_date"]).dt.days
    has_cycle = (span > 0) & (rows["repeat_count"] > 1)
    cycle = (span / (rows["repeat_count"] - 1)).where(has_cycle, settings.default_cycle_days)
    since = (pd.Timestamp(run_date) - rows["last_date"]).dt.days
    return rows[PAIR].assign(
        bought_before=rows["purchase_count"].notna().astype(float),
        category_affinity_score=affinity.fillna(1.0),
        price_sensitivity_match=np.exp(-0.5 * distance**2),
        days_since_product=(since / cycle).clip(upper=settings.days_since_product_cap),
        product_purchases=rows["purchase_count"].fillna(0.0),
    )


def _segment_shares(spend: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    rows = spend.merge(segments, on="customer_id")
    sums = rows.groupby(["segment", "category"], as_index=False, observed=True)["net_ron"].sum()
    sums["share"] = sums["net_ron"] / sums.groupby("segment", observed=True)["net_ron"].transform("sum")
    return sums.loc[sums["net_ron"] > 0, ["segment", "category", "share"]]


def _wanted_depths(
    spend: pd.DataFrame, reactions: pd.DataFrame, segments: pd.DataFrame, settings: Features
) -> pd.DataFrame:
    """The depth that each customer took before, mixed with the segment's, and the customer's whole spend, RON."""
    totals = spend.groupby("customer_id", as_index=False)[["net_ron", "offer_ron"]].sum()
    rows = segments.merge(totals, on="customer_id", how="left").merge(reactions, on="customer_id", how="left")
    saved, paid = rows["discount_ron"], rows["offer_ron"].fillna(0)
    by_segment = rows["segment"]
    segment_saved = saved.groupby(by_segment, observed=True).sum()
    segment_paid = paid.groupby(by_segment, observed=True).sum()
    segment_depth = by_segment.map(segment_saved / (segment_saved + segment_paid)).astype(float)
    own = (saved / (saved + paid)).fillna(segment_depth)
    count, prior = rows["redemption_count"], settings.depth_prior_redemptions
    mixed = (count * own + prior * segment_depth) / (count + prior)
    return rows[["customer_id", "segment"]].assign(
        total_ron=rows["net_ron"].fillna(0), wanted_depth=mixed.where(count.notna(), segment_depth)
    )
