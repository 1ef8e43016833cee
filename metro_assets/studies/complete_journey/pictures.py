"""The study's pictures, from the tables that it wrote."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RANDOM, LEARNT, ORDERED = "#9aa5b1", "#0b5fa5", "#c2571a"
GOAL = 0.52
"""NDCG@10 that was hoped for on the given split."""


def draw_study(folder: Path) -> list[Path]:
    """Draw `ranking.png` and `tries.png` beside the tables; returns the pictures."""
    return [_draw_ranking(folder), _draw_tries(folder)]


def _draw_ranking(folder: Path) -> Path:
    """NDCG@10 of every order with its interval, on the given split and over the rolling folds."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    for axes, (name, title) in zip(panels, (("given", "given split"), ("rolling", "rolling, all folds")), strict=True):
        rows = (
            pl.read_csv(folder / f"{name}.csv")
            .filter(pl.col("metric") == "ndcg_at_10", pl.col("population") == "REDEEMERS")
            .sort("value")
        )
        learnt = [order.startswith(("logistic", "boosted", "listwise")) for order in rows["algorithm"]]
        colours = [LEARNT if is_learnt else ORDERED for is_learnt in learnt]
        _intervals(axes, rows["algorithm"].to_list(), rows, "value", colours)
        axes.set_title(title)
        axes.set_xlabel("NDCG@10, 95 % over households")
    panels[0].axvline(GOAL, color=RANDOM, linestyle=":")
    panels[0].text(GOAL, 0, " goal", color="#5b6672", va="center")
    return _saved(figure, folder / "ranking.png")


def _draw_tries(folder: Path) -> Path:
    """What every try did on the training campaigns, in the order in which they stand in the table."""
    rows = pl.read_csv(folder / "tries.csv").reverse()
    figure = Figure(figsize=(9, 0.24 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    colours = [ORDERED if "no learning" in what else LEARNT for what in rows["what"]]
    _intervals(axes, rows["try"].to_list(), rows, "ndcg_at_10", colours)
    axes.set_xlabel("NDCG@10 on the training campaigns, each predicted from those before it and two left out; 95 %")
    return _saved(figure, folder / "tries.png")


def _intervals(axes: Axes, labels: list[str], rows: pl.DataFrame, value: str, colours: list[str]) -> None:
    places = range(len(labels))
    for place, centre, lower, upper, colour in zip(
        places, rows[value], rows["lower"], rows["upper"], colours, strict=True
    ):
        axes.plot([lower, upper], [place, place], color=colour, linewidth=1.5)
        axes.plot(centre, place, "o", color=colour, markersize=5)
    axes.set_yticks(list(places), labels)
    axes.grid(axis="x", color="#e5e8ec")
    axes.spines[["top", "right", "left"]].set_visible(False)


def _saved(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=110)
    return path
