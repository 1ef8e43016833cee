"""The metrics of the run date: the fits' hold-out, and what was served a horizon ago."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl

from metro_assets.config import Settings, load_settings
from metro_assets.evaluation import pictures
from metro_assets.evaluation.canary import MakesAgain, canary_objections, canary_rows
from metro_assets.evaluation.gate import gate_row, gates, newest_of_both, paired_evidence, twin_evidence
from metro_assets.evaluation.oracle import Oracle
from metro_assets.evaluation.protocols import judge_pool, judge_shown
from metro_assets.evaluation.served_policies import estimate_served
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.partitions import days
from metro_assets.orchestration.plots import picture
from metro_assets.orchestration.tables import table_asset
from metro_assets.storage.contract import contract
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import RANKER_SUFFIX

SETTINGS = load_settings()
SERVED = -SETTINGS.evaluation.horizon_days
OLDEST_RANDOM = SERVED - SETTINGS.evaluation.off_policy_days + 1
OLDEST_SHOWN = -(SETTINGS.ranking.label_horizon_days + SETTINGS.ranking.test_days)
WINDOW = SETTINGS.features.window_days
RECENT = -SETTINGS.ranking.refit_days + 1
MADE_AGAIN = ("customer_products", "customer_features", "offer_features", "interaction_features", "next_item_scores")
"""The derived tables that read events; every other is made of these."""


@table_asset(
    ins={
        "holdout_scores": days(0, 0),
        "scored_candidates": days(SERVED, SERVED, may_be_missing=True),
        "interaction_features": days(SERVED, SERVED, may_be_missing=True),
        "candidate_pool": days(SERVED, SERVED, may_be_missing=True),
        "recommendations": days(SERVED, SERVED, may_be_missing=True),
        "offers": days(SERVED, SERVED),
        "offer_products": days(OLDEST_SHOWN, SERVED),
        "impressions": days(SERVED, SERVED),
        "redemptions": days(SERVED, -1),
        "order_items": days(OLDEST_SHOWN - SETTINGS.evaluation.popularity_days, SERVED - 1),
    },
    takes_range=False,
)
def evaluation_metrics(
    context: dg.AssetExecutionContext,
    holdout_scores: duckdb.DuckDBPyRelation,
    scored_candidates: duckdb.DuckDBPyRelation,
    interaction_features: duckdb.DuckDBPyRelation,
    candidate_pool: duckdb.DuckDBPyRelation,
    recommendations: duckdb.DuckDBPyRelation,
    offers: duckdb.DuckDBPyRelation,
    offer_products: duckdb.DuckDBPyRelation,
    impressions: duckdb.DuckDBPyRelation,
    redemptions: duckdb.DuckDBPyRelation,
    order_items: duckdb.DuckDBPyRelation,
    settings: dg.ResourceParam[Settings],
    oracle: dg.ResourceParam[Callable[[], Oracle | None]],
) -> pl.DataFrame:
    """SHOWN judges the day's fits on their test window, POOL what was served seven days ago, if anything was."""
    run_date = date.fromisoformat(context.partition_key)
    truth = oracle()
    shown = judge_shown(holdout_scores, order_items, offer_products, truth, settings.evaluation, settings.seed)
    pool = judge_pool(
        scored_candidates,
        interaction_features,
        candidate_pool,
        offers,
        recommendations,
        impressions,
        redemptions,
        order_items,
        offer_products,
        truth,
        run_date,
        settings.evaluation,
        settings.seed,
    )
    metrics = pl.concat([shown, pool])
    context.add_output_metadata(
        {
            "NDCG": picture(pictures.draw_ndcg(metrics, settings.evaluation.cutoff)),
            "recall": picture(pictures.draw_recall(metrics)),
            "pool protocol": "judged" if len(pool) else "nothing was served seven days before: run that date too",
        }
    )
    return metrics


@table_asset(
    ins={
        "customers": dg.AssetIn(),
        "products": dg.AssetIn(),
        "offers": days(-WINDOW, 0),
        "offer_products": days(0, 0),
        "daily_prices": days(0, 0),
        "orders": days(-WINDOW, -1),
        "order_items": days(-max(WINDOW, SETTINGS.sequences.history_days), -1),
        "impressions": days(-WINDOW, -1),
        "redemptions": days(-WINDOW, -1),
        "candidate_pool": days(0, 0),
        **{table: days(0, 0) for table in MADE_AGAIN},
    },
    takes_range=False,
)
def point_in_time_canaries(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
    stages_again: dg.ResourceParam[Sequence[MakesAgain]],
    **tables: duckdb.DuckDBPyRelation,
) -> pl.DataFrame:
    """Made again by the stages' own functions; what differs has read what its run date could not know."""
    run_date = date.fromisoformat(context.partition_key)
    keys = {name: contract(name).key for name in tables}
    return canary_rows(tables, keys, stages_again, run_date, settings, models)


