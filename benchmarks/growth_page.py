"""The page and the picture of the part `growth`, from its measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import median

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.fits import Interval, exponent, last_step, line
from benchmarks.pages import GIBIBYTE, Figure, headline
from metro_assets.config import Sizes

CUSTOMERS, HISTORY = "customers", "history_days"
WHOLE, REST = "whole", "start, checks, between steps"
COLD, NEXT = "cold start", "next day"
UNITS = {CUSTOMERS: (1_000, "1,000 customers"), HISTORY: (100, "100 days")}
SHORTEST_FITTED_SECONDS = 0.5
"""A stage that is shorter at every size is all noise: its seconds are shown, no fit."""
LINEAR = 1.05
"""Exponent up to which growth counts as linear: twice the size takes 2.07 times the time."""
FLAT_SHARE = 0.05
"""Growth over the whole axis that still counts as none."""
NOTED_SECONDS = 0.2
"""Growth of a stage over the whole axis from which it is named."""
DRAWN_STAGES = 5
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
"""Okabe and Ito's, told apart by the colour-blind; the markers differ as well."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Series:
    """Repetitions of a stage, or of the whole, at every size of an axis."""

    job: str
    stage: str
    sizes: list[int]
    seconds: list[list[float]]
    cpu_seconds: list[list[float]]
    peak_bytes: list[list[int]]

    @property
    def medians(self) -> list[float]:
        """Median seconds at every size."""
        return [median(one) for one in self.seconds]

    @property
    def is_faster_than_linear(self) -> bool:
        """Whether even the least of the last step is above linear growth, in a stage of a second or more."""
        return self.medians[-1] >= 1 and last_step(self.seconds).least > (self.sizes[-1] / self.sizes[-2]) ** LINEAR

    @property
    def growth(self) -> Interval:
        """Seconds at the largest size over those at the smallest."""
        return last_step([self.seconds[0], self.seconds[-1]])


def growth_page(measurements: pl.DataFrame, base: Sizes) -> str:
    """Headline, picture, and per axis the whole runs and the stages."""
    fixed = f"{base.products:,} products, {base.live_offers} live offers"
    return "\n\n".join(
        [
            headline(_headline(measurements)),
            "![Seconds against customers and against days of history, both axes logarithmic](growth.png)",
            _HOW,
            _quietness(measurements),
            "## Against customers",
            f"{fixed}, {base.history_days} days of history.",
            *_axis(measurements, CUSTOMERS),
            "## Against the length of the history",
            f"{fixed}, {base.customers:,} customers.",
            *_axis(measurements, HISTORY),
        ]
    )


def _quietness(measurements: pl.DataFrame) -> str:
    shares = measurements.filter(pl.col("stage") == WHOLE)["others_share"].to_list()
    return (
        f"While a run was measured, everything else took {median(shares):.0%} of the machine's CPU time in the median, "
        f"{max(shares):.0%} at the most."
    )


def series(measurements: pl.DataFrame, axis: str, run: str) -> list[Series]:
    """The whole run first, then its stages in the order in which they ran."""
    rows = measurements.filter(pl.col("axis") == axis, pl.col("run") == run)
    sizes = sorted(rows["size"].unique())
    found = []
    for (job, stage), group in rows.group_by("job", "stage", maintain_order=True):
        values = {
            name: [group.filter(pl.col("size") == size)[name].to_list() for size in sizes]
            for name in ("seconds", "cpu_seconds", "peak_bytes")
        }
        found.append(Series(str(job), str(stage), sizes, **values))
    return found


def draw_growth(measurements: pl.DataFrame) -> Picture:
    """Seconds against size, a panel per axis, both scales logarithmic; a dotted guide is what twice for twice looks
    like."""
    picture = Picture(figsize=(13, 6), layout="constrained", facecolor="white")
    panels = picture.subplots(1, 2, sharey=True)
    names = {CUSTOMERS: "customers", HISTORY: "days of history"}
    longest = _longest(series(measurements, CUSTOMERS, NEXT))
    for axes, (axis, name) in zip(panels, names.items(), strict=True):
        _draw_axis(axes, measurements, axis, longest)
        axes.set_xlabel(f"{name} (logarithmic)")
    panels[0].set_ylabel("seconds (logarithmic)")
    panels[0].set_title("against customers")
    panels[1].set_title("against the length of the history")
    panels[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=10)
    return picture


