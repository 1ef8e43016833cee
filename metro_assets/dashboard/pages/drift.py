"""Page drift: how far the inputs, the score and the redemptions of a run date have moved from what was learned."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

import polars as pl
from fastapi import APIRouter, Query, Response

from metro_assets.dashboard.charts import Chart, Series, bar_chart, line_chart
from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.history import rows_of
from metro_assets.dashboard.rendering import PageRoute, Visit, Visits
from metro_assets.serving.queries import UnknownRunDateError
from metro_assets.vocabulary import Severity

router = APIRouter(route_class=PageRoute, include_in_schema=False)
HISTORY_DATES, MATRIX_DATES = 60, 10
"""Run dates of the line, and of the table over time."""
SIGNIFICANT_DIGITS, HALF_WIDTH = 3, 600
TONES = {Severity.STABLE: "good", Severity.MODERATE: "warn", Severity.SIGNIFICANT: "bad"}
NUMBER = r"-?[\d.]+(?:e[+-]?\d+)?"
BINS = {
    "bin_up_to": re.compile(rf"up to (?P<high>{NUMBER})"),
    "bin_between": re.compile(rf"(?P<low>{NUMBER}) to (?P<high>{NUMBER})"),
    "bin_above": re.compile(rf"above (?P<low>{NUMBER})"),
    "bin_missing": re.compile("missing"),
    "bin_unseen": re.compile("unseen"),
}
"""How `drift_log` writes its bins, by the text that says the same."""
Table: TypeAlias = Literal["quantities", "bins", "history"]


@router.get("/drift")
def show(
    visit: Visits,
    run_date: Annotated[date | None, Query(alias="date")] = None,
    quantity: str = "",
    table: Table = "quantities",
    format: Literal["html", "csv"] = "html",
) -> Response:
    """The drift of a run date, worst first, and the bins of one quantity."""
    desk = visit.desk
    known = desk.warehouse.partitions("drift_log")
    if run_date is not None and run_date not in known and run_date not in desk.run_dates():
        raise UnknownRunDateError(f"there is no drift of {run_date} (there is: {', '.join(map(str, known)) or 'none'})")
    day = run_date or (known[-1] if known else None)
    until = [one for one in known if day is None or one <= day][-HISTORY_DATES:]
    history = rows_of(desk, "drift_log", until).sort("run_date", "quantity")
    today = history.filter(pl.col("run_date") == pl.lit(day, pl.Date)).sort(
        ["psi", "quantity"], descending=[True, False]
    )
    names = today["quantity"].to_list()
    chosen = quantity if quantity in names else (names[0] if names else "")
    shown = today.filter(pl.col("quantity") == chosen)
    if format == "csv":
        files = {"quantities": today, "bins": shown, "history": history}
        return csv_file(f"drift-{table}-{day}", _flat(files[table]) if table != "bins" else _bins(shown))
    monitoring = desk.settings.monitoring
    return visit.page(
        "drift.html",
        day=day,
        run_dates=known[::-1],
        rows=today.to_dicts(),
        worst=float(today["psi"].max() or 0) if len(today) else 0.0,  # type: ignore[arg-type]
        counts={one: int((today["severity"] == one).sum()) for one in Severity},
        beyond_chance=int(((today["severity"] == Severity.SIGNIFICANT) & (today["psi"] > today["noise_psi"])).sum()),
        tones=TONES,
        chosen=shown.row(0, named=True) if len(shown) else None,
        name=lambda row: name_of(visit, row["kind"], row["quantity"]),
        bins=_bins_chart(visit, shown),
        over_time=_over_time(visit, history.filter(pl.col("quantity") == chosen)),
        matrix_dates=until[-MATRIX_DATES:],
        matrix={(row["quantity"], row["run_date"]): row for row in history.iter_rows(named=True)},
        monitoring=monitoring,
    )


def name_of(visit: Visit, kind: str, quantity: str) -> str:
    """What a person calls a quantity that is watched."""
    return visit.word("feature", quantity) if kind == "FEATURE" else visit.word("kind", kind)


def bin_name(visit: Visit, label: str) -> str:
    """A bin of `drift_log` in the visitor's language; any other text as it is."""
    for key, pattern in BINS.items():
        if found := pattern.fullmatch(label):
            ends = {end: _significant(visit, float(text)) for end, text in found.groupdict().items()}
            return visit.say(f"drift.{key}", **ends)
    return label


def _significant(visit: Visit, value: float) -> str:
    digits = SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
    decimals = max(digits, 0)
    # A whole number needs no decimals.
    return visit.formats.number(value, 0 if value == round(value) else decimals)


def _bins_chart(visit: Visit, shown: pl.DataFrame) -> Chart | None:
    if shown.is_empty():
        return None
    row: dict[str, Any] = shown.row(0, named=True)
    title = visit.say("drift.bins", name=name_of(visit, row["kind"], row["quantity"]))
    series = [
        Series(visit.say("drift.reference"), row["reference_shares"]),
        Series(visit.say("drift.current"), row["current_shares"]),
    ]
    labels = [bin_name(visit, label) for label in row["bins"]]
    show_ = visit.formats

    def share(value: float | None) -> str:
        return show_.share(value, 1)

    return bar_chart(title, labels, series, share, x_label_rotation=25, height=400, width=HALF_WIDTH)


def _over_time(visit: Visit, rows: pl.DataFrame) -> Chart | None:
    if rows.height < 2:
        return None
    monitoring, show_ = visit.desk.settings.monitoring, visit.formats
    labels = [show_.day(day, "short") for day in rows["run_date"]]
    series = [
        Series(visit.say("drift.psi"), rows["psi"].to_list()),
        Series(visit.say("drift.noise"), rows["noise_psi"].to_list()),
        Series(visit.say("drift.moderate_from"), [monitoring.moderate_psi] * rows.height),
        Series(visit.say("drift.significant_above"), [monitoring.significant_psi] * rows.height),
    ]

    def index(value: float | None) -> str:
        return show_.number(value, 3)

    row = rows.row(0, named=True)
    title = visit.say("drift.over_time", name=name_of(visit, row["kind"], row["quantity"]))
    return line_chart(title, labels, series, index, range=(0, max(0.3, *rows["psi"])), width=HALF_WIDTH)


def _flat(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("bins", "reference_shares", "current_shares")


def _bins(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("run_date", "quantity", "bins", "reference_shares", "current_shares").explode(
        "bins", "reference_shares", "current_shares"
    )
