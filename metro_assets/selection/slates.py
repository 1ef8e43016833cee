"""One run date's slates, from scores to price tags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from metro_assets.config import Selection
from metro_assets.selection.policies import choose
from metro_assets.selection.price_tags import Trade, facts_of_tags, recommendations_with_tags, trade_at
from metro_assets.selection.rules import eligible_candidates, judged_candidates
from metro_assets.sql import Relation, stored


def slates(
    tables: Mapping[str, Relation], run_date: date, champion: str, settings: Selection, seed: int, threads: int
) -> pl.DataFrame:
    """The rows of `recommendations`, in the order of customer, algorithm and rank.

    Parameters
    ----------
    tables : customers and products; offers, offer_products, daily_prices, customer_products, customer_features,
        offer_features, candidate_pool and scored_candidates of the run date; impressions, redemptions and web_visits
        of the days before it that the rules look back on.
    champion : the algorithm whose order is served.
    """
    judged = judged_candidates(
        tables["scored_candidates"],
        tables["offers"],
        tables["customers"],
        tables["impressions"],
        tables["redemptions"],
        run_date,
        settings,
    )
    chosen = stored(choose(eligible_candidates(judged), run_date, settings, seed, threads))
    trade = trade_at(tables["customers"], tables["customer_products"], tables["offer_products"], run_date)
    trade = Trade(buyers=stored(trade.buyers), members=trade.members)
    facts = facts_of_tags(tables, trade, chosen, run_date)
    rows = recommendations_with_tags(chosen, facts, champion, settings, run_date)
    return rows.select(RECOMMENDATION_COLUMNS).sort("customer_id", "algorithm", "rank")


def commonest_reasons(recommendations: pl.DataFrame) -> pl.DataFrame:
    """How often each kind of reason is given, by its first words, with one example."""
    kind = pl.col("reason").str.extract(r"^((?:\S+\s+){1}\S+)").str.replace_all(r"[\d:]+", "…")
    return (
        recommendations.group_by(kind.alias("begins with"))
        .agg(pl.len().alias("rows"), pl.col("reason").sort().first().alias("example"))
        .sort("rows", descending=True)
        .head(12)
    )


RECOMMENDATION_COLUMNS = (
    "customer_id",
    "algorithm",
    "rank",
    "offer_id",
    "is_champion",
    "score",
    "value_ron",
    "propensity",
    "reason",
    "strategies",
    "channel",
    "offer_name",
    "mechanic",
    "category",
    "valid_to_date",
    "product_id",
    "product_name",
    "unit",
    "base_price_ron",
    "tier2_quantity",
    "tier2_price_ron",
    "tier3_quantity",
    "tier3_price_ron",
    "usual_quantity",
    "usual_unit_price_ron",
    "offer_unit_price_ron",
    "saving_ron",
    "next_tier_quantity",
    "next_tier_saving_ron",
    "expected_margin_ron",
)
