"""Next week's basket by what a household bought before: is the repeat purchase strategy a good order of habits?"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from metro_assets.config import Candidates, Evaluation
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.features.training import History
from metro_assets.features.windows import known_before
from metro_assets.metrics import list_metrics
from metro_assets.sql import Relation, query, values

FIRST_WEEK = date(2017, 12, 3)
"""First day of week 49, counted from 1 January."""
WEEKS = 4
WINDOW_DAYS = 365
ORDERS = ("popularity", "frequency", "repeat_purchase", "decayed_56", "decayed_112")


def judge_next_baskets(
    history: History, candidates: Candidates, evaluation: Evaluation, seed: int, window_days: int
) -> pl.DataFrame:
    """One row per level and order: NDCG@10 of products or types over the households that bought in a week."""
    rows = []
    for level, item in (("product", "product_id"), ("type", "hash(category, coalesce(subcategory, ''))")):
        items = history.products.select(f"product_id, {item}::ubigint as item")
        weeks = [
            _week(history, items, FIRST_WEEK + timedelta(weeks=week), candidates, window_days).with_columns(
                pl.col("customer_id") * 10 + week, household=pl.col("customer_id")
            )
            for week in range(WEEKS)
        ]
        rows += _judged(pl.concat(weeks), level, evaluation, seed)
    return pl.DataFrame(rows)


def _week(history: History, items: Relation, first_day: date, candidates: Candidates, window_days: int) -> pl.DataFrame:
    """Items bought before or in the week, with the score of each order, negative for what it does not know."""
    last_day = first_day + timedelta(days=6)
    rows: pl.DataFrame = query(
        __package__,
        "next_basket",
        known=known_before(history.order_items, first_day, window_days),
        bought=history.order_items.filter(f"run_date between date '{first_day}' and date '{last_day}'"),
        items=items,
        parameters=values(first_day=first_day, half_life_days=candidates.repeat_half_life_days),
    ).pl()
    return rows


def _judged(rows: pl.DataFrame, level: str, evaluation: Evaluation, seed: int) -> list[dict[str, object]]:
    lists = rows.select("customer_id", "household").unique(maintain_order=True)
    # as many empty places as the cut-off: what an order does not know is not in its ten
    empty = lists.join(pl.DataFrame({"item": np.arange(evaluation.cutoff, dtype=np.uint64)}), how="cross")
    padded = pl.concat([rows, empty.with_columns(label=pl.lit(0))], how="diagonal_relaxed").with_columns(
        pl.col(ORDERS).fill_null(0.0)
    )
    found = []
    for order in ORDERS:
        metrics = list_metrics(padded["customer_id"], padded["label"], padded[order], padded["item"], evaluation.cutoff)
        household = metrics.list_id // 10
        low, high = interval(
            resampled_means(metrics.ndcg[:, None], household, evaluation.bootstrap_samples, seed)[:, 0]
        )
        value = float(np.nanmean(metrics.ndcg))
        found.append(
            {"level": level, "order": order, "ndcg_at_10": value, "lower": low, "upper": high, "lists": len(household)}
        )
    return found
