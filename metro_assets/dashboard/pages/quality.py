"""Page quality: how good the orders were, against baselines and the ceiling, and who may be served by default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

import polars as pl
from fastapi import APIRouter, Query, Response

from metro_assets.dashboard.charts import Chart, Series, bar_chart, line_chart, row_chart
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.history import rows_of
from metro_assets.dashboard.quality_reading import TestWindow, test_window
from metro_assets.dashboard.rendering import PageRoute, Visit, Visits
from metro_assets.serving.queries import UnknownAlgorithmError, UnknownRunDateError
from metro_assets.vocabulary import RANKER_SUFFIX, Baseline

router = APIRouter(route_class=PageRoute, include_in_schema=False)
HISTORY_DATES, HALF_WIDTH = 60, 600
MetricName: TypeAlias = Literal["ndcg_at_10", "precision_at_10", "recall_at_10", "mrr", "auc_within_lists"]
METRICS: tuple[MetricName, ...] = ("ndcg_at_10", "precision_at_10", "recall_at_10", "mrr", "auc_within_lists")
SAME_FOR_ALL = {"SHOWN": ("precision_at_10", "recall_at_10")}
"""Metrics that cannot tell orders apart under a protocol: lists of ten with a cutoff of ten."""
OVER_REPEAT = "ndcg_at_10_minus:repeat_purchase"
RECALL = "pool_recall:"
Table: TypeAlias = Literal["metrics", "history", "segments", "calibration", "recall", "gates", "estimates"]


@router.get("/quality")
def show(
    visit: Visits,
    run_date: Annotated[date | None, Query(alias="date")] = None,
    algorithm: str = "",
    protocol: Literal["SHOWN", "POOL"] = "SHOWN",
    metric: MetricName = "ndcg_at_10",
    table: Table = "metrics",
    format: Literal["html", "csv"] = "html",
) -> Response:
    """The quality of a run date and how it went."""
    desk = visit.desk
    known = desk.warehouse.partitions("evaluation_metrics")
    if run_date is not None and run_date not in known and run_date not in desk.run_dates():
        there = ", ".join(map(str, known)) or "none"
        raise UnknownRunDateError(f"there is no evaluation of {run_date} (there is: {there}); make it: metro run")
    day = run_date or (known[-1] if known else None)
    if day is None:
        return visit.page("quality_empty.html")
    until = [one for one in known if one <= day][-HISTORY_DATES:]
    history = rows_of(desk, "evaluation_metrics", until)
    today = history.filter(pl.col("run_date") == day)
    window = test_window(desk, day)
    names = _algorithms(today, window)
    champion = _champion(desk, day)
    if algorithm and algorithm not in names:
        raise UnknownAlgorithmError(
            f"algorithm {algorithm!r} was not evaluated on {day}; choose one of {', '.join(names) or 'none'}"
        )
    chosen = algorithm or (champion if champion in names else (names[0] if names else ""))
    gates, estimates = rows_of(desk, "promotion_gates", [day]), rows_of(desk, "policy_estimates", [day])
    recall = today.filter(pl.col("metric").str.starts_with(RECALL))
    if format == "csv":
        nothing = pl.DataFrame()
        files: dict[Table, pl.DataFrame] = {
            "metrics": today,
            "history": history,
            "segments": window.segments if window else nothing,
            "calibration": window.reliability if window else nothing,
            "recall": recall,
            "gates": gates.with_columns(pl.col("objections").list.join("; ")),
            "estimates": estimates,
        }
        return csv_file(f"quality-{table}-{day}", files[table])
    judged = today.filter((pl.col("protocol") == protocol) & (pl.col("population") == "REDEEMERS"))
    return visit.page(
        "quality.html",
        day=day,
        run_dates=known[::-1],
        names=names,
        chosen=chosen,
        champion=champion,
        protocol=protocol,
        metric=metric,
        metrics=METRICS,
        same_for_all=SAME_FOR_ALL.get(protocol, ()),
        has_pool=bool((today["protocol"] == "POOL").any()),
        rows=_by_algorithm(judged, metric),
        about=judged.row(0, named=True) if len(judged) else None,
        headline=_headline(judged, chosen),
        levels=_levels(visit, judged, metric),
        over_time=_over_time(visit, history, protocol, metric, names),
        differences=_differences(visit, judged),
        calibration=_calibration(visit, window, chosen),
        window=window,
        model_errors={name: _error_of_model(desk, name, day) for name in names},
        served=today.filter(
            (pl.col("population") == "SHOWN") & pl.col("metric").is_in(["ece", "predicted_over_observed"])
        ).to_dicts(),
        recall=_recall(visit, recall),
        segments=_segments(visit, window),
        gates=gates.sort(["is_passed", "difference"], descending=[True, True], nulls_last=True).to_dicts(),
        estimates=estimates.sort("algorithm", "estimator").to_dicts(),
    )


def _algorithms(today: pl.DataFrame, window: TestWindow | None) -> list[str]:
    """What was fitted, without the baselines."""
    baselines = {str(one) for one in Baseline}
    found = set(today.filter(~pl.col("metric").str.starts_with(RECALL))["algorithm"].drop_nulls().unique())
    return sorted((found | set(window.calibration_error if window else ())) - baselines)


def _champion(desk: Desk, day: date) -> str:
    champion = desk.models.champion_at(day)
    return champion.version.name.removesuffix(RANKER_SUFFIX) if champion else ""


def _by_algorithm(judged: pl.DataFrame, metric: str) -> list[dict[str, Any]]:
    """One entry per algorithm and baseline with its metrics by name, best first."""
    found: dict[str, dict[str, Any]] = {}
    for row in judged.iter_rows(named=True):
        found.setdefault(row["algorithm"], {})[row["metric"]] = row
    baselines = {str(one) for one in Baseline}

    def value(name: str) -> float:
        cell = found[name].get(metric)
        return cell["value"] if cell and cell["value"] is not None else float("-inf")

    return [
        {"algorithm": name, "is_baseline": name in baselines, "metrics": found[name]}
        for name in sorted(
            (name for name in found if "ndcg_at_10" in found[name]), key=lambda name: (-value(name), name)
        )
    ]


def _headline(judged: pl.DataFrame, chosen: str) -> dict[str, Any]:
    """Of the chosen algorithm: NDCG, its difference to repeat purchase, and the way from random to the oracle."""

    def cell(algorithm: str, metric: str) -> dict[str, Any] | None:
        found = judged.filter((pl.col("algorithm") == algorithm) & (pl.col("metric") == metric))
        return found.row(0, named=True) if len(found) else None

    ours, random, oracle = (cell(name, "ndcg_at_10") for name in (chosen, Baseline.RANDOM, Baseline.ORACLE))
    way = None
    if ours and random and oracle and None not in (ours["value"], random["value"], oracle["value"]):
        span = oracle["value"] - random["value"]
        way = (ours["value"] - random["value"]) / span if span > 0 else None
    return {"ndcg": ours, "over_repeat": cell(chosen, OVER_REPEAT), "way_to_oracle": way}


def _levels(visit: Visit, judged: pl.DataFrame, metric: str) -> Chart | None:
    rows = judged.filter((pl.col("metric") == metric) & pl.col("value").is_not_null()).sort(
        ["value", "algorithm"], descending=[True, False]
    )
    if rows.is_empty():
        return None
    title = visit.say("quality.levels", metric=visit.word("metric", metric))
    labels = [visit.word("algorithm", name) for name in rows["algorithm"]]
    series = [Series(visit.word("metric", metric), rows["value"].to_list(), _intervals(rows))]
    return row_chart(title, labels, series, _decimals(visit, 3), height=60 + 28 * len(labels))


def _over_time(visit: Visit, history: pl.DataFrame, protocol: str, metric: str, names: Sequence[str]) -> Chart | None:
    rows = history.filter(
        (pl.col("protocol") == protocol) & (pl.col("population") == "REDEEMERS") & (pl.col("metric") == metric)
    )
    dates = sorted(rows["run_date"].unique())
    if len(dates) < 2:
        return None
    lines = [*names, *(str(one) for one in Baseline)]
    series = []
    for name in lines:
        of_line = {row["run_date"]: row for row in rows.filter(pl.col("algorithm") == name).iter_rows(named=True)}
        if of_line:
            values = [of_line[day]["value"] if day in of_line else None for day in dates]
            ends = [(of_line[day]["lower"], of_line[day]["upper"]) if day in of_line else (None, None) for day in dates]
            series.append(Series(visit.word("algorithm", name), values, ends))
    title = visit.say("quality.over_time", metric=visit.word("metric", metric))
    labels = [visit.formats.day(day, "short") for day in dates]
    return line_chart(title, labels, series, _decimals(visit, 3), height=380)


def _differences(visit: Visit, judged: pl.DataFrame) -> Chart | None:
    rows = judged.filter((pl.col("metric") == OVER_REPEAT) & pl.col("value").is_not_null()).sort(
        ["value", "algorithm"], descending=[True, False]
    )
    if rows.is_empty():
        return None

    def signed(value: float | None) -> str:
        return visit.formats.signed(value, 3)

    labels = [visit.word("algorithm", name) for name in rows["algorithm"]]
    series = [Series(visit.word("metric", OVER_REPEAT), rows["value"].to_list(), _intervals(rows))]
    return row_chart(visit.say("quality.differences"), labels, series, signed, height=60 + 28 * len(labels))


def _calibration(visit: Visit, window: TestWindow | None, chosen: str) -> Chart | None:
    if window is None:
        return None
    rows = window.reliability.filter(pl.col("algorithm") == chosen)
    if rows.is_empty():
        return None
    show_ = visit.formats

    def share(value: float | None) -> str:
        return show_.share(value, 1)

    title = visit.say("quality.reliability", algorithm=visit.word("algorithm", chosen))
    series = [
        Series(visit.say("quality.predicted"), rows["predicted"].to_list()),
        Series(visit.say("quality.observed"), rows["observed"].to_list()),
    ]
    labels = [show_.number(place) for place in rows["bin"]]
    return bar_chart(title, labels, series, share, width=HALF_WIDTH)


def _error_of_model(desk: Desk, algorithm: str, day: date) -> float | None:
    """Calibration error of a model's test window as recorded with it, at the places as shown."""
    name = f"{algorithm}{RANKER_SUFFIX}"
    if not desk.models.exists(name, day):
        return None
    found = (desk.models.metadata(name, day).get("metrics") or {}).get("test") or {}
    return found.get("ece")


