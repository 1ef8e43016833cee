"""What the uplift model promises of the slates of every policy, and what the world says that they would add.

The estimand is the *margin that a slate adds within the label horizon*, RON: of each offer that the policy would have
shown to a customer who saw a random slate, what showing it at any place of a slate changes, summed over the slate. The
promise is the model's `value_ron`, learned weekly from the randomised trial in the uplift policy's own path; the truth
is the world's own probabilities and prices. Both take the offers of a slate one by one: that two of them may sell the
same product is left out on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import polars as pl

from metro_assets.experiments.comparison import PER_CUSTOMERS, Estimate, estimates
from metro_assets.experiments.intended import PAIR, SLATE, intended_slates, known_of_pairs
from metro_assets.experiments.outcomes import differences
from metro_assets.experiments.plan import CONTROL, Plan, world_of
from metro_assets.experiments.play import read_choices, read_explored, read_valued
from metro_assets.sources.synthetic.behaviour_facts import SLATE_SIZE
from metro_assets.sources.synthetic.truth import Truth
from metro_assets.vocabulary import Algorithm, Arm

FIGURES = ("promised", "true", "miss")
"""Promise, truth, and promise less truth of the same offers, per 1,000 slates."""
SCHEMA = {
    "policy": pl.String,
    "slates": pl.Int64,
    "offers_per_slate": pl.Float64,
    "valued_share": pl.Float64,
    **{f"{name}{end}_ron": pl.Float64 for name in FIGURES for end in ("", "_lower", "_upper")},
    "closed_loop_ron": pl.Float64,
}
"""`valued_share`: of the offers, those that were candidates in the uplift policy's path as well; the figures are of
them. `closed_loop_ron`: what the policy's own slates brought, by its path less the control's."""
_PLACES = range(1, SLATE_SIZE + 1)


def promised_margins(plan: Plan) -> pl.DataFrame:
    """One row per policy, all seeds together; none where the uplift policy is not in the race."""
    if Algorithm.UPLIFT not in plan.policies:
        return pl.DataFrame(schema=SCHEMA)
    judged = [policy for policy in plan.policies if policy != CONTROL]
    of_seeds = [_of_seed(plan, seed, judged) for seed in plan.seeds]
    samples, seed_of_samples = plan.settings.experiments.bootstrap_samples, plan.settings.seed
    rows: list[dict[str, object]] = []
    for policy in judged:
        parts = [found[policy] for found in of_seeds]
        tables = [PER_CUSTOMERS * part.select(FIGURES).to_numpy() for part in parts]
        customers = [part["customer_id"].to_numpy() for part in parts]
        found = estimates(tables, samples, seed_of_samples, customers)
        together = pl.concat(parts)
        offers, valued = (int(together[name].sum()) for name in ("offers", "valued_offers"))
        rows.append(
            {
                "policy": policy,
                "slates": len(together),
                "offers_per_slate": offers / len(together) if len(together) else None,
                "valued_share": valued / offers if offers else None,
                **_columns(found),
                "closed_loop_ron": float(np.mean([_closed_loop(plan, seed, policy) for seed in plan.seeds])),
            }
        )
    return pl.DataFrame(rows, schema=SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def _of_seed(plan: Plan, seed: int, policies: Iterable[str]) -> dict[str, pl.DataFrame]:
    """Of each policy one row per random slate of the days played, with `FIGURES`, offers and valued_offers."""
    truth = Truth(world_of(plan.settings.sizes, seed, plan.first_day), plan.settings.ranking.label_horizon_days)
    last = plan.end - timedelta(days=1)
    targets = {policy: intended_slates(plan, seed, policy, last) for policy in policies}
    true = known_of_pairs(
        targets.values(), lambda day, customer, offer: truth.margin_change_ron(day, customer, offer, _PLACES)
    )
    valued = pl.concat([read_valued(plan, seed, day).with_columns(shown_date=pl.lit(day)) for day in plan.dates])
    slates = pl.concat(
        [
            read_explored(plan, seed, Algorithm.UPLIFT, day).select(pl.lit(day).alias("shown_date"), "customer_id")
            for day in plan.dates
        ]
    ).unique()
    return {policy: figures_of_slates(slates, target, valued, true) for policy, target in targets.items()}


def figures_of_slates(
    slates: pl.DataFrame, target: pl.DataFrame, valued: pl.DataFrame, true: pl.DataFrame
) -> pl.DataFrame:
    """One row per slate, by day and customer: `FIGURES` in RON, offers and valued_offers; zero where nothing is shown.

    Parameters
    ----------
    slates : `SLATE` of every random slate.
    target : `PAIR` of what a policy would have shown.
    valued : `PAIR` and value_ron, the promise; offers without one count on neither side.
    true : `PAIR` and known.
    """
    is_valued = pl.col("value_ron").is_not_null()
    promised, known = (pl.when(is_valued).then(pl.col(name).cast(pl.Float64)) for name in ("value_ron", "known"))
    sums = (
        target.select(PAIR)
        .join(valued.select(*PAIR, "value_ron"), on=PAIR, how="left")
        .join(true, on=PAIR)
        .group_by(SLATE)
        .agg(promised=promised.sum(), true=known.sum(), offers=pl.len(), valued_offers=is_valued.sum())
    )
    return (
        slates.select(SLATE)
        .join(sums, on=SLATE, how="left")
        .with_columns(pl.col("promised", "true", "offers", "valued_offers").fill_null(0))
        .with_columns(miss=pl.col("promised") - pl.col("true"))
        .sort(SLATE)
    )


def _columns(found: Iterable[Estimate]) -> dict[str, float]:
    return {
        f"{name}{end}_ron": value
        for name, figure in zip(FIGURES, found, strict=True)
        for end, value in (("", figure.value), ("_lower", figure.lower), ("_upper", figure.upper))
    }


def _closed_loop(plan: Plan, seed: int, policy: str) -> float:
    """Margin of the policy's path less the control's per 1,000 slates that it chose; NaN where it chose none."""
    slates = sum(
        read_choices(plan, seed, policy, day).filter(pl.col("arm") == str(Arm.POLICY))["customer_id"].n_unique()
        for day in plan.dates
    )
    gained = float(differences(plan, seed, policy)["margin_ron"].sum())
    return PER_CUSTOMERS * gained / slates if slates else float("nan")
