"""What a warehouse that was brought to a run date tells of each target, as rows: target, of, value, lower, upper."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl

from metro_assets.config import Settings
from metro_assets.ranking.uplift.fitting import PROBABILITY
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.studies.embeddings.clusters import cluster_quality
from metro_assets.studies.embeddings.day import Shop, assortment, open_day
from metro_assets.studies.sequences import main as measure_next_items
from metro_assets.vocabulary import RANKER_SUFFIX, Algorithm

PHASE_1 = (Algorithm.LOGISTIC, Algorithm.BOOSTED_TREES)
PHASE_2 = (Algorithm.WIDE_DEEP, Algorithm.SASREC)
"""The rankers of phase 2; Thompson's order is that of a regression, and uplift orders by money."""
SCHEMA = {"target": pl.String, "of": pl.String, "value": pl.Float64, "lower": pl.Float64, "upper": pl.Float64}
Row = dict[str, Any]


def facts(settings: Settings, run_date: date, next_items: Path) -> pl.DataFrame:
    """Every fact of one world; the table of its next-item orders is left at `next_items`."""
    warehouse, models = Warehouse(settings.warehouse, settings.engine), ModelStore(settings.warehouse)
    rows = [
        *ranking_facts(warehouse, models, run_date),
        *epoch_facts(models, run_date),
        *uplift_facts(models, run_date),
        *cluster_facts(settings, warehouse, run_date),
        *next_item_facts(settings, run_date, next_items),
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def ranking_facts(warehouse: Warehouse, models: ModelStore, run_date: date) -> Iterator[Row]:
    """NDCG@10 on the test window; the best of each phase is the one that *validation* prefers."""
    with warehouse.connection() as connection:
        metrics = warehouse.read(connection, "evaluation_metrics", [run_date]).pl()
    shown = metrics.filter(
        (pl.col("protocol") == "SHOWN") & (pl.col("population") == "REDEEMERS") & (pl.col("metric") == "ndcg_at_10")
    )
    found = {row["algorithm"]: row for row in shown.iter_rows(named=True)}
    for name, row in found.items():
        yield _row("NDCG@10", name, row["value"], row["lower"], row["upper"])
    best = [_best_on_validation(models, phase, run_date) for phase in (PHASE_1, PHASE_2)]
    if None not in best and set(best) <= set(found):
        before, after = (found[str(name)]["value"] for name in best)
        yield _row("NDCG@10 gained", "phase 2 over phase 1", after / before - 1)
        if "oracle" in found:
            yield _row("NDCG@10 gained", "oracle over phase 1", found["oracle"]["value"] / before - 1)


def epoch_facts(models: ModelStore, run_date: date) -> Iterator[Row]:
    """Epochs that were learned until the validation loss had no longer fallen, and the one that was kept."""
    version = models.newest(f"{Algorithm.WIDE_DEEP}{RANKER_SUFFIX}", date.min, run_date)
    if version is None:
        return
    curve = models.metadata(version.name, version.run_date)["curve"]
    yield _row("epochs", "wide_deep, learned", float(curve[-1]["epoch"]))
    yield _row("epochs", "wide_deep, kept", float(min(curve, key=lambda point: point["validation"])["epoch"]))


def next_item_facts(settings: Settings, run_date: date, table: Path) -> Iterator[Row]:
    """NDCG@10 of the next basket less that of the baseline: personal frequency, for what is new popularity."""
    measure_next_items(settings.warehouse, datetime.combine(run_date, time()), table, threads=settings.engine.threads)
    rows = pl.read_csv(table).filter((pl.col("target") == "next basket") & (pl.col("order") != pl.col("against")))
    for row in rows.iter_rows(named=True):
        of = f"{row['order']} less {row['against']}, {row['population']}"
        yield _row("next item", of, row["difference"], row["difference_lower"], row["difference_upper"])


def uplift_facts(models: ModelStore, run_date: date) -> Iterator[Row]:
    """Qini on the test window of the trial: of the learner that validation chose, and of who ranks by P(redemption)."""
    version = models.newest(f"{Algorithm.UPLIFT}{RANKER_SUFFIX}", date.min, run_date)
    if version is None:
        return
    metadata = models.metadata(version.name, version.run_date)
    for outcome, told in metadata["uplift_metrics"]["test"].items():
        chosen = metadata["effects"][outcome]["chosen"]
        yield _row("Qini", f"{outcome}, the chosen learner", told[chosen]["qini"])
        yield _row("Qini", f"{outcome}, by P(redemption)", told[PROBABILITY]["qini"])


def cluster_facts(settings: Settings, warehouse: Warehouse, run_date: date) -> Iterator[Row]:
    """Clusters of the learnt vectors and of random ones against names that they never saw."""
    with warehouse.connection() as connection:
        shop = Shop(warehouse, settings, connection)
        vectors, day = assortment(shop.fit(run_date), shop), open_day(shop, run_date)
        for row in cluster_quality(shop, day, vectors, settings.seed).iter_rows(named=True):
            yield _row("NMI of clusters", f"{row['classes of']}, {row['vectors']} vectors", row["nmi"])


def _best_on_validation(models: ModelStore, phase: tuple[Algorithm, ...], run_date: date) -> str | None:
    scores = {}
    for algorithm in phase:
        if version := models.newest(f"{algorithm}{RANKER_SUFFIX}", date.min, run_date):
            metrics = models.metadata(version.name, version.run_date)["metrics"]
            scores[str(algorithm)] = metrics["validation"]["ndcg_at_10"]
    return max(sorted(scores), key=lambda name: scores[name], default=None)


def _row(target: str, of: str, value: float | None, lower: float | None = None, upper: float | None = None) -> Row:
    return {"target": target, "of": of, "value": value, "lower": lower, "upper": upper}
