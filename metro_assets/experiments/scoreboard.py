"""The scoreboard of the known truth: what estimates from the random log say of each policy, and what was true.

Every morning a policy also says what it would have shown to the customers who see a random slate. From these slates and
their outcomes its *redemptions per shown offer* are estimated (`evaluation/off_policy.py`), as a company would that has
no twin. Beside it stand two truths: the estimand itself, by the world's own probabilities for the offers that the
policy would have shown at the places of a random slate; and what the policy's own slates brought in the closed loop, at
their own places, to customers whom it had addressed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.evaluation.off_policy import LoggedSlates, estimates
from metro_assets.experiments.intended import PAIR, intended_slates, known_of_pairs
from metro_assets.experiments.outcomes import explored_with_labels, shown_redemption_rate
from metro_assets.experiments.plan import ALWAYS, CONTROL, Plan, world_of
from metro_assets.metrics import Floats
from metro_assets.sources.synthetic.behaviour_facts import SLATE_SIZE
from metro_assets.sources.synthetic.truth import Truth

Ids: TypeAlias = npt.NDArray[Any]

SCHEMA = {
    "policy": pl.String,
    "estimator": pl.String,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "effective_sample_size": pl.Float64,
    "truth": pl.Float64,
    "relative_error": pl.Float64,
    "closed_loop": pl.Float64,
}
SLATE_PLACES = 10_000_000
"""A slate's number among those of all seeds."""


def scoreboard(plan: Plan) -> pl.DataFrame:
    """One row per policy and estimator, all seeds together: the estimate, the truth and its relative error."""
    judged = [policy for policy in plan.policies if policy != CONTROL]
    targets = {
        seed: {policy: intended_slates(plan, seed, policy, _last_settled(plan)) for policy in judged}
        for seed in plan.seeds
    }
    truths = [true_rates(plan, seed, targets[seed]) for seed in plan.seeds]
    rows: list[dict[str, object]] = []
    for policy in judged:
        logs = [_logged(plan, seed, policy, targets[seed][policy]) for seed in plan.seeds]
        truth = float(np.mean([of_policies[policy] for of_policies in truths]))
        realised = float(np.mean([shown_redemption_rate(plan, seed, policy, _horizon(plan)) for seed in plan.seeds]))
        found = estimates(_together(logs), plan.settings.evaluation, plan.settings.seed)
        rows.extend(
            {
                "policy": policy,
                **{name: row[name] for name in ("estimator", "value", "lower", "upper", "effective_sample_size")},
                "truth": truth,
                "relative_error": row["value"] / truth - 1 if truth else None,
                "closed_loop": realised,
            }
            for row in found.filter(pl.col("is_reported")).iter_rows(named=True)
        )
    return pl.DataFrame(rows, schema=SCHEMA)


def true_rates(plan: Plan, seed: int, targets: Mapping[str, pl.DataFrame]) -> dict[str, float]:
    """Mean true probability that an offer of each policy's slates is redeemed, over the places of a random slate.

    NaN for a policy that would have shown nothing.
    """
    truth = Truth(world_of(plan.settings.sizes, seed, plan.first_day), _horizon(plan))

    def at_any_place(day: date, customer: Ids, offer: Ids) -> Floats:
        places = [np.full(len(customer), place) for place in range(1, SLATE_SIZE + 1)]
        chances = [truth.redemption_probability(day, customer, offer, place) for place in places]
        return np.asarray(np.mean(chances, axis=0))

    known = known_of_pairs(targets.values(), at_any_place)
    shown = {policy: target.join(known, on=PAIR)["known"] for policy, target in targets.items()}
    return {
        policy: float(chances.to_numpy().mean()) if len(chances) else float("nan") for policy, chances in shown.items()
    }


def _horizon(plan: Plan) -> int:
    return plan.settings.evaluation.horizon_days


def _last_settled(plan: Plan) -> date:
    """The last day whose slates' redemptions are all known."""
    return plan.end - timedelta(days=_horizon(plan))


def _logged(plan: Plan, seed: int, policy: str, target: pl.DataFrame) -> LoggedSlates:
    """The random slates of one seed with what the policy would have done with each of their offers.

    The model of the reward is the policy's own score, where that is a probability of redemption.
    """
    shown = explored_with_labels(plan, seed, policy, _horizon(plan))
    slates = shown.select("slate_id", "shown_date", "customer_id").unique().sort("slate_id")
    sizes = (
        target.group_by("shown_date", "customer_id")
        .agg(size=pl.len(), promised=pl.col("score").cast(pl.Float64).sum())
        .join(slates, on=["shown_date", "customer_id"], how="right")
        .sort("slate_id")
        .fill_null(0)
    )
    rows = shown.join(
        target.select("shown_date", "customer_id", "offer_id", promised="score"),
        on=["shown_date", "customer_id", "offer_id"],
        how="left",
    ).join(slates.select("slate_id", slate=pl.int_range(pl.len())), on="slate_id")
    rows = rows.sort("slate", "offer_id")
    has_model = policy not in ALWAYS
    return LoggedSlates(
        customer_id=sizes["customer_id"].cast(pl.Int64).to_numpy() + seed * SLATE_PLACES,
        target_size=sizes["size"].cast(pl.Float64).to_numpy(),
        slate=rows["slate"].cast(pl.Int64).to_numpy(),
        propensity=rows["propensity"].to_numpy(),
        target_probability=rows["promised"].is_not_null().cast(pl.Float64).to_numpy(),
        reward=rows["label"].cast(pl.Float64).to_numpy(),
        prediction=rows["promised"].cast(pl.Float64).fill_null(0.0).to_numpy() if has_model else None,
        target_prediction=sizes["promised"].to_numpy() if has_model else None,
    )


def _together(logs: list[LoggedSlates]) -> LoggedSlates:
    """The slates of all seeds as one log."""
    before = np.cumsum([0, *(len(log.customer_id) for log in logs)])[:-1]

    def joined(name: str) -> np.typing.NDArray[np.float64]:
        return np.concatenate([getattr(log, name) for log in logs])

    has_model = logs[0].prediction is not None
    return LoggedSlates(
        customer_id=np.concatenate([log.customer_id for log in logs]),
        target_size=joined("target_size"),
        slate=np.concatenate([log.slate + first for log, first in zip(logs, before, strict=True)]),
        propensity=joined("propensity"),
        target_probability=joined("target_probability"),
        reward=joined("reward"),
        prediction=joined("prediction") if has_model else None,
        target_prediction=joined("target_prediction") if has_model else None,
    )
