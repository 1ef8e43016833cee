"""Drift of the day, and what ran for it."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import polars as pl

from metro_assets.config import Settings, load_settings
from metro_assets.distributions import Reference
from metro_assets.monitoring import pictures
from metro_assets.monitoring.drift import Quantity, drift, significant
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.partitions import days
from metro_assets.orchestration.plots import picture
from metro_assets.orchestration.run_log import table_runs
from metro_assets.orchestration.tables import table_asset
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import RANKING_FEATURES

SETTINGS = load_settings()
RECENT = SETTINGS.monitoring.window_days
HORIZON = SETTINGS.ranking.label_horizon_days
Scorer = Callable[[ModelStore, str, date, pl.DataFrame, int], np.typing.NDArray[np.float32] | None]
"""Scores of feature rows by a stored ranker, if it reads no other; the ranking stage's, handed in as a resource."""
References = Callable[[ModelStore, str, date], dict[str, Reference]]


@table_asset(
    ins={"training_examples": days(-(RECENT + HORIZON) + 1, 0), "redemptions": days(-(RECENT + HORIZON), -1)},
    deps=["champion"],
    takes_range=False,
)
def drift_log(
    context: dg.AssetExecutionContext,
    training_examples: duckdb.DuckDBPyRelation,
    redemptions: duckdb.DuckDBPyRelation,
    settings: dg.ResourceParam[Settings],
    models: dg.ResourceParam[ModelStore],
    scorer: dg.ResourceParam[Scorer],
    references: dg.ResourceParam[References],
) -> pl.DataFrame:
    """Impressions of the last seven days against the champion's reference; labels of the seven days just settled."""
    run_date = date.fromisoformat(context.partition_key)
    in_force = models.champion_at(run_date)
    if in_force is None and settings.ranking.without_model == "retrieval":
        context.add_output_metadata({"not applicable": "nothing has been fitted that today could be compared with"})
        return drift({}, settings.monitoring)
    if in_force is None:
        raise dg.Failure("there is no champion yet; materialise champion first")
    version = in_force.version
    shown = training_examples.select("*").pl()
    recent = shown.filter(pl.col("shown_date") >= run_date - timedelta(days=RECENT))
    features = recent.select(pl.col(RANKING_FEATURES).cast(pl.Float32).fill_null(float("nan"))).to_numpy()
    current = {name: features[:, place] for place, name in enumerate(RANKING_FEATURES)}
    scores = scorer(models, version.name, version.run_date, recent, settings.engine.threads)
    if scores is not None:
        current["score"] = scores
    current["label"] = _labels(shown, redemptions.pl(), run_date)
    kept = references(models, version.name, version.run_date)
    kinds = {"score": "SCORE", "label": "LABEL"}
    log = drift(
        {name: Quantity(kinds.get(name, "FEATURE"), kept[name], values) for name, values in current.items()},
        settings.monitoring,
    )
    context.add_output_metadata({"drift": picture(pictures.draw_drift(log, settings.monitoring))})
    return log


def _labels(shown: pl.DataFrame, redemptions: pl.DataFrame, run_date: date) -> Any:
    """Labels of the impressions of the seven newest days whose horizon has passed."""
    settled = shown.filter(
        pl.col("shown_date") <= run_date - timedelta(days=HORIZON),
        pl.col("shown_date") > run_date - timedelta(days=HORIZON + RECENT),
    )
    known = redemptions.filter(pl.col("recorded_date") < run_date).select(
        "customer_id", "offer_id", redeemed_date="run_date"
    )
    hits = settled.join(known, on=["customer_id", "offer_id"]).filter(
        pl.col("redeemed_date") >= pl.col("shown_date"),
        pl.col("redeemed_date") < pl.col("shown_date") + pl.duration(days=HORIZON),
    )
    return settled["impression_id"].is_in(hits["impression_id"].unique().implode()).cast(pl.Int8).to_numpy()


@dg.asset_check(asset="drift_log", description="no significant drift beyond what the sample sizes give by chance")
def drift_is_not_significant(
    context: dg.AssetCheckExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """A warning with the bins as a picture where something moved."""
    run_date = date.fromisoformat(context.op_execution_context.partition_key)
    with warehouse.connection() as connection:
        log = warehouse.read(connection, "drift_log", [run_date]).pl()
    moved = significant(log)
    names = ", ".join(moved["quantity"].to_list())
    return dg.AssetCheckResult(
        passed=moved.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"moved: {names}; see the bins in the web UI" if names else "nothing moved",
        metadata={
            "moved": names or "nothing",
            **({} if moved.is_empty() else {"bins": picture(pictures.draw_drift(log, settings.monitoring))}),
        },
    )


@table_asset(deps=["published_recommendations", "evaluation_metrics", "drift_log"], takes_range=False)
def pipeline_runs(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> pl.DataFrame:
    """What ran for the date, read from Dagster's event log; events of the day before belong to the date."""
    return table_runs(context.instance, date.fromisoformat(context.partition_key))


monitoring_checks = [contract_checks("drift_log", may_be_empty=True), contract_checks("pipeline_runs")]
