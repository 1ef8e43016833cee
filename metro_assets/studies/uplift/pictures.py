"""The study's picture, from the tables that it wrote."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

OUTCOMES = {"is_bought": "purchases", "is_redeemed": "redemptions"}


def draw_study(folder: Path) -> Path:
    """Draw `effects.png`: predicted, observed and true effect per tenth; Qini of every order with its interval."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    panels = figure.subplots(2, len(OUTCOMES))
    for column, (outcome, title) in enumerate(OUTCOMES.items()):
        tenths = pl.read_csv(folder / f"tenths_{outcome}.csv")
        axes, place = panels[0, column], list(range(1, len(tenths) + 1))
        spread = (1.96 * tenths["standard_error"]).to_list()
        axes.errorbar(
            place, tenths["observed"].to_list(), yerr=spread, fmt="o", color="#0b5fa5", label="observed, 95 %"
        )
        axes.plot(place, tenths["predicted"].to_list(), color="#5b6672", label="predicted")
        if "true" in tenths.columns:
            axes.plot(place, tenths["true"].to_list(), color="#c2571a", linestyle="--", label="true")
        axes.axhline(0, color="black", linewidth=0.5)
        axes.set(title=f"effect on {title}", xlabel="tenth of the pairs by prediction", ylabel="change of probability")
        axes.legend(fontsize=8)
        orders = pl.read_csv(folder / f"orders_{outcome}.csv").reverse()
        axes = panels[1, column]
        low, high = (
            (orders["qini"] - orders["qini_lower"]).to_list(),
            (orders["qini_upper"] - orders["qini"]).to_list(),
        )
        axes.errorbar(orders["qini"].to_list(), orders["order"].to_list(), xerr=[low, high], fmt="o", color="#0b5fa5")
        axes.axvline(0, color="black", linewidth=0.5)
        axes.set(xlabel="Qini, 95 % over customers")
    path = folder / "effects.png"
    figure.savefig(path, dpi=110)
    return path
