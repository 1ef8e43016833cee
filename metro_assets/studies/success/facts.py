"""What a warehouse that was brought to a run date tells of each target, as rows: target, of, value, lower, upper."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl

from metro_assets.config import Settings
from metro_assets.experiments.report import FIGURES
from metro_assets.experiments.results import REGRET
from metro_assets.ranking.uplift.fitting import PROBABILITY
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.studies.bandit.known_best import POLICIES, regret
from metro_assets.studies.embeddings.clusters import cluster_quality
from metro_assets.studies.embeddings.day import Shop, assortment, open_day
from metro_assets.studies.sequences.__main__ import main as measure_next_items
from metro_assets.vocabulary import RANKER_SUFFIX, Algorithm

PHASE_1 = (Algorithm.LOGISTIC, Algorithm.BOOSTED_TREES)
PHASE_2 = (Algorithm.WIDE_DEEP, Algorithm.SASREC)
"""The rankers of phase 2; Thompson's order is that of a regression, and uplift orders by money."""
MARGIN = "incremental_margin_ron"
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
        *regret_facts(settings.seed),
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
    yield from _next_item_rows(table)


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


def regret_facts(seed: int) -> Iterator[Row]:
    """Redemptions lost over all mornings against the best choice, where the best is known (`bandit/known_best.py`)."""
    for policy in POLICIES:
        yield _row("regret, known best", f"{policy}, redemptions lost", float(regret(policy, seed).sum()))


def twin_facts(experiment: Path) -> pl.DataFrame:
    """What a finished experiment says over its worlds, in the shape of `over_seeds`, least and most of a world unknown.

    Regret is the oracle's margin less the policy's, RON per 1,000 customers over the period, paired; the margin is less
    that of showing nothing. Intervals are the experiment's own, over worlds and customers.
    """
    found = pl.read_parquet(experiment / f"{FIGURES}.parquet")
    named = {REGRET: "regret in the twin, RON", MARGIN: "margin in the twin, RON"}
    return found.filter(pl.col("metric").is_in(list(named))).select(
        target=pl.col("metric").replace_strict(named),
        of="policy",
        worlds=pl.col("seeds").cast(pl.UInt32),
        mean="value",
        least=pl.lit(None, pl.Float64),
        most=pl.lit(None, pl.Float64),
        lower="lower",
        upper="upper",
    )


def journey_facts(tables: Path) -> pl.DataFrame:
    """What the tables of Complete Journey's study say of the same targets: target, of, value, lower, upper."""
    orders = pl.read_csv(tables / "phase_2.csv").filter(
        (pl.col("population") == "REDEEMERS") & (pl.col("metric") == "ndcg_at_10")
    )
    rows = [
        _row("NDCG@10", row["algorithm"], row["value"], row["lower"], row["upper"])
        for row in orders.iter_rows(named=True)
    ]
    for row in pl.read_csv(tables / "phase_2_paired.csv").iter_rows(named=True):
        of = f"{row['order']} less {row['against']}"
        rows.append(_row("NDCG@10 gained", of, row["difference"], row["lower"], row["upper"]))
    return pl.DataFrame([*rows, *_next_item_rows(tables / "next_items.csv")], schema=SCHEMA)


def _next_item_rows(table: Path) -> Iterator[Row]:
    rows = pl.read_csv(table).filter((pl.col("target") == "next basket") & (pl.col("order") != pl.col("against")))
    for row in rows.iter_rows(named=True):
        of = f"{row['order']} less {row['against']}, {row['population']}"
        yield _row("next item", of, row["difference"], row["difference_lower"], row["difference_upper"])


def _best_on_validation(models: ModelStore, phase: tuple[Algorithm, ...], run_date: date) -> str | None:
    scores = {}
    for algorithm in phase:
        if version := models.newest(f"{algorithm}{RANKER_SUFFIX}", date.min, run_date):
            metrics = models.metadata(version.name, version.run_date)["metrics"]
            scores[str(algorithm)] = metrics["validation"]["ndcg_at_10"]
    return max(sorted(scores), key=lambda name: scores[name], default=None)


def _row(target: str, of: str, value: float | None, lower: float | None = None, upper: float | None = None) -> Row:
    return {"target": target, "of": of, "value": value, "lower": lower, "upper": upper}
