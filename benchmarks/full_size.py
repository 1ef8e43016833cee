"""The part `stages`: a cold start and the next day, stage by stage, and ratios against bare peers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from benchmarks.measured_run import MeasuredRun
from benchmarks.pages import GIBIBYTE, Figure, headline
from benchmarks.ratios import REPETITIONS, Ratio, features_ratio, scoring_ratio
from benchmarks.stages import Stage, stages_of
from benchmarks.worlds import cold_start, next_day, temporary_world
from metro_assets.config import Sizes, load_settings

DAILY_FEATURES = ("customer_products", "customer_features", "offer_features")
COLD_SECONDS, NEXT_SECONDS, PEAK_GIBIBYTES = 300, 60, 8
SCORING_RATIO, FEATURES_RATIO = 1.2, 2.0


def stages_section(sizes: Sizes, run_date: date) -> str:
    """Measures a cold start up to the day before, then the run date again and again; returns the page's Markdown."""
    with temporary_world() as folder:
        cold = cold_start(folder, sizes, run_date - timedelta(days=1))
        cold_stages = stages_of(cold, folder)
        following, following_stages = _repeated_next_day(folder, run_date)
        ratios = _ratios(folder, run_date, following_stages)
    seconds = [run.seconds for run in following]
    peak = max(run.peak_bytes for run in (cold, *following)) / GIBIBYTE
    scoring, _, features = ratios
    figures = [
        Figure(
            "cold start to the first recommendations",
            f"<= {COLD_SECONDS} s",
            f"{cold.seconds:.0f} s (once)",
            cold.seconds <= COLD_SECONDS,
        ),
        Figure("the next day", f"<= {NEXT_SECONDS} s", f"{spread(seconds, '.0f')} s", median(seconds) <= NEXT_SECONDS),
        Figure("peak memory", f"<= {PEAK_GIBIBYTES} GiB", f"{peak:.1f} GiB", peak <= PEAK_GIBIBYTES),
        Figure(
            "scoring over bare `Booster.predict`",
            f"<= {SCORING_RATIO}",
            _ratio(scoring),
            scoring.ratio <= SCORING_RATIO,
        ),
        Figure(
            "features over one bare aggregate",
            f"<= {FEATURES_RATIO:.0f}",
            _ratio(features),
            features.ratio <= FEATURES_RATIO,
        ),
    ]
    return "\n\n".join(
        [
            headline(figures),
            f"{sizes.customers:,} customers, {sizes.products:,} products, {sizes.live_offers} live offers, "
            f"{sizes.history_days} days.",
            "## Cold start",
            _summary([cold], "an empty warehouse to the first recommendations, the whole history made, once"),
            _stage_table([cold_stages]),
            "## The next day",
            _summary(following, f"yesterday's events and today's recommendations, {REPETITIONS} times over"),
            _stage_table(following_stages),
            "## Against bare peers",
            f"Same rows; medians of {REPETITIONS} repetitions, in brackets the least and the most of the ratio.",
            _ratio_table(ratios),
        ]
    )


def spread(values: Sequence[float], form: str) -> str:
    """The median, and in brackets the least and the most where there are several."""
    middle = format(median(values), form)
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} to {max(values):{form}})"


def _repeated_next_day(folder: Path, run_date: date) -> tuple[list[MeasuredRun], list[list[Stage]]]:
    runs = [next_day(folder, run_date) for _ in range(REPETITIONS)]
    return runs, [stages_of(run, folder) for run in runs]


def _ratios(folder: Path, run_date: date, repetitions: Sequence[Sequence[Stage]]) -> list[Ratio]:
    settings = load_settings(folder)
    seconds = {
        stages[0].name: median(stage.seconds for stage in stages)
        for stages in zip(*repetitions, strict=True)
        if stages[0].job == "day"
    }
    of_daily = sum(seconds[name] for name in DAILY_FEATURES)
    of_pairs = of_daily + seconds["interaction_features"]
    return [
        scoring_ratio(settings, run_date),
        features_ratio(settings, run_date, of_daily, "features but for pairs"),
        features_ratio(settings, run_date, of_pairs, "features, pairs included"),
    ]


def _summary(runs: Sequence[MeasuredRun], what: str) -> str:
    peak = max(run.peak_bytes for run in runs) / GIBIBYTE
    return (
        f"**{spread([run.seconds for run in runs], '.0f')} s** for {what}; "
        f"{spread([run.cpu_seconds for run in runs], '.0f')} s of CPU time, peak memory {peak:.1f} GiB. "
        f"Everything else took at most {max(run.others_share for run in runs):.0%} of the machine's CPU time meanwhile."
    )


def _stage_table(repetitions: Sequence[Sequence[Stage]]) -> str:
    lines = [
        "| job | stage | rows | seconds | rows per second | CPU seconds | peak GiB | MB written |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for stages in zip(*repetitions, strict=True):
        one, seconds = stages[0], [stage.seconds for stage in stages]
        rate = f"{one.rows / max(median(seconds), 1e-3):,.0f}" if one.rows else ""
        lines.append(
            f"| {one.job} | {one.name} | {one.rows:,} | {spread(seconds, '.1f')} | {rate} "
            f"| {median(stage.cpu_seconds for stage in stages):.1f} "
            f"| {max(stage.peak_bytes for stage in stages) / GIBIBYTE:.1f} | {one.file_bytes / 1e6:,.1f} |"
        )
    return "\n".join(lines)


def _ratio_table(ratios: Iterable[Ratio]) -> str:
    lines = ["| what | rows | seconds | peer | peer's seconds | ratio |", "|---|--:|--:|---|--:|--:|"]
    lines += [
        f"| {ratio.name} | {ratio.rows:,} | {ratio.seconds:.1f} | {ratio.bare} | {ratio.bare_seconds:.1f} "
        f"| {_ratio(ratio)} |"
        for ratio in ratios
    ]
    return "\n".join(lines)


def _ratio(ratio: Ratio) -> str:
    return f"{ratio.ratio:.2f} ({ratio.spread[0]:.2f} to {ratio.spread[1]:.2f})"
