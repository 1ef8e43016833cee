"""The ten offers of every customer and algorithm in pandas: the rules, then the best under the cap per category."""

from __future__ import annotations

import pandas as pd

from metro_assets.config import Selection

PAIR = ["customer_id", "offer_id"]
SLATE = ["customer_id", "algorithm"]
CONSENTS = ["has_email_consent", "has_sms_consent", "has_whatsapp_consent"]


def chosen_offers(
    scored: pd.DataFrame,
    customers: pd.DataFrame,
    offers: pd.DataFrame,
    redeemed: pd.DataFrame,
    overexposed: pd.DataFrame,
    settings: Selection,
) -> pd.DataFrame:
    """One row per customer, algorithm and rank.

    What is past the cap within its own category can never be taken, so the cap is a `cumcount`, and so is the rank.
    """
    reachable = customers.loc[customers[CONSENTS].any(axis=1), "customer_id"]
    forbidden = pd.concat([redeemed, overexposed]).drop_duplicates().assign(is_forbidden=True)
    rows = scored[scored["customer_id"].isin(reachable)].merge(forbidden, on=PAIR, how="left")
    rows = rows[rows["is_forbidden"].isna()].drop(columns="is_forbidden")
    rows = rows.merge(offers[["offer_id", "category"]], on="offer_id")
    rows = rows.sort_values([*SLATE, "score", "offer_id"], ascending=[True, True, False, True])
    in_category = rows.groupby([*SLATE, "category"], observed=True).cumcount()
    rows = rows[in_category < settings.maximum_per_category]
    rows = rows.assign(rank=rows.groupby(SLATE).cumcount() + 1)
    return rows[rows["rank"] <= settings.slate_size].drop(columns="category")
