"""The rankers, the choice between them, and the scores of the pool."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, TypeVar

import dagster as dg
import duckdb
import polars as pl

from metro_assets.config import Settings, load_settings
from metro_assets.orchestration.challengers import going_on_without, kept_fit
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.failing import RETRY, fails_at_once
from metro_assets.orchestration.partitions import daily, days
from metro_assets.orchestration.plots import picture
from metro_assets.orchestration.tables import ONE_DATE_A_RUN, OWNERS, code_version, table_asset
from metro_assets.ranking import pictures
from metro_assets.ranking.bayesian_logistic import BayesianLogisticRanker
from metro_assets.ranking.examples import (
    labelled,
    why_unfit,
    windows_before,
    with_customer_codes,
    with_next_item,
    with_next_item_examples,
    with_offer_codes,
)
from metro_assets.ranking.fitting import (
    COSTLY,
    choose,
    fit_ranker,
    impressions_read,
    load_holdout,
    load_scorer,
    no_holdout,
    oldest_fit,
    partition_seed,
)
from metro_assets.ranking.scoring import retrieval_order, score_pool, with_margins
from metro_assets.ranking.settled import belief_at, belief_frame, belief_of
from metro_assets.ranking.uplift import assets as uplift
from metro_assets.storage.models import ModelStore, Version
from metro_assets.vocabulary import RANKER_SUFFIX, UNRANKED, Algorithm

T = TypeVar("T")
RANKING = load_settings().ranking
ALGORITHMS = RANKING.algorithms
MODELS = {algorithm: f"{algorithm}{RANKER_SUFFIX}" for algorithm in ALGORITHMS}
CHOSEN_DAILY = {Algorithm.LOGISTIC, Algorithm.BOOSTED_TREES}
"""Fitted and chosen between every day, as the seed says. Any other is a challenger: it is served by default only after
it was promoted through the gate, and where it fails the day goes on without it."""
READS_CODES = {Algorithm.WIDE_DEEP, Algorithm.THOMPSON}
READS_SEQUENCES = {Algorithm.SASREC}
EXAMPLES = days(-(RANKING.example_days + RANKING.label_horizon_days) + 2, 0)
OUTCOMES = days(-(RANKING.example_days + RANKING.label_horizon_days) + 1, -1)
TODAY = days(0, 0)
POOL_TABLES = (
    "candidate_pool",
    "interaction_features",
    "customer_features",
    "offer_features",
    "offers",
    "offer_products",
    "candidate_margins",
)
SEQUENCE_TABLES = ("next_item_scores",) if READS_SEQUENCES & set(ALGORITHMS) else ()
TOO_GOOD = load_settings().gate.suspicious_auc_within_lists
MAY_BE_UNFIT = RANKING.without_model == "retrieval"


def _ranker_asset(algorithm: Algorithm, kind: str) -> dg.AssetsDefinition:
    """The asset of one algorithm: fitted for the run date and kept in the model store."""
    described = {"customers": dg.AssetIn(), "offers": EXAMPLES, "offer_products": EXAMPLES}

    @dg.asset(
        name=MODELS[algorithm],
        ins={
            "training_examples": EXAMPLES,
            "redemptions": OUTCOMES,
            **(described if algorithm in READS_CODES else {}),
            **({"next_item_examples": TODAY} if algorithm in READS_SEQUENCES else {}),
            **({"bandit_posterior": TODAY} if algorithm is Algorithm.THOMPSON else {}),
        },
        partitions_def=daily,
        backfill_policy=ONE_DATE_A_RUN,
        owners=OWNERS,
        kinds={kind},
        retry_policy=RETRY,
        code_version=code_version(fit_ranker),
        description=f"The {algorithm.replace('_', ' ')} ranker: fitted on impressions whose label is settled, "
        "calibrated, stored in an open format with its windows, metrics, features, seed and library versions.",
    )
    @fails_at_once
    def ranker(
        context: dg.AssetExecutionContext,
        training_examples: duckdb.DuckDBPyRelation,
        redemptions: duckdb.DuckDBPyRelation,
        settings: dg.ResourceParam[Settings],
        models: dg.ResourceParam[ModelStore],
        **descriptions: duckdb.DuckDBPyRelation,
    ) -> dg.MaterializeResult[None]:
        run_date = date.fromisoformat(context.partition_key)
        if algorithm in COSTLY and (kept := kept_fit(models, MODELS[algorithm], run_date, settings.ranking.refit_days)):
            return dg.MaterializeResult(metadata={"kept": f"the fit of {kept.run_date} goes on to score"})
        rows = labelled(training_examples, redemptions, run_date, settings.ranking)
        if algorithm in READS_CODES:
            rows = with_offer_codes(rows, descriptions["offers"], descriptions["offer_products"])
            rows = with_customer_codes(rows, descriptions["customers"])
        if algorithm in READS_SEQUENCES:
            rows = with_next_item_examples(rows, descriptions["next_item_examples"])
        rows = rows.materialize()
        if MAY_BE_UNFIT and (why := why_unfit(rows, run_date, settings.ranking)):
            return dg.MaterializeResult(metadata={"not fitted": why})
        first_shown = rows.aggregate("min(shown_date)").fetchall()[0][0] or run_date
        windows = windows_before(run_date, first_shown, settings.ranking)
        belief = belief_of(descriptions["bandit_posterior"].pl()) if algorithm is Algorithm.THOMPSON else None
        fitted = _attempted(
            algorithm,
            context,
            lambda: fit_ranker(
                algorithm,
                rows,
                windows,
                run_date,
                settings.ranking,
                settings.seed,
                settings.engine.threads,
                settings.monitoring.bins,
                None if belief is None else BayesianLogisticRanker(belief, settings.ranking.bandit.offer_sd),
            ),
        )
        if fitted is None:
            return dg.MaterializeResult(metadata={"failed": "see the log of the step; the day goes on without it"})
        path = models.save(MODELS[algorithm], run_date, fitted.files(), fitted.metadata)
        return dg.MaterializeResult(metadata=_shown(fitted.metadata, str(path), fitted.reliability))

    return ranker


def _shown(metadata: dict[str, Any], path: str, curve: Any) -> dict[str, Any]:
    """What the web UI shows of a fitted ranker."""
    flat = {
        f"{window}_{name}": round(value, 5)
        for window, metrics in metadata["metrics"].items()
        for name, value in metrics.items()
    }
    return {
        **flat,
        "path": dg.MetadataValue.path(path),
        "windows": metadata["windows"],
        "rows": metadata["rows"],
        "reliability": picture(pictures.draw_reliability(curve)),
        "importance": picture(pictures.draw_importance(metadata["importance"])),
        **({"curve": picture(pictures.draw_curve(metadata["curve"]))} if "curve" in metadata else {}),
    }


KINDS = {
    Algorithm.LOGISTIC: "scikitlearn",
    Algorithm.BOOSTED_TREES: "lightgbm",
    Algorithm.WIDE_DEEP: "pytorch",
    Algorithm.SASREC: "pytorch",
    Algorithm.THOMPSON: "scipy",
}
"""Rankers with the library that each is fitted by, as the web UI shows it."""
rankers = [_ranker_asset(algorithm, kind) for algorithm, kind in KINDS.items() if algorithm in ALGORITHMS]
if Algorithm.UPLIFT in ALGORITHMS:
    rankers.append(uplift.uplift_ranker)


@table_asset(ins={"training_examples": EXAMPLES, "redemptions": OUTCOMES}, deps=["next_item_model"], takes_range=False)
def sampled_examples(
    context: dg.AssetExecutionContext,
    training_examples: duckdb.DuckDBPyRelation,
    redemptions: duckdb.DuckDBPyRelation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> pl.DataFrame:
    """Drawn as the fit will draw them, from the labels that are settled."""
    run_date = date.fromisoformat(context.partition_key)
    nothing = pl.DataFrame(schema={"impression_id": pl.Int64})
    if Algorithm.SASREC not in ALGORITHMS or not models.exists("next_item_model", run_date):
        return nothing
    rows = labelled(training_examples, redemptions, run_date, settings.ranking).materialize()
    if why_unfit(rows, run_date, settings.ranking):
        return nothing
    first_shown = rows.aggregate("min(shown_date)").fetchall()[0][0]
    windows = windows_before(run_date, first_shown, settings.ranking)
    return impressions_read(Algorithm.SASREC, rows, windows, run_date, settings.ranking, settings.seed)


@table_asset(
    ins={
        "training_examples": EXAMPLES,
        "redemptions": OUTCOMES,
        "offers": TODAY,
        "bandit_posterior": days(-1, -1, may_be_missing=True),
    },
    kinds=("scipy",),
    takes_range=False,
)
def bandit_posterior(
    context: dg.AssetExecutionContext,
    training_examples: duckdb.DuckDBPyRelation,
    redemptions: duckdb.DuckDBPyRelation,
    offers: duckdb.DuckDBPyRelation,
    customers: duckdb.DuckDBPyRelation,
    bandit_posterior: pl.DataFrame,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """The belief of the day before, moved by the impressions that settled on the date; else by all that have."""
    if Algorithm.THOMPSON not in settings.ranking.algorithms:
        return belief_frame(None)
    run_date = date.fromisoformat(context.partition_key)
    examples = with_customer_codes(training_examples, customers)
    yesterday = belief_of(bandit_posterior)
    seed = partition_seed(settings.seed, Algorithm.THOMPSON, run_date)
    belief = belief_at(yesterday, examples, redemptions, offers, run_date, settings.ranking, seed)
    context.add_output_metadata({"begins with": "all that has settled" if yesterday is None else "the day before"})
    return belief_frame(belief)


@dg.asset(
    deps=list(MODELS.values()),
    partitions_def=daily,
    backfill_policy=ONE_DATE_A_RUN,
    owners=OWNERS,
    kinds={"python"},
)
@fails_at_once
def champion(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> dg.MaterializeResult[None]:
    """The ranker whose order is served: the best on the validation window, unless a person has pinned another."""
    run_date = date.fromisoformat(context.partition_key)
    metrics = _validation_metrics(models, run_date)
    if not metrics:
        return dg.MaterializeResult(metadata={"in force": f"none: {UNRANKED} order is served"})
    standing = models.champion_at(run_date)
    promoted = standing.version.name.removesuffix(RANKER_SUFFIX) if standing and standing.is_promoted else ""
    chosen = choose(_chosen_daily(metrics), settings.ranking.selection_metric)
    version = _scoring_version(models, Algorithm(promoted if promoted in metrics else chosen), run_date)
    in_force = models.promote(version, run_date, through_gate=promoted in metrics) if version else standing
    return dg.MaterializeResult(
        metadata={
            "best on validation": chosen,
            "promoted": promoted or "none",
            "stands in": chosen if promoted and promoted not in metrics else "none",
            "in force": f"{in_force.version.name} of {in_force.version.run_date}" if in_force else "none",
            "is_pinned": bool(in_force and in_force.is_pinned),
            "validation": {name: {key: round(value, 5) for key, value in m.items()} for name, m in metrics.items()},
        }
    )


@table_asset(deps=list(MODELS.values()), takes_range=False)
def holdout_scores(context: dg.AssetExecutionContext, models: dg.ResourceParam[ModelStore]) -> pl.DataFrame:
    """The test windows of the day's fits, scored by what had not seen them; evaluation reads it."""
    run_date = date.fromisoformat(context.partition_key)
    names = [MODELS[algorithm] for algorithm in ALGORITHMS if algorithm in KINDS]
    parts = [load_holdout(models.load(name, run_date)) for name in names if models.exists(name, run_date)]
    return pl.concat(parts or [no_holdout()]).sort("impression_id", "algorithm")


