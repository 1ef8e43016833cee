"""`python -m metro_assets.studies.success --output DIR`: worlds of several seeds, each run by `metro`, one table."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from scipy.stats import t

from metro_assets.config import load_settings
from metro_assets.experiments.report import FIGURES
from metro_assets.storage.tables import Warehouse
from metro_assets.studies.complete_journey.__main__ import Part
from metro_assets.studies.complete_journey.__main__ import main as measure_journey
from metro_assets.studies.success.facts import facts, journey_facts, twin_facts
from metro_assets.vocabulary import Algorithm

FIRST_SEED = 42
EXPERIMENT = "success"
PLAYED = (Algorithm.LOGISTIC, Algorithm.BOOSTED_TREES, Algorithm.WIDE_DEEP, Algorithm.UPLIFT, Algorithm.THOMPSON)
JOURNEY_PARTS = (Part.PHASE_2, Part.NEXT_ITEMS)
LEVEL = 0.95


def main(
    worlds: Annotated[Path, typer.Option(help="Folder for the worlds; one that is there already is not run again.")],
    run_date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Run date of every world.")],
    output: Annotated[Path, typer.Option(help="Folder for the tables.")] = Path("docs/success"),
    profile: Annotated[str, typer.Option(help="Size of the worlds.")] = "demo",
    seeds: Annotated[int, typer.Option(min=1, help="How many worlds.")] = 5,
    twin_days: Annotated[int, typer.Option(min=0, help="Days that policies play on the worlds; 0 leaves it out.")] = 28,
    experiment: Annotated[
        Path | None,
        typer.Option(help="Folder of that experiment; a finished one is not played again.", file_okay=False),
    ] = None,
    journey: Annotated[
        Path | None, typer.Option(help="Complete Journey as its converter wrote it; without it, it is left out.")
    ] = None,
    journey_tables: Annotated[
        Path, typer.Option(help="Folder for its tables; those that are there already are not measured again.")
    ] = Path("docs/complete-journey"),
) -> None:
    """Measure the targets of phase 2 on worlds that differ in nothing but their seed, and on Complete Journey."""
    output.mkdir(parents=True, exist_ok=True)
    parts = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        warehouse = worlds / f"{profile}-{seed}"
        settings = load_settings(warehouse, seed=seed, profile=profile)
        if run_date.date() not in Warehouse(warehouse, settings.engine).partitions("published_recommendations"):
            _run(warehouse, run_date, profile, seed)
            settings = load_settings(warehouse)
        parts.append(facts(settings, run_date.date(), output / f"next_item_{seed}.csv").with_columns(seed=pl.lit(seed)))
        # After every world, so that a study that is stopped has written what it knows.
        by_seed = pl.concat(parts)
        by_seed.write_csv(output / "by_seed.csv", float_precision=4)
        over_seeds(by_seed).write_csv(output / "over_seeds.csv", float_precision=4)
    table = over_seeds(by_seed)
    if twin_days:
        played = experiment or worlds / f"{profile}-{FIRST_SEED}" / "experiments" / EXPERIMENT
        if not (played / f"{FIGURES}.parquet").exists():
            _play(played, run_date, twin_days, profile, seeds)
        table = pl.concat([table, twin_facts(played)])
        table.write_csv(output / "over_seeds.csv", float_precision=4)
    with pl.Config(tbl_rows=-1, fmt_str_lengths=60):
        typer.echo(table)
    if journey:
        missing = [part for part in JOURNEY_PARTS if not (journey_tables / f"{part}.csv").exists()]
        if missing:
            measure_journey(journey, journey_tables, missing)
        journey_facts(journey_tables).write_csv(output / "journey.csv", float_precision=4)


def over_seeds(by_seed: pl.DataFrame) -> pl.DataFrame:
    """One row per target and subject: mean over the worlds with its 95 % interval (Student's t), least and most."""
    rows = (
        by_seed.drop_nulls("value")
        .group_by("target", "of", maintain_order=True)
        .agg(
            worlds=pl.len(),
            mean=pl.col("value").mean(),
            error=pl.col("value").std() / pl.len().sqrt(),
            least=pl.col("value").min(),
            most=pl.col("value").max(),
        )
    )
    quantile = pl.Series(t.ppf((1 + LEVEL) / 2, (rows["worlds"] - 1).to_numpy())).fill_nan(None)
    return rows.with_columns(
        lower=pl.col("mean") - quantile * pl.col("error"), upper=pl.col("mean") + quantile * pl.col("error")
    ).drop("error")


def _run(warehouse: Path, run_date: datetime, profile: str, seed: int) -> None:
    """The day of a world in a process of its own: a pipeline is bound to one warehouse when it is loaded."""
    typer.echo(f"running the world of seed {seed} in {warehouse}")
    dated = ["--date", f"{run_date:%Y-%m-%d}", "--no-backtest"]
    _metro(warehouse, "run", "--profile", profile, "--seed", str(seed), *dated)


def _play(folder: Path, run_date: datetime, days: int, profile: str, seeds: int) -> None:
    """The days up to the run date on all worlds: what every policy would have earned (docs/experiments.md)."""
    typer.echo(f"playing {days} days on {seeds} worlds in {folder}; the same command goes on after a stop")
    start = run_date - timedelta(days=days - 1)
    world = ["--profile", profile, "--seeds", str(seeds), "--start", f"{start:%Y-%m-%d}", "--days", str(days)]
    _metro(folder.parent.parent, "experiment", "--policies", ",".join(PLAYED), *world, "--name", folder.name)


def _metro(warehouse: Path, *words: str) -> None:
    subprocess.run(  # noqa: S603
        [str(Path(sys.executable).with_name("metro")), *words, "--warehouse", str(warehouse)],
        env=os.environ | {"DAGSTER_HOME": str(warehouse.resolve() / "dagster")},
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    typer.run(main)
