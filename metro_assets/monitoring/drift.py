"""Population stability of every feature, of the score and of the label rate, against the champion's reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import Monitoring
from metro_assets.distributions import Reference, noise_index, population_stability_index
from metro_assets.vocabulary import Severity

SCHEMA: dict[str, Any] = {
    "quantity": pl.String,
    "kind": pl.String,
    "psi": pl.Float64,
    "severity": pl.String,
    "noise_psi": pl.Float64,
    "reference_rows": pl.Int64,
    "current_rows": pl.Int64,
    "bins": pl.List(pl.String),
    "reference_shares": pl.List(pl.Float64),
    "current_shares": pl.List(pl.Float64),
}


@dataclass(frozen=True)
class Quantity:
    """One thing that is watched: its kind (FEATURE, SCORE or LABEL), its reference and the current values."""

    kind: str
    reference: Reference
    current: npt.NDArray[np.floating]


def severity(psi: float, settings: Monitoring) -> Severity:
    """Below .10 stable, up to .25 moderate, above significant."""
    if psi > settings.significant_psi:
        return Severity.SIGNIFICANT
    return Severity.MODERATE if psi >= settings.moderate_psi else Severity.STABLE


def drift(quantities: Mapping[str, Quantity], settings: Monitoring) -> pl.DataFrame:
    """One row per quantity, as `drift_log` has it; a quantity without current or reference rows is left out."""
    rows = []
    for name, quantity in sorted(quantities.items()):
        before = np.array(quantity.reference.counts)
        if not len(quantity.current) or not before.any():
            continue
        now = quantity.reference.counts_of(quantity.current)
        psi = max(population_stability_index(before, now), 0.0)
        used = int(((before > 0) | (now > 0)).sum())
        rows.append(
            {
                "quantity": name,
                "kind": quantity.kind,
                "psi": psi,
                "severity": str(severity(psi, settings)),
                "noise_psi": noise_index(quantity.reference.rows, now.sum(), used),
                "reference_rows": round(quantity.reference.rows),
                "current_rows": int(now.sum()),
                "bins": quantity.reference.labels,
                "reference_shares": (before / before.sum()).tolist(),
                "current_shares": (now / now.sum()).tolist(),
            }
        )
    return pl.DataFrame(rows, schema=SCHEMA)


def significant(log: pl.DataFrame) -> pl.DataFrame:
    """Rows whose drift is significant and beyond what these sample sizes give by chance."""
    return log.filter((pl.col("severity") == str(Severity.SIGNIFICANT)) & (pl.col("psi") > pl.col("noise_psi")))
