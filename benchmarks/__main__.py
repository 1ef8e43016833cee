"""`make bench`: a cold start and the next day at full size, stage by stage, and ratios against bare peers.

Writes the tables to docs/benchmarks.md and to the terminal.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.markdown import Markdown

from benchmarks.measured_run import MeasuredRun, metro
from benchmarks.ratios import REPETITIONS, Ratio, features_ratio, scoring_ratio
from benchmarks.stages import Stage, stages_of
from metro_assets.config import PROFILES, load_settings, today

PAGE = Path("docs/benchmarks.md")
LIBRARIES = ("duckdb", "polars", "numpy", "lightgbm", "scikit-learn", "dagster")
DAILY_FEATURES = ("customer_products", "customer_features", "offer_features")
GIBIBYTE = 2**30


def main(
    profile: Annotated[str, typer.Option(help=f"Size of the world: {', '.join(PROFILES)}.")] = "full",
    warehouse: Annotated[
        Path | None, typer.Option(help="Empty folder to fill and keep; default a temporary one.", file_okay=False)
    ] = None,
    output: Annotated[Path, typer.Option(help="Page to write.", dir_okay=False)] = PAGE,
) -> None:
    """Measure a cold start up to yesterday's recommendations, then today's run, and write the page."""
    root = warehouse or _temporary_folder()
    try:
        page = _measured(profile, root)
    finally:
        if warehouse is None:
            shutil.rmtree(root, ignore_errors=True)
    output.write_text(page, encoding="utf-8")
    console = Console()
    console.print(Markdown(page))
    console.print(f"wrote {output}", highlight=False)


def _temporary_folder() -> Path:
    """Beside the tables, for it takes gigabytes."""
    folder = load_settings().warehouse
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="bench-", dir=folder))


def _measured(profile: str, root: Path) -> str:
    run_date = today()
    first = run_date - timedelta(days=1)
    cold = metro("run", "--profile", profile, "--date", str(first), "--no-backtest", warehouse=root)
    cold_stages = stages_of(cold, root)
    following = metro("run", "--date", str(run_date), warehouse=root)
    next_stages = stages_of(following, root)
    settings = load_settings(root)
    seconds = {stage.name: stage.seconds for stage in next_stages if stage.job == "day"}
    of_pairs = sum(seconds[name] for name in (*DAILY_FEATURES, "interaction_features"))
    ratios = [
        scoring_ratio(settings, run_date),
        features_ratio(settings, run_date, sum(seconds[name] for name in DAILY_FEATURES), "features but for pairs"),
        features_ratio(settings, run_date, of_pairs, "features, pairs included"),
    ]
    sizes = settings.sizes
    return (
        "\n\n".join(
            [
                "# Speed",
                f"Profile `{profile}`: {sizes.customers:,} customers, {sizes.products:,} products, "
                f"{sizes.live_offers} live offers, {sizes.history_days} days. "
                f"Made by `make bench` on {run_date}, on {_machine()}.",
                "## Cold start",
                _summary(cold, "an empty warehouse to the first recommendations, the whole history made"),
                _stage_table(cold_stages),
                "## The next day",
                _summary(following, "yesterday's events and today's recommendations"),
                _stage_table(next_stages),
                "## Against bare peers",
                f"Same rows; medians of {REPETITIONS} repetitions, in brackets the least and the most of the ratio.",
                _ratio_table(ratios),
            ]
        )
        + "\n"
    )


def _summary(run: MeasuredRun, what: str) -> str:
    return (
        f"**{run.seconds:.0f} s** for {what}; {run.cpu_seconds:.0f} s of CPU time, "
        f"peak memory {run.peak_bytes / GIBIBYTE:.1f} GiB."
    )


def _stage_table(stages: Iterable[Stage]) -> str:
    lines = [
        "| job | stage | rows | seconds | rows per second | CPU seconds | peak GiB | MB written |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for stage in stages:
        rate = f"{stage.rows / max(stage.seconds, 1e-3):,.0f}" if stage.rows else ""
        lines.append(
            f"| {stage.job} | {stage.name} | {stage.rows:,} | {stage.seconds:.1f} | {rate} | {stage.cpu_seconds:.1f} "
            f"| {stage.peak_bytes / GIBIBYTE:.1f} | {stage.file_bytes / 1e6:,.1f} |"
        )
    return "\n".join(lines)


def _ratio_table(ratios: Iterable[Ratio]) -> str:
    lines = ["| what | rows | seconds | peer | peer's seconds | ratio |", "|---|--:|--:|---|--:|--:|"]
    lines += [
        f"| {ratio.name} | {ratio.rows:,} | {ratio.seconds:.1f} | {ratio.bare} | {ratio.bare_seconds:.1f} "
        f"| {ratio.ratio:.2f} ({ratio.spread[0]:.2f} to {ratio.spread[1]:.2f}) |"
        for ratio in ratios
    ]
    return "\n".join(lines)


def _machine() -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    memory = psutil.virtual_memory().total / GIBIBYTE
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, {python}, {versions}"


if __name__ == "__main__":
    typer.run(main)
