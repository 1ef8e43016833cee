"""Pictures of a fitted ranker: reliability, feature importance, distribution of scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure


def draw_reliability(curve: npt.NDArray[np.float64]) -> Figure:
    """Observed rate over mean prediction per bin of the test window, with the diagonal."""
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    limit = float(curve[:, :2].max(initial=0.01)) * 1.1
    axes.plot([0, limit], [0, limit], linestyle="--", color="grey")
    axes.plot(curve[:, 0], curve[:, 1], marker="o")
    axes.set_xlabel("predicted probability of redemption")
    axes.set_ylabel("observed rate")
    return figure


def draw_importance(importance: dict[str, float]) -> Figure:
    """Features by their weight in the model."""
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    names = sorted(importance, key=lambda name: importance[name])
    axes.barh(names, [importance[name] for name in names])
    axes.set_xlabel("importance")
    return figure


def draw_curve(curve: list[dict[str, float]]) -> Figure:
    """Log loss of the train and the validation window over the epochs of the first fit, the best epoch marked."""
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    for window in ("train", "validation"):
        points = [(entry["epoch"], entry[window]) for entry in curve if window in entry]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=window)
            best = min(points, key=lambda point: point[1])
    axes.axvline(best[0], linestyle="--", color="grey")
    axes.set_xticks([entry["epoch"] for entry in curve])
    axes.set_xlabel("epoch (0: the logistic regression)")
    axes.set_ylabel("weighted log loss")
    axes.legend()
    return figure


def draw_scores(scores: dict[str, npt.NDArray[np.float32]]) -> Figure:
    """Distribution of the scores of each algorithm, logarithmic."""
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    for name, values in scores.items():
        axes.hist(np.log10(np.maximum(values, 1e-6)), bins=60, histtype="step", label=name)
    axes.set_xlabel("log10 of the probability of redemption")
    axes.set_ylabel("candidates")
    axes.legend()
    return figure