def _draw_axis(axes: Axes, measurements: pl.DataFrame, axis: str, longest: Sequence[tuple[str, str]]) -> None:
    cold, following = series(measurements, axis, COLD)[0], series(measurements, axis, NEXT)
    drawn = [("cold start", cold), ("next day", following[0])]
    steps = {(one.job, one.stage): one for one in following}
    drawn += [(f"    {stage}", steps[job, stage]) for job, stage in longest]
    for place, ((label, one), colour, marker) in enumerate(zip(drawn, cycle(COLOURS), cycle(MARKERS))):
        middle = one.medians
        errors = [
            [value - min(repetitions) for value, repetitions in zip(middle, one.seconds, strict=True)],
            [max(repetitions) - value for value, repetitions in zip(middle, one.seconds, strict=True)],
        ]
        axes.errorbar(
            one.sizes,
            middle,
            yerr=errors,
            color=colour,
            marker=marker,
            capsize=3,
            linewidth=2.2 if place < 2 else 1.3,
            linestyle="-" if place < 2 else "--",
            label=label,
        )
    guide = [cold.medians[0] * size / cold.sizes[0] for size in cold.sizes]
    axes.plot(cold.sizes, guide, color="#999999", linestyle=":", linewidth=1.5, label="twice for twice the size")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(cold.sizes, [f"{size:,}" for size in cold.sizes])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="major", color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)


def _longest(found: Sequence[Series]) -> list[tuple[str, str]]:
    stages = [one for one in found if one.stage not in {WHOLE, REST}]
    return [(one.job, one.stage) for one in sorted(stages, key=lambda one: -one.medians[-1])[:DRAWN_STAGES]]


def _headline(measurements: pl.DataFrame) -> list[Figure]:
    by_customers, by_days = (series(measurements, axis, NEXT)[0] for axis in (CUSTOMERS, HISTORY))
    cold_by_customers, cold_by_days = (series(measurements, axis, COLD)[0] for axis in (CUSTOMERS, HISTORY))
    fitted = line([size / 1_000 for size in by_customers.sizes], by_customers.seconds)
    growth = by_days.growth
    span = f"{by_days.sizes[0]} to {by_days.sizes[-1]} days"
    peaks = [max(one) / GIBIBYTE for one in by_days.peak_bytes]
    rate = f"{fitted.startup.value:z.1f} s + {fitted.rate.value:z.2f} s per 1,000 customers"
    return [
        _exponent_figure("next day against customers", by_customers),
        Figure("next day, start-up and rate", "", rate, None),
        Figure(
            f"next day against history, {span}",
            f"<= {1 + FLAT_SHARE:z.2f} times",
            f"{_interval(growth, 'z.2f')} times",
            growth.value <= 1 + FLAT_SHARE,
        ),
        Figure(
            f"next day's peak memory against history, {span}",
            f"<= {1 + FLAT_SHARE:z.2f} times",
            f"{peaks[-1] / peaks[0]:z.2f} times",
            peaks[-1] / peaks[0] <= 1 + FLAT_SHARE,
        ),
        _exponent_figure("cold start against customers", cold_by_customers),
        _exponent_figure("cold start against history", cold_by_days),
    ]


def _exponent_figure(what: str, one: Series) -> Figure:
    power = exponent(one.sizes, one.seconds)
    return Figure(f"{what}: exponent", f"<= {LINEAR}", _interval(power, "z.2f"), power.value <= LINEAR)


def _axis(measurements: pl.DataFrame, axis: str) -> list[str]:
    return [
        _whole_table(measurements, axis),
        *(_fit_sentence(series(measurements, axis, run)[0], run, axis) for run in (NEXT, COLD)),
        "### The next day's stages",
        _stage_table(series(measurements, axis, NEXT), axis),
        _verdict(series(measurements, axis, NEXT), NEXT, axis),
        "### The cold start's stages",
        _stage_table(series(measurements, axis, COLD), axis),
        _verdict(series(measurements, axis, COLD), COLD, axis),
    ]


