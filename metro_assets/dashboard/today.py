"""What the home page says: how the morning went, the numbers that matter with the mornings before, what to look at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.resources import files
from typing import Any, Literal, TypeAlias

import duckdb
import polars as pl
import structlog

from metro_assets.config import today
from metro_assets.dashboard.customers import directory
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.kept import once
from metro_assets.monitoring.drift import significant
from metro_assets.serving.publish import Publication
from metro_assets.serving.queries import OpenPublication
from metro_assets.sql import query, values
from metro_assets.storage.errors import WarehouseError, explained
from metro_assets.vocabulary import UNRANKED, Baseline

Stamp: TypeAlias = tuple[int, ...]
RunState: TypeAlias = Literal["COMPLETE", "INCOMPLETE", "MISSING"]
SERVED = ("recommendations", "recommendation_shortfalls", "customer_features", "interaction_features")
JUDGED, RAN = "evaluation_metrics", "pipeline_runs"
MEASURES = ("drift_log", JUDGED)
"""What a morning is watched by; it publishes without them."""
BEGINS = ("customer_products", "customer_features", "candidate_pool", "recommendations")
"""Tables that a morning makes before it publishes: a newer one of them has begun."""
log = structlog.get_logger("metro.pages")
KEPT_MORNINGS, KEPT_EXAMPLES = 400, 4


@dataclass(frozen=True)
class Ndcg:
    """NDCG@10 on the champion's test window: the value, its 95 % interval, and what the oracle reaches."""

    lower: float | None = None
    upper: float | None = None
    oracle: float | None = None


@dataclass(frozen=True)
class Run:
    """The run of a morning; `finished_at` is Bucharest's time."""

    state: RunState = "MISSING"
    finished_at: datetime | None = None
    table_count: int = 0
    row_count: int = 0


@dataclass(frozen=True)
class Morning:
    """A run date in numbers; a figure that is None is not known."""

    run_date: date
    algorithm: str | None
    figures: dict[str, float | None]
    ndcg: Ndcg
    run: Run


@dataclass(frozen=True)
class Drift:
    """Of a run date: quantities by severity, the largest indices, and what moved beyond chance."""

    counts: dict[str, int] = field(default_factory=dict)
    worst: list[dict[str, Any]] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Matter:
    """Something that needs a person: `home.matter_<code>` is its text, filled in with the values."""

    code: str
    tone: Literal["good", "warn", "bad"]
    href: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


def mornings(desk: Desk, publication: Publication, most: int, seconds: float | None) -> tuple[list[Morning], bool]:
    """The morning of a publication and those before it, newest first; whether all that were asked for are there.

    Once the seconds are over no further morning is read; None: all are.
    """
    began = time.monotonic()
    dates = [day for day in desk.run_dates() if day < publication.run_date][: most - 1]
    found = [_morning(desk, publication.run_date, publication.champion, _stamp(desk, publication.run_date))]
    for day in dates:
        if seconds is not None and time.monotonic() - began > seconds:
            return found, False
        found.append(_morning(desk, day, "", _stamp(desk, day)))
    return found, True


def champion_since(found: Sequence[Morning], oldest: date) -> tuple[date, bool]:
    """The first of the unbroken mornings with the newest one's champion, and whether none before it can be another.

    Parameters
    ----------
    oldest : the first morning that there is, read or not.
    """
    newest = found[0]
    since = newest.run_date
    for morning in found[1:]:
        if morning.algorithm != newest.algorithm:
            return since, True
        since = morning.run_date
    return since, since <= oldest


def drift_of(desk: Desk, run_date: date, shown: int = 3) -> Drift | None:
    """The drift of a run date; None: it was not measured."""
    if not desk.warehouse.exists("drift_log", run_date):
        return None
    with explained(), desk.reading() as connection:
        log = pl.DataFrame(desk.table(connection, "drift_log", [run_date]).order("psi desc, quantity").pl())
    counts = {str(row["severity"]): int(row["len"]) for row in log.group_by("severity").len().to_dicts()}
    worst = log.head(shown).select("quantity", "psi", "severity").to_dicts()
    return Drift(counts, worst, significant(log)["quantity"].to_list())


