"""Pictures of drift: the index of every quantity, the bins of those that moved most."""

from __future__ import annotations

import polars as pl
from matplotlib.figure import Figure

from metro_assets.config import Monitoring

SHOWN_QUANTITIES = 4


def draw_drift(log: pl.DataFrame, settings: Monitoring) -> Figure:
    """Index per quantity with the two limits, and the bins of the quantities that moved most."""
    ordered = log.sort("psi", "quantity")
    moved = ordered.reverse().head(SHOWN_QUANTITIES)
    figure = Figure(figsize=(10, 3 + 1.6 * SHOWN_QUANTITIES / 2), layout="constrained")
    grid = figure.add_gridspec(SHOWN_QUANTITIES // 2, 3)
    axes = figure.add_subplot(grid[:, 0])
    axes.barh(ordered["quantity"].to_list(), ordered["psi"].to_list())
    for limit in (settings.moderate_psi, settings.significant_psi):
        axes.axvline(limit, linestyle="--", color="grey")
    axes.set_xlabel("population stability index")
    for place, row in enumerate(moved.iter_rows(named=True)):
        bins = figure.add_subplot(grid[place // 2, 1 + place % 2])
        positions = range(len(row["bins"]))
        bins.bar([x - 0.2 for x in positions], row["reference_shares"], width=0.4, label="reference")
        bins.bar([x + 0.2 for x in positions], row["current_shares"], width=0.4, label="now")
        bins.set_title(f"{row['quantity']}: {row['psi']:.3f}", fontsize=9)
        bins.set_xticks(list(positions), row["bins"], rotation=60, ha="right", fontsize=6)
        bins.legend(fontsize=6)
    return figure
