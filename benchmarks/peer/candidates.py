"""The pool of candidates in pandas: every customer with every offer that may be shown, ranked by five strategies."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd

from metro_assets.config import Candidates

RANKS = [
    "category_affinity_rank",
    "segment_popularity_rank",
    "repeat_purchase_rank",
    "high_margin_rank",
    "embedding_rank",
]
CONSENTS = ["has_email_consent", "has_sms_consent", "has_whatsapp_consent"]
PAIR = ["customer_id", "offer_id"]


def candidate_pool(
    customers: pd.DataFrame,
    offers: pd.DataFrame,
    audience: pd.DataFrame,
    features: pd.DataFrame,
    purchases: pd.DataFrame,
    spend: pd.DataFrame,
    offer_products: pd.DataFrame,
    product_vectors: pd.DataFrame,
    customer_vectors: pd.DataFrame,
    run_date: date,
    settings: Candidates,
) -> pd.DataFrame:
    """One row per customer and candidate, with its rank in every strategy that found it."""
    known = customers[customers["registered_date"] < pd.Timestamp(run_date)]
    rows = showable_offers(known, offers, audience)
    rows = rows.merge(segment_buyers(known, purchases), on=["segment", "offer_id"], how="left")
    rows = rows.merge(features[["offer_id", "offer_margin_ron", "typical_quantity"]], on="offer_id", how="left")
    rows = rows.merge(purchases[[*PAIR, "purchase_count", "last_date"]], on=PAIR, how="left")
    rows = rows.merge(spend[["customer_id", "category", "net_ron"]], on=["customer_id", "category"], how="left")
    rows["buyer_share"] = rows["buyer_share"].fillna(0.0)
    rows["expected_margin_ron"] = rows["buyer_share"] * rows["offer_margin_ron"] * rows["typical_quantity"]
    age = (pd.Timestamp(run_date) - rows["last_date"]).dt.days
    weight = rows["purchase_count"] * 0.5 ** (age / settings.repeat_half_life_days)
    # Rounded, so that equal weights tie: one purchase of late and two a half-life before differ in the last bit.
    rows["purchase_weight"] = weight.round(12)

    most = settings.per_strategy
    spent = rows[rows["net_ron"] > 0].sort_values(
        ["customer_id", "net_ron", "category", "buyer_share", "offer_id"], ascending=[True, False, True, False, True]
    )
    rows["category_affinity_rank"] = _ranks(spent, most)
    for name, column in (
        ("segment_popularity_rank", "buyer_share"),
        ("repeat_purchase_rank", "purchase_weight"),
        ("high_margin_rank", "expected_margin_ron"),
    ):
        found = rows[rows[column] > 0].sort_values(["customer_id", column, "offer_id"], ascending=[True, False, True])
        rows[name] = _ranks(found, most)

    odds = offer_odds(offer_products, product_vectors, customer_vectors)
    new = rows[rows["purchase_count"].isna()].rename_axis("row").reset_index().merge(odds, on=PAIR).set_index("row")
    new["score"] = (new["odds"] + settings.embedding_popularity_weight * np.log(new["buyer_share"] + 0.001)).round(5)
    new = new.sort_values(["customer_id", "score", "offer_id"], ascending=[True, False, True])
    rows["embedding_rank"] = _ranks(new, min(most, settings.embedding_offers))

    pool = rows.dropna(subset=RANKS, how="all")
    pool = pool.assign(best=pool[RANKS].min(axis=1), total=pool[RANKS].sum(axis=1))
    pool = pool.sort_values(["customer_id", "best", "total", "offer_id"])
    return pool.loc[pool.groupby("customer_id").cumcount() < settings.pool_cap, [*PAIR, *RANKS]]


def offer_odds(
    offer_products: pd.DataFrame, product_vectors: pd.DataFrame, customer_vectors: pd.DataFrame
) -> pd.DataFrame:
    """Customer vector x mean context vector of the offer's products, per customer and offer."""
    if customer_vectors.empty:
        return pd.DataFrame(columns=[*PAIR, "odds"])
    # Single precision as stored, double in the sums.
    owners = np.array(customer_vectors["vector"].map(json.loads).tolist(), np.float32).astype(np.float64)
    contexts = np.array(product_vectors["context_vector"].map(json.loads).tolist(), np.float32).astype(np.float64)
    contexts = pd.DataFrame(contexts).assign(product_id=product_vectors["product_id"].to_numpy())
    means = offer_products[["offer_id", "product_id"]].merge(contexts, on="product_id").drop(columns="product_id")
    means = means.groupby("offer_id").mean()
    odds = pd.DataFrame(owners @ means.to_numpy().T, index=customer_vectors["customer_id"], columns=means.index)
    return odds.reset_index().melt("customer_id", var_name="offer_id", value_name="odds").astype({"offer_id": int})


def showable_offers(customers: pd.DataFrame, offers: pd.DataFrame, audience: pd.DataFrame) -> pd.DataFrame:
    """Customers with each live offer of their store; personal ones with a consent, listed ones for their audience."""
    customers = customers.assign(has_consent=customers[CONSENTS].any(axis=1))
    in_stores = [None if pd.isna(text) else set(json.loads(text)) for text in offers["store_ids"]]
    by_store = pd.DataFrame(
        [
            (store, offer)
            for store in customers["store_id"].unique()
            for offer, stores in zip(offers["offer_id"], in_stores, strict=True)
            if stores is None or store in stores
        ],
        columns=["store_id", "offer_id"],
    )
    rows = customers[["customer_id", "segment", "store_id", "has_consent"]].merge(by_store, on="store_id")
    rows = rows.merge(offers[["offer_id", "category", "is_personal", "is_listed"]], on="offer_id")
    rows = rows[rows["has_consent"] | ~rows["is_personal"]]
    rows = rows.merge(audience.assign(is_in_audience=True), on=PAIR, how="left")
    rows = rows[~rows["is_listed"] | rows["is_in_audience"].notna()]
    return rows[["customer_id", "segment", "offer_id", "category"]].reset_index(drop=True)


def segment_buyers(customers: pd.DataFrame, purchases: pd.DataFrame) -> pd.DataFrame:
    """Share of each segment's customers who bought of each offer's products."""
    members = customers["segment"].value_counts()
    rows = purchases[PAIR].merge(customers[["customer_id", "segment"]], on="customer_id")
    buyers = rows.groupby(["segment", "offer_id"], as_index=False, observed=True).size()
    buyers["buyer_share"] = buyers["size"] / buyers["segment"].map(members).astype(int)
    return buyers[["segment", "offer_id", "buyer_share"]]


def _ranks(found: pd.DataFrame, most: int) -> pd.Series:
    """Place of each row in its customer's order, nothing beyond `most`."""
    rank = found.groupby("customer_id").cumcount() + 1
    return rank[rank <= most]