def matters(
    desk: Desk, publication: Publication, found: Sequence[Morning], drift: Drift | None, problem: str | None
) -> list[Matter]:
    """What needs a person, the worst first."""
    newest = found[0]
    told = []
    if problem is not None:
        told.append(Matter("unreadable", "bad", values={"problem": problem}))
    begun = max((days[-1] for table in BEGINS if (days := desk.warehouse.partitions(table))), default=None)
    if begun is not None and begun > max(desk.warehouse.partitions("published_recommendations"), default=date.min):
        told.append(Matter("unpublished", "bad", values={"day": begun}))
    if (age := (today() - publication.run_date).days) > 0:
        told.append(Matter("old", "warn", values={"day": publication.run_date, "count": age}))
    if newest.run.state != "COMPLETE":
        told.append(Matter(f"run_{newest.run.state.lower()}", "warn", values={"day": newest.run_date}))
    if missing := [name for name in MEASURES if not desk.warehouse.exists(name, publication.run_date)]:
        told.append(Matter("unmeasured", "warn", values={"tables": ", ".join(missing)}))
    if drift is not None and drift.moved:
        href = f"/drift?date={publication.run_date}"
        told.append(Matter("drift", "warn", href, {"quantities": drift.moved, "count": len(drift.moved)}))
    champion = desk.models.champion()
    if champion is not None and champion.is_pinned:
        told.append(Matter("pinned", "warn", "/quality", {"day": champion.version.run_date}))
    told += [Matter("gate", "good", "/quality", {"algorithm": algorithm}) for algorithm in _passed(desk, newest)]
    return told


def prepare_home(desk: Desk, opened: OpenPublication) -> None:
    """Read the morning and the customers of a publication before somebody asks; what cannot be read waits for that."""
    try:
        directory(opened)
        examples(opened)
        mornings(desk, opened.publication, most=1, seconds=None)
    except (WarehouseError, duckdb.Error, OSError) as error:
        log.warning("home not prepared", publication=opened.publication.name, problem=type(error).__name__)


@once(kept=KEPT_EXAMPLES)
def examples(opened: OpenPublication) -> list[dict[str, Any]]:
    """Customers to begin with: of each segment the one whose slate shows best, and those without history or offers."""
    text = files(__package__).joinpath("example_customers.sql").read_text(encoding="utf-8")
    return opened.frame(text, algorithm=opened.publication.champion).to_dicts()


@once(kept=KEPT_MORNINGS)
def _morning(desk: Desk, run_date: date, algorithm: str, _: Stamp) -> Morning:
    with explained(), desk.reading() as connection:
        tables = {name: desk.table(connection, name, [run_date]) for name in (*SERVED, JUDGED, RAN)}
        bound = values(algorithm=algorithm, unranked=UNRANKED)
        served = query(__package__, "morning_figures", parameters=bound, **{name: tables[name] for name in SERVED})
        figures = pl.DataFrame(served.pl()).row(0, named=True)
        chosen = figures.pop("algorithm")
        names = values(algorithm=chosen or "", oracle=str(Baseline.ORACLE))
        judged = query(__package__, "morning_quality", parameters=names, evaluation_metrics=tables[JUDGED])
        quality = pl.DataFrame(judged.pl()).row(0, named=True)
        ran = pl.DataFrame(query(__package__, "morning_run", pipeline_runs=tables[RAN]).pl()).row(0, named=True)
    state: RunState = "MISSING" if not ran["table_count"] else "COMPLETE" if ran["is_published"] else "INCOMPLETE"
    figures |= {
        "ndcg_at_10": quality["ndcg_at_10"],
        "pool_recall": quality["pool_recall"],
        "run_seconds": ran["run_seconds"],
    }
    return Morning(
        run_date,
        chosen,
        figures,
        Ndcg(quality["ndcg_lower"], quality["ndcg_upper"], quality["ndcg_oracle"]),
        Run(state, ran["finished_at"], ran["table_count"], ran["row_count"]),
    )


def _stamp(desk: Desk, run_date: date) -> Stamp:
    """Changes when a table of the morning is made anew."""
    paths = [desk.warehouse.path(name, run_date) for name in (*SERVED, JUDGED, RAN)]
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def _passed(desk: Desk, morning: Morning) -> list[str]:
    """Algorithms that may be promoted, as of the morning."""
    with explained(), desk.reading() as connection:
        gates = desk.table(connection, "promotion_gates", [morning.run_date])
        rows = gates.filter("is_passed").order("algorithm").select("algorithm").fetchall()
    return [str(algorithm) for (algorithm,) in rows if algorithm != morning.algorithm]
