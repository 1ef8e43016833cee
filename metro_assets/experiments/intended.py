"""What policies would have shown to the customers who saw a random slate, and what the world knows of such pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.experiments.plan import Plan
from metro_assets.experiments.play import read_choices, read_explored
from metro_assets.metrics import Floats
from metro_assets.vocabulary import Arm

PAIR = ("shown_date", "customer_id", "offer_id")
SLATE = ("shown_date", "customer_id")

Known: TypeAlias = Callable[[date, npt.NDArray[Any], npt.NDArray[Any]], Floats]
"""What is known of pairs of a day: takes the day, customer_id [n] and offer_id [n], gives [n]."""


def intended_slates(plan: Plan, seed: int, policy: str, last: date) -> pl.DataFrame:
    """What the policy would have shown instead of the random slates up to the last day: `PAIR` and its score."""
    parts = [
        read_choices(plan, seed, policy, day)
        .filter(pl.col("arm") == str(Arm.EXPLORATION))
        .join(read_explored(plan, seed, policy, day), on="customer_id", how="semi")
        .select(pl.lit(day).alias("shown_date"), "customer_id", "offer_id", "score")
        for day in plan.dates
        if day <= last
    ]
    nothing = {"shown_date": pl.Date, "customer_id": pl.Int32, "offer_id": pl.Int32, "score": pl.Float32}
    return pl.concat([pl.DataFrame(schema=nothing), *parts])


def known_of_pairs(slates: Iterable[pl.DataFrame], known: Known) -> pl.DataFrame:
    """`PAIR` and `known` of every pair of the slates, asked once, however many policies would have shown it."""
    pairs = pl.concat([rows.select(PAIR) for rows in slates]).unique().sort(PAIR)
    values = [
        known(day, part["customer_id"].to_numpy(), part["offer_id"].to_numpy())
        for (day,), part in pairs.group_by("shown_date", maintain_order=True)
        if isinstance(day, date)
    ]
    return pairs.with_columns(known=np.concatenate([np.empty(0), *values]))
