"""Pages experiments: policies judged in closed loop, what each earned beside showing nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import polars as pl
from fastapi import APIRouter, Response

from metro_assets.dashboard.charts import Chart, Series, line_chart, row_chart
from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.experiment_reading import (
    ORACLE,
    Experiment,
    Figures,
    UnknownExperimentError,
    experiment,
    experiments,
    figures,
    over_days,
)
from metro_assets.dashboard.rendering import PageRoute, Visit, Visits
from metro_assets.storage.errors import WarehouseError

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Measure: TypeAlias = Literal["incremental_margin_ron", "incremental_revenue_ron", "incremental_redemptions"]
MEASURES: tuple[Measure, ...] = ("incremental_margin_ron", "incremental_revenue_ron", "incremental_redemptions")
COLUMNS = (
    "incremental_margin_ron",
    "incremental_revenue_ron",
    "incremental_redemptions",
    "added_margin_ron",
    "anyway_cost_ron",
    "regret_ron",
    "ndcg_at_10",
    "coverage",
    "gini",
    "seconds_per_day",
)
LIST_SCHEMA: dict[str, Any] = {
    "experiment": pl.String,
    "start": pl.Date,
    "days": pl.Int64,
    "policies": pl.String,
    "best_policy": pl.String,
    "incremental_margin_ron": pl.Float64,
    "finished_at": pl.Datetime("us"),
}
MARGIN_OVER = "margin_ron_minus:"
Table: TypeAlias = Literal["results", "days", "known_truth"]


@router.get("/experiments")
def show(visit: Visits, format: Literal["html", "csv"] = "html") -> Response:
    """The experiments that there are."""
    summaries = [_summary(one) for one in experiments(visit.desk)]
    if format == "csv":
        return csv_file("experiments", _table(summaries))
    return visit.page("experiments.html", experiments=summaries)


@router.get("/experiments/{name}")
def show_one(
    visit: Visits,
    name: str,
    measure: Measure = "incremental_margin_ron",
    table: Table = "results",
    format: Literal["html", "csv"] = "html",
) -> Response:
    """One experiment."""
    try:
        found = experiment(visit.desk, name)
    except UnknownExperimentError:
        return visit.page("experiment_unknown.html", 404, name=name)
    if not found.is_finished:
        return visit.page("experiment_unfinished.html", experiment=found)
    report = figures(found)
    days = over_days(visit.desk, found, measure)
    if format == "csv":
        files: dict[Table, pl.DataFrame] = {
            "results": report.results,
            "days": days.rename({"value": f"{measure}_since_start"}),
            "known_truth": report.known_truth,
        }
        return csv_file(f"experiment-{found.name}-{table}", files[table])
    dates = report.days["run_date"]
    return visit.page(
        "experiment.html",
        experiment=found,
        report=report,
        columns=COLUMNS,
        first_day=dates.min(),
        last_day=dates.max(),
        day_count=dates.n_unique(),
        seeds=int(report.results["seeds"].max() or 0),  # type: ignore[arg-type]
        best=_best(report),
        measure=measure,
        measures=MEASURES,
        margins=_margins(visit, report),
        over_time=_over_time(visit, report, days, measure),
        has_intervals=bool(days["lower"].is_not_null().any()),
        balance=_balance(visit, report),
        pairs=_pairs(report),
        show_figure=lambda metric, cell: _shown(visit, metric, cell),
    )


def _summary(found: Experiment) -> dict[str, Any]:
    """An experiment as a row of the list."""
    summary: dict[str, Any] = {"experiment": found, "best": None, "days": None, "policies": []}
    if not found.is_finished:
        return summary
    try:
        report = figures(found)
    except WarehouseError:
        return summary | {"is_damaged": True}
    return summary | {
        "best": _best(report),
        "days": report.days["run_date"].n_unique(),
        "policies": report.policies,
        "seeds": int(report.results["seeds"].max() or 0),  # type: ignore[arg-type]
    }


def _table(summaries: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """The list as a file."""
    rows = [
        {
            "experiment": one["experiment"].name,
            "start": one["experiment"].start,
            "days": one["days"],
            "policies": ", ".join(one["policies"]),
            "best_policy": (one["best"] or {}).get("policy"),
            "incremental_margin_ron": (one["best"] or {}).get("value"),
            "finished_at": one["experiment"].finished_at,
        }
        for one in summaries
    ]
    return pl.DataFrame(rows, schema=LIST_SCHEMA)


def _best(report: Figures) -> dict[str, Any] | None:
    """The margin of the best policy that a company could run."""
    able = [policy for policy in report.policies if policy != ORACLE]
    return report.cell(able[0], "incremental_margin_ron") if able else None


def _shown(visit: Visit, metric: str, cell: dict[str, Any] | None) -> tuple[str, str | None]:
    """A figure and its interval as text."""
    if cell is None:
        return visit.formats.number(None), None
    write = _writer(visit, metric)
    ends = (cell["lower"], cell["upper"])
    between = None if None in ends else f"{write(ends[0])} – {write(ends[1])}"
    return write(cell["value"]), between


def _writer(visit: Visit, metric: str) -> Callable[[float | None], str]:
    show_ = visit.formats
    if metric.endswith("_ron"):
        return lambda value: show_.ron(value, 0, signed=metric.startswith("incremental"))
    if metric == "coverage":
        return show_.share
    if metric in {"ndcg_at_10", "gini"}:
        return lambda value: show_.number(value, 3 if metric == "ndcg_at_10" else 2)
    return lambda value: show_.number(value, 1 if metric == "seconds_per_day" else 0)


def _margins(visit: Visit, report: Figures) -> Chart:
    cells = [report.cell(policy, "incremental_margin_ron") for policy in report.policies]
    series = Series(
        visit.say("experiments.incremental_margin_ron"),
        [one["value"] if one else None for one in cells],
        [(one["lower"], one["upper"]) if one else (None, None) for one in cells],
    )
    labels = [visit.word("algorithm", policy) for policy in report.policies]
    write = _writer(visit, "incremental_margin_ron")
    return row_chart(visit.say("experiments.margins"), labels, [series], write, height=60 + 30 * len(labels))


def _over_time(visit: Visit, report: Figures, days: pl.DataFrame, measure: str) -> Chart:
    dates = sorted(days["run_date"].unique())
    series = []
    for policy in report.policies:
        rows = days.filter(pl.col("policy") == policy).sort("run_date")
        ends = list(zip(rows["lower"], rows["upper"], strict=True))
        series.append(Series(visit.word("algorithm", policy), rows["value"].to_list(), ends))
    title = visit.say("experiments.over_time", measure=visit.say(f"experiments.{measure}"))
    labels = [visit.formats.day(day, "short") for day in dates]
    return line_chart(title, labels, series, _writer(visit, measure), height=420)


def _balance(visit: Visit, report: Figures) -> Chart:
    def values(metric: str, sign: int) -> list[float | None]:
        cells = [report.cell(policy, metric) for policy in report.policies]
        return [sign * one["value"] if one else None for one in cells]

    series = [
        Series(visit.say("experiments.added_margin_ron"), values("added_margin_ron", 1)),
        Series(visit.say("experiments.anyway_cost_ron"), values("anyway_cost_ron", -1)),
    ]
    labels = [visit.word("algorithm", policy) for policy in report.policies]
    write = _writer(visit, "incremental_margin_ron")
    return row_chart(visit.say("experiments.balance"), labels, series, write, height=60 + 44 * len(labels))


def _pairs(report: Figures) -> dict[tuple[str, str], dict[str, Any]]:
    """Margin of the one policy less that of the other."""
    rows = report.results.filter(pl.col("metric").str.starts_with(MARGIN_OVER) & pl.col("value").is_not_null())
    return {
        (row["policy"], row["metric"].removeprefix(MARGIN_OVER)): row
        for row in rows.iter_rows(named=True)
        if row["policy"] != row["metric"].removeprefix(MARGIN_OVER)
    }
