"""What the slates of a run date would really add, by algorithm: the world's truth about every offer at its place."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from metro_assets.config import Selection
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.evaluation.oracle import Oracle
from metro_assets.ranking.uplift.scorer import incremental_margin
from metro_assets.ranking.uplift.trial import BOUGHT, REDEEMED
from metro_assets.selection.by_value import choose_by_value
from metro_assets.sql import Relation, query
from metro_assets.studies.uplift.orders import TRUE, changes_of_pairs
from metro_assets.vocabulary import Algorithm

CUSTOMERS = 1_000
"""Customers whose whole pool the world is asked about."""


def judge_slates(
    recommendations: Relation,
    margins: Relation,
    offers: Relation,
    oracle: Oracle,
    run_date: date,
    settings: Selection,
    samples: int,
    seed: int,
) -> pl.DataFrame:
    """One row per algorithm: true margin, purchases and redemptions that its slates add, per 1,000 customers.

    With the paired difference of the margin to every other's by a bootstrap over customers, and the slates that the
    true values would make of the same pool.

    Parameters
    ----------
    recommendations, margins, offers : recommendations, candidate_margins and offers of the run date.
    """
    everyone = recommendations.select("customer_id").distinct().order("customer_id").pl()["customer_id"]
    customers = everyone.sample(min(CUSTOMERS, len(everyone)), seed=seed).sort()
    known = pl.DataFrame({"customer_id": customers})
    columns = ("customer_id", "offer_id", "usual_quantity", "usual_margin_ron", "offer_margin_ron")
    priced: pl.DataFrame = margins.select(*columns).pl()
    priced = priced.join(known, on="customer_id", how="semi")
    slates: pl.DataFrame = recommendations.select("customer_id, algorithm, rank, offer_id").pl()
    slates = pl.concat(
        [slates.join(known, on="customer_id", how="semi"), _best(priced, offers, oracle, run_date, settings)]
    )
    slates = slates.join(priced, on=["customer_id", "offer_id"], how="inner").sort("algorithm", "customer_id", "rank")
    effects = changes_of_pairs(oracle, run_date, slates, slates["rank"].cast(pl.Int64).to_numpy())
    slates = slates.with_columns(
        margin_ron=pl.Series(_value(slates, effects)),
        purchases=pl.Series(effects[BOUGHT]),
        redemptions=pl.Series(effects[REDEEMED]),
    )
    totals = slates.group_by("algorithm", "customer_id").agg(pl.col("margin_ron", "purchases", "redemptions").sum())
    wide = totals.pivot("algorithm", index="customer_id", values="margin_ron").sort("customer_id").fill_null(0.0)
    names = [name for name in wide.columns if name != "customer_id"]
    means = resampled_means(wide.select(names).to_numpy(), wide["customer_id"].to_numpy(), samples, seed)
    served = str(Algorithm.UPLIFT)
    rows = []
    for place, name in enumerate(names):
        lower, upper = interval(means[:, place])
        against = interval(means[:, names.index(served)] - means[:, place]) if served in names else (None, None)
        own = totals.filter(pl.col("algorithm") == name)
        rows.append(
            {
                "algorithm": name,
                "customers": len(wide),
                "margin_ron": 1000 * float(wide[name].mean() or 0.0),  # type: ignore[arg-type]
                "lower": 1000 * lower,
                "upper": 1000 * upper,
                "uplift_less_this_lower": None if against[0] is None else 1000 * against[0],
                "uplift_less_this_upper": None if against[1] is None else 1000 * against[1],
                "purchases": 1000 * float(own["purchases"].sum()) / len(wide),
                "redemptions": 1000 * float(own["redemptions"].sum()) / len(wide),
            }
        )
    return pl.DataFrame(rows).sort("margin_ron", descending=True)


def _best(priced: pl.DataFrame, offers: Relation, oracle: Oracle, run_date: date, settings: Selection) -> pl.DataFrame:
    """The slates of the true values, over the same pool."""
    effects = changes_of_pairs(oracle, run_date, priced, np.ones(priced.height, dtype=np.int64))
    valued = priced.select("customer_id", "offer_id").with_columns(value_ron=pl.Series(_value(priced, effects)))
    chosen: pl.DataFrame = choose_by_value(
        query(__package__, "valued_pairs", offers=offers, valued=valued), settings
    ).pl()
    return chosen.select("customer_id", algorithm=pl.lit(TRUE), rank="rank", offer_id="offer_id")


def _value(pairs: pl.DataFrame, effects: dict[str, np.typing.NDArray[np.float64]]) -> np.typing.NDArray[np.float64]:
    usual, offered, quantity = (
        pairs[name].cast(pl.Float64).to_numpy() for name in ("usual_margin_ron", "offer_margin_ron", "usual_quantity")
    )
    return incremental_margin(effects[BOUGHT], effects[REDEEMED], usual, offered, quantity)
