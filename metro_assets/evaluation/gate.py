"""The gate to being served by default: what a challenger must show beside the champion on days that neither saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import Evaluation, Gate
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.evaluation.off_policy import effective_sample_size
from metro_assets.metrics import Floats, list_metrics

ORDER = ("slate_id", "customer_id", "offer_id")
SCHEMA: dict[str, Any] = {
    "algorithm": pl.String,
    "champion": pl.String,
    "judged_date": pl.Date,
    "list_count": pl.Int32,
    "customer_count": pl.Int32,
    "effective_customers": pl.Float64,
    "difference": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "calibration_error": pl.Float64,
    "auc_within_lists": pl.Float64,
    "worst_segment": pl.String,
    "worst_segment_difference": pl.Float64,
    "twin_difference_ron": pl.Float64,
    "twin_lower_ron": pl.Float64,
    "twin_upper_ron": pl.Float64,
    "is_passed": pl.Boolean,
    "objections": pl.List(pl.String),
}


@dataclass(frozen=True)
class Evidence:
    """What both showed on the same lists of a test window, and what is known of the challenger besides."""

    lists: int
    """Lists with a redemption."""
    customers: int
    effective_customers: float
    """Kish's effective sample size of the customers: few with many lists count less than their number."""
    difference: float
    """Mean of the challenger's NDCG less the champion's over lists with a redemption."""
    lower: float
    upper: float
    calibration_error: float
    auc_within_lists: float
    worst_segment: str
    """Segment, of those with enough customers, in which the challenger loses most or gains least."""
    worst_segment_difference: float


def paired_evidence(
    holdout: pl.DataFrame,
    segments: pl.DataFrame,
    champion: str,
    challenger: str,
    calibration_error: float,
    gate: Gate,
    evaluation: Evaluation,
    seed: int,
) -> Evidence | None:
    """The evidence for a challenger; None where no list was scored by both.

    Parameters
    ----------
    holdout : rows of `holdout_scores` of one run date.
    segments : customer_id and segment.
    calibration_error : of the challenger's test window, as shown.
    """
    rows = (
        holdout.filter(pl.col("algorithm").is_in([champion, challenger]))
        .pivot(on="algorithm", index=[*ORDER, "label"], values="score")
        .join(segments, on="customer_id", how="left")
        .sort(ORDER)
    )
    if not {champion, challenger} <= set(rows.columns):
        return None
    rows = rows.drop_nulls([champion, challenger])
    ours, theirs = (
        list_metrics(rows["slate_id"], rows["label"], rows[name], rows["offer_id"], evaluation.cutoff)
        for name in (challenger, champion)
    )
    has = ours.relevant > 0
    if not has.any():
        return None
    first = np.unique(rows["slate_id"].to_numpy(), return_index=True)[1][has]
    customer = rows["customer_id"].to_numpy()[first]
    segment = rows["segment"].fill_null("").to_numpy()[first]
    difference = (ours.ndcg - theirs.ndcg)[has]
    means = resampled_means(difference[:, None], customer, evaluation.bootstrap_samples, seed)
    lower, upper = interval(means[:, 0])
    worst, worst_difference = _worst_segment(segment, customer, difference, gate.minimum_segment_customers)
    return Evidence(
        lists=int(has.sum()),
        customers=len(np.unique(customer)),
        effective_customers=effective_sample_size(np.unique(customer, return_counts=True)[1].astype(np.float64)),
        difference=float(difference.mean()),
        lower=lower,
        upper=upper,
        calibration_error=calibration_error,
        auc_within_lists=float(np.nanmean(ours.auc)) if (~np.isnan(ours.auc)).any() else float("nan"),
        worst_segment=worst,
        worst_segment_difference=worst_difference,
    )


def objections(
    evidence: Evidence | None, twin: Mapping[str, float] | None, leaks: Sequence[str], gate: Gate
) -> list[str]:
    """Why the challenger may not be served by default, in words; none: it passes.

    Parameters
    ----------
    twin : difference, lower and upper of the incremental margin against the champion in closed loop, RON; None: no
        experiment had both, and nothing follows. It judges alone where the challenger does not order by redemptions.
    leaks : what the canaries say against what was learned (`canary_objections`).
    """
    if evidence is None and twin is None:
        return ["no list of the test window was scored by both, and no experiment played both", *leaks]
    return [*_lists_against(evidence, gate), *_money_against(twin), *leaks]


