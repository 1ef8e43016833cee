"""Today: how the morning went, ten numbers with their trend, what needs attention, customers to begin with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

import polars as pl
from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.background import BackgroundTask

from metro_assets.config import today
from metro_assets.dashboard.charts import trend_points
from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.formats import Formats
from metro_assets.dashboard.rendering import PageRoute, Unchosen, Visit, Visits
from metro_assets.dashboard.today import Matter, Morning, champion_since, drift_of, examples, matters, mornings

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Show: TypeAlias = Callable[[Formats, float | None], str]
FIGURES: dict[str, tuple[Show, str]] = {
    "customers_served": (lambda f, value: f.number(value), "/customers"),
    "offers_per_customer": (lambda f, value: f.number(value, 2), "/offers"),
    "coverage_share": (lambda f, value: f.share(value, 1), "/customers"),
    "expected_margin_ron": (lambda f, value: f.ron(value, 0), "/offers"),
    "expected_redemptions": (lambda f, value: f.number(value), "/offers"),
    "ndcg_at_10": (lambda f, value: f.number(value, 3), "/quality"),
    "pool_recall": (lambda f, value: f.share(value, 1), "/quality"),
    "never_bought_share": (lambda f, value: f.share(value, 1), "/offers"),
    "shortfall_count": (lambda f, value: f.number(value), "/customers"),
    "run_seconds": (lambda f, value: f.number(value, 0), ""),
}
"""The ten numbers: how each is written, and the page that says more."""


@dataclass(frozen=True)
class Tile:
    """One number as the page shows it."""

    label: str
    value: str
    beside: str
    href: str
    lines: list[str]
    about: str


@router.get("/")
def show(
    visit: Visits,
    run_date: Annotated[date | None, Unchosen, Query(alias="date")] = None,
    file: Annotated[Literal["csv"] | None, Unchosen, Query(alias="format")] = None,
) -> Response:
    """The page of the newest morning or of another one; as a file, the ten numbers of every morning."""
    desk, knobs = visit.desk, visit.desk.settings.pages
    opened = desk.opened(run_date)
    publication = opened.publication
    if file == "csv":
        every, _ = mornings(desk, publication, knobs.trend_mornings, None)
        rows = pl.DataFrame(
            [{"run_date": one.run_date, "algorithm": one.algorithm} | one.figures for one in every],
            infer_schema_length=None,
        )
        return csv_file(f"mornings-{publication.run_date}", rows)
    found, is_whole = mornings(desk, publication, knobs.trend_mornings, knobs.trend_seconds)
    drift = drift_of(desk, publication.run_date)
    is_newest = run_date is None or publication.name == desk.opened().publication.name
    problem = visit.request.app.state.following.problem
    page = visit.page(
        "home.html",
        publication=publication,
        days_old=(today() - publication.run_date).days,
        run_dates=desk.run_dates(),
        is_newest=is_newest,
        mornings=found,
        is_whole=is_whole,
        since=champion_since(found, min(desk.run_dates(), default=publication.run_date)),
        drift=drift,
        matters=[
            (matter.tone, _told(visit, matter), matter.href)
            for matter in (matters(desk, publication, found, drift, problem) if is_newest else ())
        ],
        tiles=[_tile(visit, name, found) for name in FIGURES],
        figures=FIGURES,
        examples=examples(opened),
    )
    if not is_whole:
        # The next visitor need not wait for what this one did not want to wait for.
        page.background = BackgroundTask(mornings, desk, publication, knobs.trend_mornings, None)
    return page


def _told(visit: Visit, matter: Matter) -> str:
    """A matter in words."""
    say: dict[str, Callable[[Any], object]] = {
        "day": lambda day: visit.formats.day(day, "long"),
        "algorithm": lambda algorithm: visit.word("algorithm", algorithm),
        "quantities": lambda names: ", ".join(visit.word("feature", name) for name in names),
    }
    values = {name: say[name](value) if name in say else value for name, value in matter.values.items()}
    return visit.say(f"home.matter_{matter.code}", **values)


def _tile(visit: Visit, name: str, found: Sequence[Morning]) -> Tile:
    write, href = FIGURES[name]
    f, newest = visit.formats, found[0]
    values = [one.figures[name] for one in reversed(found)]
    known = [value for value in values if value is not None]
    before = next((one for one in found[1:] if one.figures[name] is not None), None)
    beside = (
        ""
        if before is None
        else visit.say("home.before", value=write(f, before.figures[name]), day=f.day(before.run_date))
    )
    ndcg = newest.ndcg
    if name == "ndcg_at_10" and ndcg.lower is not None:
        beside = visit.say("home.interval", lower=f.number(ndcg.lower, 3), upper=f.number(ndcg.upper, 3))
        if ndcg.oracle is not None:
            beside += " · " + visit.say("home.oracle", value=f.number(ndcg.oracle, 3))
    about = ""
    if len(known) > 1:
        low, high = write(f, min(known)), write(f, max(known))
        first = f.day(found[-1].run_date)
        about = visit.say("home.trend", label=visit.say(f"home.{name}"), day=first, low=low, high=high)
    return Tile(
        visit.say(f"home.{name}"),
        write(f, newest.figures[name]),
        beside,
        href,
        trend_points(values) if len(known) > 1 else [],
        about,
    )
