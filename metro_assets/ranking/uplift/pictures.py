"""Pictures of an uplift model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure


def draw_uplift_by_bin(by_outcome: Mapping[str, npt.NDArray[np.float64]]) -> Figure:
    """Predicted and observed uplift per decile of the prediction, the best first, one panel per outcome.

    Parameters
    ----------
    by_outcome : tables of `uplift_metrics.uplift_by_bin`.
    """
    figure = Figure(figsize=(4.2 * len(by_outcome), 3), layout="constrained")
    panels = figure.subplots(1, len(by_outcome), squeeze=False)[0]
    for axes, (outcome, table) in zip(panels, by_outcome.items(), strict=True):
        place = np.arange(1, len(table) + 1)
        axes.errorbar(place, table[:, 1], yerr=1.96 * table[:, 2], fmt="o", capsize=3, label="observed, 95 %")
        axes.plot(place, table[:, 0], color="grey", label="predicted")
        axes.axhline(0, color="black", linewidth=0.5)
        axes.set(title=outcome, xlabel="tenth of the pairs, the best first", ylabel="change of probability")
        axes.legend(fontsize=8)
    return figure