def _lists_against(evidence: Evidence | None, gate: Gate) -> list[str]:
    if evidence is None:
        return []  # it orders by money and has no place in a comparison of redemptions
    found = []
    if not evidence.lower > 0:
        found.append(
            f"its gain in NDCG is {evidence.difference:+.4f}, and its interval begins at {evidence.lower:+.4f}"
        )
    if not evidence.effective_customers >= gate.minimum_effective_customers:
        found.append(
            f"{evidence.effective_customers:.0f} customers in effect are fewer than {gate.minimum_effective_customers}"
        )
    if not evidence.calibration_error <= gate.maximum_calibration_error:
        found.append(
            f"its calibration error {evidence.calibration_error:.4f} is above {gate.maximum_calibration_error}"
        )
    if evidence.auc_within_lists > gate.suspicious_auc_within_lists:
        found.append(
            f"AUC within lists {evidence.auc_within_lists:.3f}: a feature knows the future until proven otherwise"
        )
    if evidence.worst_segment_difference < -gate.segment_margin:
        found.append(f"{evidence.worst_segment} loses {-evidence.worst_segment_difference:.4f} NDCG")
    return found


def _money_against(twin: Mapping[str, float] | None) -> list[str]:
    if twin is None or twin["lower"] > 0:
        return []
    return [
        f"in closed loop it earns {twin['difference']:+,.0f} RON per 1,000 customers against the champion, and the "
        f"interval begins at {twin['lower']:+,.0f}"
    ]


def twin_evidence(experiments: Sequence[pl.DataFrame], champion: str, challenger: str) -> dict[str, float] | None:
    """The challenger's margin less the champion's in the first experiment that played both; None: none did.

    Parameters
    ----------
    experiments : rows of `experiment_results`, the newest first.
    """
    for rows in experiments:
        found = rows.filter((pl.col("policy") == challenger) & (pl.col("metric") == f"margin_ron_minus:{champion}"))
        if len(found):
            value, lower, upper = found.select("value", "lower", "upper").row(0)
            return {"difference": value, "lower": lower, "upper": upper}
    return None


def newest_of_both(holdout: pl.DataFrame, champion: str, challenger: str) -> tuple[date | None, pl.DataFrame]:
    """The newest run date on which both were fitted, and its rows; without one, None and no rows."""
    dates = [set(holdout.filter(pl.col("algorithm") == name)["run_date"].unique()) for name in (champion, challenger)]
    newest = max(set.intersection(*dates), default=None)
    return newest, holdout.filter(pl.col("run_date").eq(pl.lit(newest, pl.Date)))


def gate_row(
    challenger: str,
    champion: str,
    judged_date: date | None,
    evidence: Evidence | None,
    twin: Mapping[str, float] | None,
    leaks: Sequence[str],
    gate: Gate,
) -> dict[str, Any]:
    """One row of `promotion_gates`."""
    found = objections(evidence, twin, leaks, gate)
    told = {} if evidence is None else asdict(evidence)
    return {
        "algorithm": challenger,
        "champion": champion,
        "judged_date": judged_date,
        "list_count": told.pop("lists", 0),
        "customer_count": told.pop("customers", 0),
        **told,
        **{f"twin_{name}_ron": value for name, value in (twin or {}).items()},
        "is_passed": not found,
        "objections": found,
    }


def gates(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as `promotion_gates` has them; what is not known is null."""
    return pl.DataFrame(list(rows), schema=SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def _worst_segment(
    segment: npt.NDArray[np.str_], customer: npt.NDArray[np.int64], difference: Floats, minimum_customers: int
) -> tuple[str, float]:
    """Segment with the lowest mean difference among those with enough customers; ties by name."""
    means = {
        str(name): float(difference[segment == name].mean())
        for name in np.unique(segment)
        if len(np.unique(customer[segment == name])) >= minimum_customers
    }
    worst = min(means, key=lambda name: (means[name], name), default="")
    return worst, means.get(worst, float("nan"))