@dg.asset_check(
    asset="point_in_time_canaries", description="no derived value moves with what is known from the run date on"
)
def nothing_moved(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """A warning that names what moved; until it is clean again `promotion_gates` lets nobody through."""
    run_date = date.fromisoformat(context.op_execution_context.partition_key)
    with warehouse.connection() as connection:
        canaries = warehouse.read(connection, "point_in_time_canaries", [run_date]).pl()
    against = canary_objections(canaries, run_date)
    return dg.AssetCheckResult(
        passed=not against,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(against) or "nothing moved",
        metadata={"values": int(canaries["value_count"].sum()), "moved": int(canaries["moved_count"].sum())},
    )


@table_asset(
    ins={
        "holdout_scores": days(RECENT, 0, may_be_missing=True),
        "point_in_time_canaries": days(RECENT, 0, may_be_missing=True),
    },
    deps=["champion"],
    takes_range=False,
)
def promotion_gates(
    context: dg.AssetExecutionContext,
    holdout_scores: duckdb.DuckDBPyRelation,
    point_in_time_canaries: pl.DataFrame,
    customers: duckdb.DuckDBPyRelation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
) -> pl.DataFrame:
    """Every other algorithm against the champion, on the newest fits of both; `metro promote` obeys it."""
    run_date = date.fromisoformat(context.partition_key)
    champion = models.champion_at(run_date)
    if champion is None:
        return gates([])
    served = champion.version.name.removesuffix(RANKER_SUFFIX)
    holdout, segments = holdout_scores.pl(), customers.select("customer_id", "segment").pl()
    written = sorted((settings.warehouse / "experiments").glob("*/experiment_results.parquet"), key=_age)
    experiments = [pl.read_parquet(path) for path in written]
    rows = []
    for algorithm in sorted(set(map(str, settings.ranking.algorithms)) - {served}):
        fitted, part = newest_of_both(holdout, served, algorithm)
        metrics = models.metadata(f"{algorithm}{RANKER_SUFFIX}", fitted)["metrics"]["test"] if fitted else {}
        evidence = paired_evidence(
            part,
            segments,
            served,
            algorithm,
            metrics.get("ece", float("nan")),
            settings.gate,
            settings.evaluation,
            settings.seed,
        )
        twin = twin_evidence(experiments, served, algorithm)
        leaks = canary_objections(point_in_time_canaries, fitted or run_date)
        rows.append(gate_row(algorithm, served, fitted, evidence, twin, leaks, settings.gate))
    return gates(rows)


def _age(path: Path) -> float:
    """Sorts the newest file first."""
    return -path.stat().st_mtime


@table_asset(
    ins={
        "recommendations": days(OLDEST_RANDOM, SERVED, may_be_missing=True),
        "assignments": days(OLDEST_RANDOM, SERVED),
        "impressions": days(OLDEST_RANDOM, SERVED),
        "redemptions": days(OLDEST_RANDOM, -1),
    },
    takes_range=False,
)
def policy_estimates(
    context: dg.AssetExecutionContext,
    recommendations: duckdb.DuckDBPyRelation,
    assignments: duckdb.DuckDBPyRelation,
    impressions: duckdb.DuckDBPyRelation,
    redemptions: duckdb.DuckDBPyRelation,
    settings: dg.ResourceParam[Settings],
) -> pl.DataFrame:
    """What each algorithm's slates earn, as far as slates shown at random on the same days can say."""
    run_date = date.fromisoformat(context.partition_key)
    return estimate_served(
        recommendations, assignments, impressions, redemptions, run_date, settings.evaluation, settings.seed
    )


evaluation_checks = [
    contract_checks("point_in_time_canaries"),
    contract_checks("promotion_gates", may_be_empty=True),
    contract_checks("evaluation_metrics", may_be_empty=SETTINGS.ranking.without_model == "retrieval"),
    contract_checks("policy_estimates", may_be_empty=True),
]
