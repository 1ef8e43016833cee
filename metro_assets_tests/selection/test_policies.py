"""Every algorithm's ten by its own policy, in one table."""

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl

from metro_assets.config import Selection
from metro_assets.selection.policies import choose
from metro_assets.sql import Relation

Table = Callable[..., Relation]


def test_who_explores_says_how_likely_it_was_and_who_does_not_is_certain(table: Table) -> None:
    offers, customers = np.arange(1, 31), 40
    rows = pl.concat(
        [
            pl.DataFrame(
                {
                    "customer_id": np.repeat(np.arange(customers), len(offers)),
                    "algorithm": [name] * customers * len(offers),
                    "offer_id": np.tile(offers, customers),
                    "score": np.tile(offers / 100, customers),
                    "log_odds_sd": pl.Series([sd], dtype=pl.Float32).new_from_index(0, customers * len(offers)),
                    "category": [f"C{offer % 7}" for offer in offers.tolist()] * customers,
                }
            )
            for name, sd in (("logistic", None), ("thompson", 0.5))
        ]
    )
    eligible = table("scored_candidates", rows, category="varchar")
    chosen = choose(eligible, date(2026, 5, 18), Selection(), seed=42, threads=1).pl()
    assert chosen.group_by("algorithm").len().sort("algorithm").rows() == [("logistic", 400), ("thompson", 400)]
    sure, exploring = (chosen.filter(pl.col("algorithm") == name) for name in ("logistic", "thompson"))
    assert sure["propensity"].unique().to_list() == [1.0]
    assert set(exploring["propensity"] * 32) <= set(range(1, 33))
    assert exploring["propensity"].mean() < 0.95  # type: ignore[operator]
    assert exploring["offer_id"].n_unique() > sure["offer_id"].n_unique()
