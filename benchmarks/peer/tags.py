"""Price tags and reasons of the chosen offers in pandas, written from docs/ranking.md."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from benchmarks.peer.prices import with_prices
from benchmarks.peer.reasons import reason
from metro_assets.config import Selection

PAIR = ["customer_id", "offer_id"]
SLATE = ["customer_id", "algorithm"]
STRATEGIES = ("category_affinity", "segment_popularity", "repeat_purchase", "high_margin", "embedding")
PRODUCT = [
    "product_id",
    "product_name",
    "unit",
    "cost_ron",
    "base_price_ron",
    "tier2_quantity",
    "tier2_price_ron",
    "tier3_quantity",
    "tier3_price_ron",
]
COLUMNS = (
    *("customer_id", "algorithm", "rank", "offer_id", "is_champion", "score", "value_ron", "propensity"),
    *("reason", "strategies", "channel"),
    *("offer_name", "mechanic", "category", "valid_to_date", "product_id", "product_name", "unit", "base_price_ron"),
    *("tier2_quantity", "tier2_price_ron", "tier3_quantity", "tier3_price_ron", "usual_quantity"),
    *("usual_unit_price_ron", "offer_unit_price_ron", "saving_ron", "next_tier_quantity", "next_tier_saving_ron"),
    "expected_margin_ron",
)


def recommendations(
    chosen: pd.DataFrame,
    customers: pd.DataFrame,
    products: pd.DataFrame,
    offers: pd.DataFrame,
    offer_products: pd.DataFrame,
    bought: pd.DataFrame,
    spend: pd.DataFrame,
    customer_features: pd.DataFrame,
    offer_features: pd.DataFrame,
    pool: pd.DataFrame,
    web_visits: pd.DataFrame,
    champion: str,
    run_date: date,
    settings: Selection,
) -> pd.DataFrame:
    """The chosen offers with the columns of `COLUMNS`."""
    today = pd.Timestamp(run_date)
    known = customers[customers["registered_date"] < today]
    products = products.rename(columns={"name": "product_name"})
    offers = offers.rename(columns={"name": "offer_name"})
    rows = chosen.merge(shown_products(chosen, offer_products, bought), on=[*SLATE, "rank"])
    rows = rows.merge(offers, on="offer_id").merge(products[PRODUCT], on="product_id")
    rows = rows.merge(known.drop(columns=["name", "segment", "store_id", "store_name", "city"]), on="customer_id")
    rows = rows.merge(offer_features[["offer_id", "typical_quantity"]], on="offer_id", how="left")
    rows = rows.merge(customer_features[["customer_id", "recency_days"]], on="customer_id", how="left")
    rows = rows.merge(pool, on=PAIR, how="left")
    rows = rows.merge(_category_shares(spend), on=["customer_id", "category"], how="left")
    rows = _with_trade_buyers(rows, known, bought, offer_products)
    rows = rows.merge(_last_viewed(web_visits, offers, offer_products, products), on=PAIR, how="left")

    rows["usual_quantity"] = _printed_quantity(rows)
    rows = with_prices(rows, "usual_quantity")
    rows = rows.assign(**_savings(rows))
    rows["last_bought_days"] = (today - rows["last_date"]).dt.days
    rows["registered_days"] = (today - rows["registered_date"]).dt.days
    rows["founded_years"] = ((today - rows["founded_date"]).dt.days / 365.25).round()
    rows["viewed_days"] = (today - rows["viewed_at"].dt.normalize()).dt.days
    rows["reason"] = [reason(row, settings, run_date) for row in rows.itertuples(index=False)]
    rows["channel"] = _channel(rows)
    found = rows[[f"{strategy}_rank" for strategy in STRATEGIES]].notna().to_numpy()
    rows["strategies"] = [
        ",".join(name for name, is_found in zip(STRATEGIES, row, strict=True) if is_found) for row in found
    ]
    rows["is_champion"] = rows["algorithm"] == champion
    rows["value_ron"], rows["propensity"] = np.nan, 1.0
    margin = rows["score"].astype(float) * rows["unit_margin_ron"] * rows["usual_quantity"]
    rows["expected_margin_ron"] = margin.round(2)
    return rows[list(COLUMNS)]


def shown_products(chosen: pd.DataFrame, offer_products: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """One row per chosen offer: the product bought most that no better offer of the slate shows, else the anchor."""
    options = chosen[[*SLATE, "rank", "offer_id"]].merge(offer_products, on="offer_id")
    options = options.merge(bought.drop(columns="offer_ron"), on=["customer_id", "product_id"], how="left")
    options = options[options["is_anchor"] | options["order_count"].notna()]
    options = options.sort_values(
        [*SLATE, "rank", "order_count", "net_ron", "product_id"], ascending=[True, True, True, False, False, True]
    )
    names = zip(options["customer_id"], options["algorithm"], options["rank"], options["product_id"], strict=True)
    best: dict[tuple[int, str, int], int] = {}
    fresh: dict[tuple[int, str, int], int] = {}
    taken: set[tuple[int, str, int]] = set()
    for place, (customer, algorithm, rank, product) in enumerate(names):
        offer = (customer, algorithm, rank)
        best.setdefault(offer, place)
        if offer not in fresh and (customer, algorithm, product) not in taken:
            fresh[offer] = place
            taken.add((customer, algorithm, product))
    shown = options.iloc[list((best | fresh).values())]
    columns = ["product_id", "order_count", "usual_quantity", "cycle_days", "last_date"]
    return shown[[*SLATE, "rank", *columns]].rename(columns={"usual_quantity": "bought_quantity"})


def _category_shares(spend: pd.DataFrame) -> pd.DataFrame:
    total = spend.groupby("customer_id")["net_ron"].transform("sum")
    return spend[["customer_id", "category"]].assign(category_share=spend["net_ron"] / total.where(total != 0))


def _with_trade_buyers(
    rows: pd.DataFrame, known: pd.DataFrame, bought: pd.DataFrame, offer_products: pd.DataFrame
) -> pd.DataFrame:
    """The rows with buyers of the shown product among the same trade and county, and its share of the trade."""
    offered = bought.loc[bought["product_id"].isin(offer_products["product_id"]), ["customer_id", "product_id"]]
    trades = offered.merge(known[["customer_id", "business_type", "county"]], on="customer_id")
    nearby, trade = ["business_type", "county", "product_id"], ["business_type", "product_id"]
    near = trades.groupby(nearby, as_index=False, observed=True).size().rename(columns={"size": "nearby_buyer_count"})
    of_type = trades.groupby(trade, as_index=False, observed=True).size().rename(columns={"size": "trade_buyer_count"})
    rows = rows.merge(near, on=nearby, how="left").merge(of_type, on=trade, how="left")
    members = rows["business_type"].map(known["business_type"].value_counts()).astype(int)
    return rows.assign(
        nearby_buyer_count=rows["nearby_buyer_count"].fillna(0).astype(int),
        type_share=rows["trade_buyer_count"].fillna(0) / members,
        member_count=members,
    )


def _last_viewed(
    web_visits: pd.DataFrame, offers: pd.DataFrame, offer_products: pd.DataFrame, products: pd.DataFrame
) -> pd.DataFrame:
    """The newest look of each customer at a product of each offer for abandoned browsers."""
    browsing = offers.loc[offers["mechanic"] == "ABANDONED_BROWSE", ["offer_id"]].merge(offer_products, on="offer_id")
    views = web_visits.merge(browsing[["offer_id", "product_id"]], on="product_id")
    views = views.sort_values(["viewed_at", "product_id"]).drop_duplicates(PAIR, keep="last")
    names = products.set_index("product_id")["product_name"]
    return views[[*PAIR, "viewed_at"]].assign(viewed_product_name=views["product_id"].map(names))


def _printed_quantity(rows: pd.DataFrame) -> pd.Series:
    """Whole units, or tenths of kg and l; halves are rounded up."""
    units = rows["bought_quantity"].fillna(rows["typical_quantity"]).fillna(1.0)
    tenths = (np.floor(units * 10 + 0.5) / 10).clip(lower=0.1)
    return np.floor(units + 0.5).clip(lower=1.0).mask(rows["unit"].isin(["kg", "l"]), tenths)


def _savings(rows: pd.DataFrame) -> dict[str, pd.Series]:
    units = rows["usual_quantity"]
    at_tier2 = units >= rows["tier2_quantity"]
    at_tier3 = at_tier2 & (units >= rows["tier3_quantity"])
    quantity = rows["tier2_quantity"].mask(at_tier2, rows["tier3_quantity"]).mask(at_tier3)
    price = rows["tier2_price_ron"].mask(at_tier2, rows["tier3_price_ron"])
    saved = (rows["usual_unit_price_ron"] - rows["offer_unit_price_ron"]).clip(lower=0)
    return {
        "saving_ron": (saved * units).round(2),
        "next_tier_quantity": quantity,
        "next_tier_saving_ron": ((rows["base_price_ron"] - price) * quantity).round(2),
    }


def _channel(rows: pd.DataFrame) -> pd.Series:
    """The offer's own channel where there is consent to it, else the first that is consented to."""
    consents = {"EMAIL": "has_email_consent", "SMS": "has_sms_consent", "WHATSAPP": "has_whatsapp_consent"}
    own = [(rows["channel"] == channel) & rows[consent] for channel, consent in consents.items()]
    any_other = [rows[consent] for consent in consents.values()]
    return pd.Series(np.select([*own, *any_other], [*consents, *consents], default=""), index=rows.index)