@table_asset(
    ins=dict.fromkeys((*POOL_TABLES, *SEQUENCE_TABLES), TODAY),
    deps=["champion"],
    kinds=("lightgbm",),
    takes_range=False,
)
def scored_candidates(
    context: dg.AssetExecutionContext,
    candidate_pool: duckdb.DuckDBPyRelation,
    interaction_features: duckdb.DuckDBPyRelation,
    customer_features: duckdb.DuckDBPyRelation,
    offer_features: duckdb.DuckDBPyRelation,
    offers: duckdb.DuckDBPyRelation,
    offer_products: duckdb.DuckDBPyRelation,
    candidate_margins: duckdb.DuckDBPyRelation,
    customers: duckdb.DuckDBPyRelation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
    **sequences: duckdb.DuckDBPyRelation,
) -> pl.DataFrame:
    """Every algorithm scores the whole pool; a champion that a person put back stands in for its ranker's newer fit."""
    run_date = date.fromisoformat(context.partition_key)
    if MAY_BE_UNFIT and not any(_scoring_version(models, name, run_date) for name in ALGORITHMS):
        unranked: pl.DataFrame = retrieval_order(candidate_pool).pl()
        return unranked
    versions = {name: version for name in ALGORITHMS if (version := _scoring_version(models, name, run_date))}
    scorers = {}
    for algorithm, version in versions.items():
        files = models.load(version.name, version.run_date)
        if scorer := _attempted(algorithm, context, partial(load_scorer, algorithm, files)):
            scorers[str(algorithm)] = scorer
    pairs = interaction_features
    if sequences:
        pairs = with_next_item(pairs, sequences["next_item_scores"])
    if Algorithm.UPLIFT in scorers:
        pairs = with_margins(pairs, candidate_margins)
    scored = score_pool(
        scorers,
        pairs,
        with_customer_codes(customer_features, customers),
        with_offer_codes(offer_features, offers, offer_products),
        settings.engine.threads,
    )
    sample = {name: scored.filter(pl.col("algorithm") == name)["score"][:200_000].to_numpy() for name in scorers}
    context.add_output_metadata(
        {
            "score distribution": picture(pictures.draw_scores(sample)),
            "versions": {str(algorithm): str(version.run_date) for algorithm, version in versions.items()},
        }
    )
    return scored


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec("auc_and_ndcg_agree", asset="champion", description="AUC and NDCG@10 choose the same ranker"),
        dg.AssetCheckSpec(
            "is_not_too_good", asset="champion", description="no sign of a feature that knows the future"
        ),
        dg.AssetCheckSpec("all_are_fitted", asset="champion", description="every algorithm has a model that may score"),
    ]
)
def champion_checks(context: dg.AssetCheckExecutionContext, models: dg.ResourceParam[ModelStore]) -> Any:
    """Warnings about the choice of the day."""
    run_date = date.fromisoformat(context.op_execution_context.partition_key)
    metrics = _validation_metrics(models, run_date)
    if not metrics:
        for name in ("auc_and_ndcg_agree", "is_not_too_good", "all_are_fitted"):
            yield dg.AssetCheckResult(
                check_name=name, asset_key="champion", passed=True, description="not applicable: nothing was fitted"
            )
        return
    lacking = [str(name) for name in ALGORITHMS if _scoring_version(models, name, run_date) is None]
    yield dg.AssetCheckResult(
        check_name="all_are_fitted",
        asset_key="champion",
        passed=not lacking,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"the day goes on without {', '.join(lacking)}; see the log of its step" if lacking else "all are",
    )
    between = _chosen_daily(metrics)
    by_auc, by_ndcg = choose(between, "auc"), choose(between, "ndcg_at_10")
    yield dg.AssetCheckResult(
        check_name="auc_and_ndcg_agree",
        asset_key="champion",
        passed=by_auc == by_ndcg,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"AUC would choose {by_auc}, NDCG@10 {by_ndcg}; ranking.selection_metric decides",
        metadata={"by AUC": by_auc, "by NDCG@10": by_ndcg},
    )
    highest = max(values["auc_within_lists"] for values in metrics.values())
    yield dg.AssetCheckResult(
        check_name="is_not_too_good",
        asset_key="champion",
        passed=bool(not highest > TOO_GOOD),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"AUC within lists reaches {highest:.3f}; above {TOO_GOOD} look for a feature "
        "that knows the future",
        metadata={"highest AUC within lists": highest, "limit": TOO_GOOD},
    )


