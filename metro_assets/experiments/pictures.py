"""Pictures of an experiment: what each policy gained over the control as the days go by, and what it cost."""

from __future__ import annotations

import polars as pl
from matplotlib.figure import Figure

from metro_assets.experiments.results import REGRET, Results


def draw_over_time(found: Results) -> Figure:
    """Incremental margin and redemptions, summed up from the start, per 1,000 customers."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    titles = {"incremental_margin_ron": "margin, RON", "incremental_redemptions": "redemptions"}
    for axes, (metric, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        for (policy,), rows in found.days.group_by("policy", maintain_order=True):
            axes.plot(rows["run_date"].to_list(), rows[metric].cum_sum().to_list(), label=str(policy))
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set(title=f"Added {title} per 1,000 customers since the start")
        axes.tick_params(axis="x", rotation=30)
    figure.axes[0].legend(fontsize=8)
    return figure


def draw_balance(found: Results) -> Figure:
    """What added purchases brought and what discounts on needed lines cost, per policy, with the sum's interval."""
    policies = found.rows.filter(pl.col("metric") == REGRET)["policy"].to_list()
    figure = Figure(figsize=(8, 0.5 * len(policies) + 1.5), layout="constrained")
    axes = figure.subplots()
    gained = [found.value(policy, "added_margin_ron").value for policy in policies]
    spent = [-found.value(policy, "anyway_cost_ron").value for policy in policies]
    change = [found.value(policy, "incremental_margin_ron") for policy in policies]
    axes.barh(policies, gained, color="tab:green", alpha=0.5, label="margin of added purchases")
    axes.barh(policies, spent, color="tab:red", alpha=0.5, label="discounts on what is bought anyway")
    error = [[one.value - one.lower for one in change], [one.upper - one.value for one in change]]
    axes.errorbar(
        [one.value for one in change], policies, xerr=error, fmt="ko", capsize=3, label="change of the margin, 95 %"
    )
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set(xlabel="RON per 1,000 customers over the period")
    axes.legend(fontsize=8)
    return figure
