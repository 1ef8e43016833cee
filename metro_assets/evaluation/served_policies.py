"""The served algorithms as target policies, judged on the slates that customers got at random the same day."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from metro_assets.config import Evaluation
from metro_assets.evaluation.off_policy import SCHEMA, LoggedSlates, estimates
from metro_assets.sql import Relation, query, stored, values
from metro_assets.vocabulary import UNRANKED

FURTHER = pl.Schema(
    {
        "algorithm": pl.String(),
        "slate_count": pl.Int32(),
        "matched_count": pl.Int32(),
        "redemption_count": pl.Int32(),
        "from_date": pl.Date(),
        "to_date": pl.Date(),
    }
)


def estimate_served(
    recommendations: Relation,
    assignments: Relation,
    impressions: Relation,
    redemptions: Relation,
    run_date: date,
    settings: Evaluation,
    seed: int,
) -> pl.DataFrame:
    """One row per algorithm with recommendations in the window and estimator, as `policy_estimates` has it.

    The window is the newest `off_policy_days` days whose horizon has passed. The target's probability of an offer is 1
    if it was recommended, also where the recommendation itself was drawn: over the draws, that is the propensity. A
    random slate of a customer without recommendations is in no estimate. The model of the reward is the algorithm's
    own score: what it promises itself.
    """
    last = run_date - timedelta(days=settings.horizon_days)
    first = last - timedelta(days=settings.off_policy_days - 1)
    random_slates = stored(
        query(
            __package__,
            "random_slates",
            assignments=assignments,
            impressions=impressions,
            redemptions=redemptions,
            parameters=values(run_date=run_date, first_date=first, last_date=last, horizon_days=settings.horizon_days),
        )
    )
    targets = query(__package__, "target_slates", random_slates=random_slates, recommendations=recommendations).pl()
    shown = random_slates.pl()
    served = recommendations.aggregate("algorithm").order("algorithm").fetchall()
    parts = []
    for (algorithm,) in served:
        target = targets.filter(pl.col("algorithm") == algorithm)
        log = logged_slates(shown, target, has_model=algorithm != UNRANKED)
        is_matched = log.target_probability > 0
        parts.append(
            estimates(log, settings, seed).with_columns(
                algorithm=pl.lit(algorithm),
                slate_count=len(log.customer_id),
                matched_count=int(is_matched.sum()),
                redemption_count=int(log.reward[is_matched].sum()),
                from_date=first,
                to_date=last,
            )
        )
    nothing = pl.DataFrame(schema=pl.Schema({**SCHEMA, **FURTHER}))
    return pl.concat([nothing, *(part.cast(FURTHER) for part in parts)])


def logged_slates(shown: pl.DataFrame, target: pl.DataFrame, *, has_model: bool) -> LoggedSlates:
    """Random slates with what one algorithm would have done with each of their offers.

    Parameters
    ----------
    shown : slate_id, customer_id, offer_id, propensity and reward.
    target : slate_id, offer_id and score of what was recommended to the same customers.
    """
    sizes = target.group_by("slate_id").agg(size=pl.len(), promised=pl.col("score").cast(pl.Float64).sum())
    slates = shown.select("slate_id", "customer_id").unique("slate_id").join(sizes, on="slate_id").sort("slate_id")
    rows = (
        shown.join(slates.select("slate_id", slate=pl.int_range(pl.len())), on="slate_id")
        .join(target.select("slate_id", "offer_id", "score"), on=["slate_id", "offer_id"], how="left")
        .sort("slate", "offer_id")
    )
    return LoggedSlates(
        customer_id=slates["customer_id"].cast(pl.Int64).to_numpy(),
        target_size=slates["size"].cast(pl.Float64).to_numpy(),
        slate=rows["slate"].cast(pl.Int64).to_numpy(),
        propensity=rows["propensity"].to_numpy(),
        target_probability=rows["score"].is_not_null().cast(pl.Float64).to_numpy(),
        reward=rows["reward"].to_numpy(),
        # Of an offer that the target does not show the weight is zero: its prediction counts nowhere.
        prediction=rows["score"].cast(pl.Float64).fill_null(0.0).to_numpy() if has_model else None,
        target_prediction=slates["promised"].to_numpy() if has_model else None,
    )
