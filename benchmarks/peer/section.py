"""The peer's part of the speed page: what was compared, ratios per stage and size, and a picture of the growth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from statistics import median

from matplotlib import figure as pictures

from benchmarks.pages import Figure, headline
from benchmarks.peer.ladder import CUSTOMERS, HISTORY_DAYS, REPETITIONS, Ladder, Rung, climb
from benchmarks.peer.sides import GIBIBYTE, STAGES, Cost, total
from metro_assets.config import PROFILES, today

PICTURE = "peer.png"
TARGET = 20
"""Times faster that the platform is meant to be at the largest size that the peer finishes."""


METHOD = """\
The day's work (features, candidates, scoring, selection with reasons and price tags) written a second time the way a
data team would first write it: pandas, SQLite, the same fitted rankers. What was chosen and why stands in
`benchmarks/peer/__init__.py`. Both sides start from the same source tables and end with their results on disk. The
platform's seconds are those of Dagster's steps, with their files, and of the blocking checks; the peer's are those of
its stages, with its tables written by `to_sql`, without checks. Fitting, start-up and the export to SQLite count on
neither side. The two ran in turn, their files read through just before."""
WHY = """\
What bounds the ratio: both sides spend the same seconds in LightGBM's `predict`; the peer is no strawman, it sums the
order lines inside SQLite and never holds them; and on few customers the platform's fixed cost of steps, checks and
files is most of its time. Where frames do the work (features) the platform is furthest ahead."""
ORDER = """\
*In another order* are rows of an equal order value: places of a slate with the same score, and ranks of
`repeat_purchase`, whose weight is a power that two libraries round differently in the last bit."""


def peer_section(folder: Path, customers: Sequence[int] = CUSTOMERS) -> str:
    """The Markdown of the section; its picture is written into the folder as `PICTURE`."""
    ladder = climb(today(), customers)
    if not ladder.rungs:
        return f"{ladder.end}\n"
    folder.mkdir(parents=True, exist_ok=True)
    draw(ladder).savefig(folder / PICTURE, dpi=120)
    return written(ladder)


def written(ladder: Ladder) -> str:
    """The section of a climbed ladder."""
    full, top = PROFILES["full"], ladder.rungs[-1]
    ratios = _ratios(top, total)
    figure = Figure(
        f"the day's work by pandas over SQLite, {top.customers:,} customers",
        f"{TARGET} x the platform's seconds or more",
        f"{_in_brackets(ratios)} x",
        median(ratios) >= TARGET,
    )
    parts = [
        headline([figure]),
        METHOD,
        f"Worlds of {full.products:,} products, {full.live_offers} live offers, {HISTORY_DAYS} days. Medians of "
        f"{REPETITIONS} repetitions where a peer's run is short, else the one run; in brackets the least and the most "
        "of the ratio over the repetitions.",
        _growth_table(ladder.rungs),
        f"{top.customers:,} customers is the largest size at which the peer was run to the end. {ladder.end}",
        WHY,
        f"![Seconds and memory of both by customers]({PICTURE})",
        "## By stage",
        _stage_table(ladder.rungs),
        "Scoring is the same `predict` on both sides: what differs is the way to the matrix and back.",
        "## Equality",
        "Checked at every size, column by column (numbers to 1e-6, text to the letter); a difference fails the "
        f"benchmark. At {top.customers:,} customers:",
        _equality_table(top),
        ORDER,
    ]
    return "\n\n".join(parts) + "\n"


def draw(ladder: Ladder) -> pictures.Figure:
    """Seconds and peak memory by customers, both axes logarithmic."""
    figure = pictures.Figure(figsize=(9, 3.5), layout="constrained")
    customers = [rung.customers for rung in ladder.rungs]
    panels: tuple[tuple[str, Callable[[Cost], float]], ...] = (
        ("seconds", lambda cost: cost.seconds),
        ("peak memory, GiB", lambda cost: cost.peak_bytes / GIBIBYTE),
    )
    for axes, (label, value) in zip(figure.subplots(1, 2), panels, strict=True):
        for name, sides in (
            ("pandas over SQLite", [rung.peer for rung in ladder.rungs]),
            ("platform", [rung.platform for rung in ladder.rungs]),
        ):
            runs = [[value(total(run)) for run in side] for side in sides]
            middle = [median(values) for values in runs]
            spread = [
                [at - min(values) for at, values in zip(middle, runs, strict=True)],
                [max(values) - at for at, values in zip(middle, runs, strict=True)],
            ]
            axes.errorbar(customers, middle, yerr=spread, marker="o", capsize=3, label=name)
        axes.set(xscale="log", yscale="log", xlabel="customers", ylabel=label)
        axes.set_xticks(customers, [f"{count:,}" for count in customers])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def _ratios(rung: Rung, of: Callable[[dict[str, Cost]], Cost]) -> list[float]:
    return [of(peer).seconds / of(own).seconds for own, peer in zip(rung.platform, rung.peer, strict=True)]


def _in_brackets(ratios: list[float]) -> str:
    spread = f" ({min(ratios):.1f} to {max(ratios):.1f})" if len(ratios) > 1 else " (one run)"
    return f"{median(ratios):.1f}{spread}"


def _growth_table(rungs: list[Rung]) -> str:
    lines = [
        "| customers | order lines | platform's seconds | peer's seconds | of these writing | platform's peak GiB "
        "| peer's peak GiB | ratio |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for rung in rungs:
        own, peer = ([total(run) for run in side] for side in (rung.platform, rung.peer))
        lines.append(
            f"| {rung.customers:,} | {rung.lines:,} | {median(cost.seconds for cost in own):.1f} "
            f"| {median(cost.seconds for cost in peer):.1f} | {median(cost.writing_seconds for cost in peer):.1f} "
            f"| {max(cost.peak_bytes for cost in own) / GIBIBYTE:.1f} "
            f"| {max(cost.peak_bytes for cost in peer) / GIBIBYTE:.1f} | {_in_brackets(_ratios(rung, total))} |"
        )
    return "\n".join(lines)


def _stage_table(rungs: list[Rung]) -> str:
    lines = [
        "| customers | stage | platform's seconds | peer's seconds | of these writing | ratio |",
        "|--:|---|--:|--:|--:|--:|",
    ]
    for rung in rungs:
        for stage in STAGES:
            own = median(run[stage].seconds for run in rung.platform)
            peer = median(run[stage].seconds for run in rung.peer)
            writing = median(run[stage].writing_seconds for run in rung.peer)
            ratios = _ratios(rung, itemgetter(stage))
            lines.append(
                f"| {rung.customers:,} | {stage} | {own:.1f} | {peer:.1f} | {writing:.1f} | {_in_brackets(ratios)} |"
            )
    return "\n".join(lines)


def _equality_table(rung: Rung) -> str:
    lines = ["| table | rows | columns | in another order |", "|---|--:|--:|--:|"]
    lines += [
        f"| {compared.table} | {compared.rows:,} | {compared.columns} | {compared.tied_rows:,} |"
        for compared in rung.compared
    ]
    return "\n".join(lines)