def _whole_table(measurements: pl.DataFrame, axis: str) -> str:
    following, cold = (series(measurements, axis, run)[0] for run in (NEXT, COLD))
    name = {CUSTOMERS: "customers", HISTORY: "days"}[axis]
    lines = [
        f"| {name} | next day, s | CPU s | peak GiB | cold start, s | CPU s | peak GiB |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for place, size in enumerate(following.sizes):
        cells = [
            cell
            for one in (following, cold)
            for cell in (
                _spread(one.seconds[place]),
                _spread(one.cpu_seconds[place]),
                f"{max(one.peak_bytes[place]) / GIBIBYTE:z.2f}",
            )
        ]
        lines.append(f"| {size:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _fit_sentence(whole: Series, run: str, axis: str) -> str:
    unit, per = UNITS[axis]
    sizes = [size / unit for size in whole.sizes]
    wall, cpu = line(sizes, whole.seconds), line(sizes, whole.cpu_seconds)
    return (
        f"The {run}: exponent {_interval(exponent(whole.sizes, whole.seconds), 'z.2f')}, of CPU seconds "
        f"{_interval(exponent(whole.sizes, whole.cpu_seconds), 'z.2f')}; "
        f"**{_interval(wall.startup, 'z.1f')} s + {_interval(wall.rate, 'z.2f')} s per {per}**, which misses no size "
        f"by more than {wall.worst_share:.0%}; of CPU {cpu.startup.value:z.1f} s + {cpu.rate.value:z.2f} s per {per}."
    )


def _stage_table(found: Sequence[Series], axis: str) -> str:
    unit, per = UNITS[axis]
    sizes = found[0].sizes
    columns = [f"{size:,}" for size in sizes]
    lines = [
        f"| job | stage | {' | '.join(columns)} | CPU s at {columns[-1]} | peak GiB "
        f"| exponent | start-up s | s per {per} | x at the last step |",
        f"|---|---|{'--:|' * (len(columns) + 6)}",
    ]
    for one in found:
        seconds = " | ".join(f"{value:z.1f}" for value in one.medians)
        cpu, peak = median(one.cpu_seconds[-1]), max(one.peak_bytes[-1]) / GIBIBYTE
        cells = [one.job, one.stage, seconds, f"{cpu:z.1f}", f"{peak:z.1f}" if peak else "", *_fit_cells(one, unit)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _fit_cells(one: Series, unit: int) -> list[str]:
    if max(one.medians) < SHORTEST_FITTED_SECONDS:
        return ["", "", "", ""]
    fitted = line([size / unit for size in one.sizes], one.seconds)
    return [
        _interval(exponent(one.sizes, one.seconds), "z.2f"),
        f"{fitted.startup.value:z.1f}",
        f"{fitted.rate.value:z.2f}",
        _interval(last_step(one.seconds), "z.2f"),
    ]


def _verdict(found: Sequence[Series], run: str, axis: str) -> str:
    """Which stages break what is expected: no growth of the next day with history, else no more than linear growth."""
    if (axis, run) == (HISTORY, NEXT):
        grown = [
            f"{one.stage} (+{one.medians[-1] - one.medians[0]:z.1f} s, {_interval(one.growth, 'z.2f')} times)"
            for one in found
            if one.growth.least > 1 + FLAT_SHARE and one.medians[-1] - one.medians[0] >= NOTED_SECONDS
        ]
        span = f"from {found[0].sizes[0]} to {found[0].sizes[-1]} days"
        return f"What grows {span}: {', '.join(grown) or 'nothing'}."
    fast = []
    for one in found:
        if one.is_faster_than_linear:
            wall, cpu = last_step(one.seconds), last_step(one.cpu_seconds)
            fast.append(f"{one.stage} ({_interval(wall, 'z.2f')} times, of CPU {cpu.value:.2f})")
    step = f"from {found[0].sizes[-2]:,} to {found[0].sizes[-1]:,}"
    return f"Faster than linear {step}, of the stages of a second or more: {', '.join(fast) or 'none'}."


def _spread(values: Sequence[float]) -> str:
    middle = f"{median(values):z.1f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):z.1f} to {max(values):z.1f})"


def _interval(interval: Interval, form: str) -> str:
    if interval.least == interval.most:
        return format(interval.value, form)
    return f"{interval.value:{form}} ({interval.least:{form}} to {interval.most:{form}})"


_HOW = """A point is the median of the repetitions, its bar their least and most. Every world is a cold start of its own
(`metro run` in a process of its own, once) and then the same next day again and again: the events of the day before
are removed, ingested anew and everything derived for the date is made anew. Seconds of a stage are Dagster's, the
whole is the process from start to end, memory is the resident memory of its process tree, sampled five times a
second. All figures, repetition by repetition: [growth.csv](growth.csv).

The *exponent* is the slope of the seconds in logarithms: 1 is linear, below 1 a start-up still weighs, above 1 is
faster than linear. Since a start-up bends a power, *start-up + rate* is fitted as well, by least squares on relative
misses. Both take the medians; in brackets is what they become at the least and at the most if any one repetition
stands for its size. They show the noise of the clock, not that of another machine or world. A cold start is measured
once, so it has no brackets. A stage below half a second at every size has no fit.

Two jumps are not growth. A fit stops at a number of trees of its own, so `scored_candidates` may take half as long
again for as many candidates on another date or in another world. And one process remembers the offers of 512 days: a
longer cold start makes them once for the events and once more for `state_of_the_date`, 45 ms a day."""
