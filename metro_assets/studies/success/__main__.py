"""`python -m metro_assets.studies.success --output DIR`: worlds of several seeds, each run by `metro`, one table."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from scipy.stats import t

from metro_assets.config import load_settings
from metro_assets.storage.tables import Warehouse
from metro_assets.studies.success.facts import facts

FIRST_SEED = 42
LEVEL = 0.95


def main(
    worlds: Annotated[Path, typer.Option(help="Folder for the worlds; one that is there already is not run again.")],
    run_date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Run date of every world.")],
    output: Annotated[Path, typer.Option(help="Folder for the tables.")] = Path("docs/success"),
    profile: Annotated[str, typer.Option(help="Size of the worlds.")] = "demo",
    seeds: Annotated[int, typer.Option(min=1, help="How many worlds.")] = 5,
) -> None:
    """Measure the targets of phase 2 on worlds that differ in nothing but their seed."""
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
    with pl.Config(tbl_rows=-1, fmt_str_lengths=60):
        typer.echo(over_seeds(by_seed))


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
    command = [str(Path(sys.executable).with_name("metro")), "run", "--profile", profile, "--seed", str(seed)]
    dated = ["--date", f"{run_date:%Y-%m-%d}", "--warehouse", str(warehouse), "--no-backtest"]
    subprocess.run(  # noqa: S603
        [*command, *dated],
        env=os.environ | {"DAGSTER_HOME": str(warehouse.resolve() / "dagster")},
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    typer.run(main)
