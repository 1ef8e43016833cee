"""Picture of how a network was learned."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure


def draw_curve(curve: Sequence[dict[str, float]]) -> Figure:
    """Loss per epoch on what is learned from and on the validation days."""
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    epochs = [row["epoch"] for row in curve]
    for name in ("train", "validation"):
        axes.plot(epochs, [row[name] for row in curve], marker="o", label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel("cross-entropy, nats per line")
    axes.legend()
    return figure