def _recall(visit: Visit, rows: pl.DataFrame) -> Chart | None:
    rows = rows.filter(pl.col("value").is_not_null()).sort(["value", "metric"], descending=[True, False])
    if rows.is_empty():
        return None
    codes = [name.removeprefix(RECALL) for name in rows["metric"]]
    labels = [visit.say("quality.whole_pool") if code == "pool" else visit.word("strategy", code) for code in codes]

    def share(value: float | None) -> str:
        return visit.formats.share(value, 1)

    series = [Series(visit.word("metric", "pool_recall"), rows["value"].to_list())]
    return row_chart(visit.say("quality.recall"), labels, series, share, height=60 + 28 * len(labels), width=HALF_WIDTH)


def _segments(visit: Visit, window: TestWindow | None) -> Chart | None:
    if window is None or window.segments.is_empty():
        return None
    rows = window.segments
    segments = sorted(rows["segment"].unique())
    cells = {(row["segment"], row["algorithm"]): row for row in rows.iter_rows(named=True)}
    series = []
    for name in sorted(rows["algorithm"].unique()):
        found = [cells.get((segment, name)) for segment in segments]
        series.append(
            Series(
                visit.word("algorithm", name),
                [one["ndcg_at_10"] if one else None for one in found],
                [(one["lower"], one["upper"]) if one else (None, None) for one in found],
            )
        )
    counts = {row["segment"]: row["customer_count"] for row in rows.iter_rows(named=True)}
    labels = [
        visit.say("quality.segment_of", segment=visit.word("segment", one), count=visit.formats.number(counts[one]))
        for one in segments
    ]
    return bar_chart(visit.say("quality.by_segment"), labels, series, _decimals(visit, 3), height=360)


def _intervals(rows: pl.DataFrame) -> list[tuple[float | None, float | None]]:
    return list(zip(rows["lower"], rows["upper"], strict=True))


def _decimals(visit: Visit, decimals: int) -> Callable[[float | None], str]:
    def number(value: float | None) -> str:
        return visit.formats.number(value, decimals)

    return number