def _validation_metrics(models: ModelStore, run_date: date) -> dict[str, dict[str, float]]:
    found = {}
    for algorithm in ALGORITHMS:
        version = _scoring_version(models, algorithm, run_date)
        metrics = models.metadata(version.name, version.run_date)["metrics"] if version else {}
        if "validation" in metrics:
            found[str(algorithm)] = metrics["validation"]
    return found


def _chosen_daily(metrics: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Metrics of those that are chosen between every day; of all where none of them is fitted."""
    return {name: values for name, values in metrics.items() if name in CHOSEN_DAILY} or metrics


def _scoring_version(models: ModelStore, algorithm: Algorithm, run_date: date) -> Version | None:
    """What scores the date: the date's own fit, or for a costly algorithm the newest that is not out of date."""
    return models.scoring_version(MODELS[algorithm], oldest_fit(algorithm, run_date, RANKING), run_date)


def _attempted(algorithm: Algorithm, context: dg.AssetExecutionContext, work: Callable[[], T]) -> T | None:
    """What the work gives, or None where a challenger's fails; the two that are chosen between must not."""
    return work() if algorithm in CHOSEN_DAILY else going_on_without(algorithm, context, work)


ranking_checks = [
    contract_checks("sampled_examples", may_be_empty=True),
    contract_checks("bandit_posterior", may_be_empty=True),
    contract_checks("holdout_scores", may_be_empty=MAY_BE_UNFIT),
    contract_checks("scored_candidates"),
]
