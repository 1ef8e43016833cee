"""Pictures of an evaluation: NDCG of every order with its interval and the oracle's as a line; recall per strategy."""

from __future__ import annotations

import polars as pl
from matplotlib.figure import Figure

from metro_assets.evaluation.judging import RECALL
from metro_assets.vocabulary import Baseline


def draw_ndcg(metrics: pl.DataFrame, cutoff: int) -> Figure:
    """NDCG over lists with a redemption, per protocol; bars are 95 % intervals."""
    rows = metrics.filter((pl.col("metric") == f"ndcg_at_{cutoff}") & (pl.col("population") == "REDEEMERS"))
    protocols = rows["protocol"].unique().sort().to_list()
    figure = Figure(figsize=(5 * max(len(protocols), 1), 3), layout="constrained")
    for place, protocol in enumerate(protocols):
        axes = figure.add_subplot(1, len(protocols), place + 1)
        part = rows.filter(pl.col("protocol") == protocol).sort("value")
        oracle = part.filter(pl.col("algorithm") == str(Baseline.ORACLE))
        others = part.filter(pl.col("algorithm") != str(Baseline.ORACLE))
        spread = [(others["value"] - others["lower"]).to_list(), (others["upper"] - others["value"]).to_list()]
        axes.errorbar(others["value"].to_list(), others["algorithm"].to_list(), xerr=spread, fmt="o", capsize=3)
        if len(oracle):
            axes.axvline(oracle["value"][0], color="grey", linestyle="--", label="oracle")
            axes.legend()
        axes.set_title(f"{protocol}: NDCG@{cutoff}")
    return figure


def draw_recall(metrics: pl.DataFrame) -> Figure:
    """Share of what was redeemed that the pool and each strategy had found."""
    recall = pl.col("metric").str.strip_prefix(RECALL).alias("found by")
    rows = metrics.filter(pl.col("metric").str.starts_with(RECALL)).select(recall, "value").drop_nulls().sort("value")
    figure = Figure(figsize=(5, 2.5), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(rows["found by"].to_list(), rows["value"].to_list())
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xlim=(0, 1.1), xlabel="share of redemptions", title="Recall of the pool")
    return figure
