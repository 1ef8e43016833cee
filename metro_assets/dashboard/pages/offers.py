"""Page offers: every live offer, whom it reaches, what that is worth, and the offers that nobody gets."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

import polars as pl
from fastapi import APIRouter, Query, Response

from metro_assets.dashboard.charts import Chart, Series, bar_chart, row_chart
from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.offer_reach import (
    EXPECTED,
    LAST_HALVING,
    OfferFates,
    OfferReach,
    offer_fates,
    offer_reach,
    priced_products,
)
from metro_assets.dashboard.rendering import PageRoute, Visit, Visits
from metro_assets.serving.queries import OpenPublication, UnknownAlgorithmError
from metro_assets.vocabulary import Algorithm

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Sort: TypeAlias = Literal["customers", "redemptions", "margin", "cost", "depth", "ends", "name"]
SORTED_BY: dict[Sort, tuple[str, bool]] = {
    "customers": ("customer_count", True),
    "redemptions": ("expected_redemptions", True),
    "margin": ("expected_margin_ron", True),
    "cost": ("expected_cost_ron", True),
    "depth": ("discount_depth", True),
    "ends": ("valid_to_date", False),
    "name": ("name", False),
}
"""The column that an order of the list goes by, and whether the largest comes first."""
HALF_WIDTH = 600
"""Of a chart that shares the line with another: its letters stay readable."""
FATES = ("served", "outranked", "category_limit", "already_redeemed", "exposure_limit", "no_consent")
RunDate: TypeAlias = Annotated[date | None, Query(alias="date")]
Format: TypeAlias = Literal["html", "csv"]
Table: TypeAlias = Literal["products", "segments", "scores", "fates", "overlaps", "customers"]


@router.get("/offers")
def show(
    visit: Visits,
    run_date: RunDate = None,
    algorithm: str = "",
    sort: Sort = "customers",
    mechanic: str = "",
    category: str = "",
    format: Format = "html",
) -> Response:
    """Every live offer of a run date."""
    opened = visit.desk.opened(run_date)
    chosen = _known_algorithm(opened, algorithm)
    reach, fates = offer_reach(visit.desk, opened, chosen), offer_fates(visit.desk, opened, chosen)
    column, is_falling = SORTED_BY[sort]
    rows = reach.offers.filter(
        *([pl.col("mechanic") == mechanic] if mechanic else []), *([pl.col("category") == category] if category else [])
    ).sort([column, "offer_id"], descending=[is_falling, False], nulls_last=True)
    if format == "csv":
        return csv_file(f"offers-{reach.run_date}-{chosen}", _table(rows, reach, fates))
    reached = rows.filter(pl.col("customer_count") > 0)
    return visit.page(
        "offers.html",
        opened=opened,
        algorithm=chosen,
        run_dates=visit.desk.run_dates(),
        sort=sort,
        sorts=list(SORTED_BY),
        mechanic=mechanic,
        mechanics=sorted(reach.offers["mechanic"].unique(), key=lambda code: visit.word("mechanic", code)),
        category=category,
        categories=sorted(reach.offers["category"].unique(), key=lambda code: visit.word("category", code)),
        reach=reach,
        offers=_with_segments_and_overlap(reached, reach),
        unreached=[
            {**offer, "why": why_nobody(visit, reach, fates, offer)}
            for offer in rows.filter(pl.col("customer_count") == 0).iter_rows(named=True)
        ],
        live_count=rows.height,
        totals={name: _total(rows[name]) for name in EXPECTED},
        segments=sorted(reach.segments["segment"].unique()),
        by_mechanic=_by_mechanic(visit, rows, has_probabilities=reach.has_probabilities),
    )


@router.get("/offers/{offer_id}")
def show_one(
    visit: Visits,
    offer_id: int,
    run_date: RunDate = None,
    algorithm: str = "",
    table: Table = "products",
    format: Format = "html",
) -> Response:
    """One live offer: its products, whom it reaches, its scores, and the offers that its customers get as well."""
    opened = visit.desk.opened(run_date)
    chosen = _known_algorithm(opened, algorithm)
    reach, fates = offer_reach(visit.desk, opened, chosen), offer_fates(visit.desk, opened, chosen)
    found = reach.offers.filter(pl.col("offer_id") == offer_id)
    if found.is_empty():
        return visit.page("offer_unknown.html", 404, offer_id=offer_id, run_date=reach.run_date)
    names = reach.offers.select(other_offer_id="offer_id", other_name="name", other_mechanic="mechanic")
    tables: dict[Table, pl.DataFrame] = {
        "products": priced_products(visit.desk, reach.run_date, offer_id),
        "segments": reach.segments.filter(pl.col("offer_id") == offer_id),
        "overlaps": reach.overlaps.filter(pl.col("offer_id") == offer_id).join(
            names, on="other_offer_id", how="left", maintain_order="left"
        ),
        "customers": reach.customers.filter(pl.col("offer_id") == offer_id),
    }
    if fates is not None:
        tables["scores"] = fates.scores.filter(pl.col("offer_id") == offer_id)
        tables["fates"] = fates.offers.filter(pl.col("offer_id") == offer_id)
    if format == "csv":
        return csv_file(f"offer-{offer_id}-{table}-{reach.run_date}-{chosen}", tables.get(table, pl.DataFrame()))
    offer = found.row(0, named=True)
    return visit.page(
        "offer.html",
        opened=opened,
        algorithm=chosen,
        run_dates=visit.desk.run_dates(),
        reach=reach,
        offer=offer,
        why=[] if offer["customer_count"] else why_nobody(visit, reach, fates, offer),
        products=tables["products"].to_dicts(),
        by_segment=_by_segment(visit, tables["segments"]),
        by_score=_by_score(visit, tables["scores"]) if "scores" in tables else None,
        by_fate=_by_fate(visit, tables["fates"]) if "fates" in tables else None,
        overlaps=tables["overlaps"].to_dicts(),
        customers=tables["customers"].to_dicts(),
    )


def why_nobody(visit: Visit, reach: OfferReach, fates: OfferFates | None, offer: dict[str, Any]) -> list[str]:
    """Sentences that say why an offer reached nobody, the weightiest first."""
    say, show_ = visit.say, visit.formats
    if fates is None:
        return [say("offers.why_not_kept")]
    found = fates.offers.filter(pl.col("offer_id") == offer["offer_id"])
    if found.is_empty():
        return [say(f"offers.never_{_never(offer)}", count=offer["audience_count"] or offer["store_count"] or 0)]
    fate = found.row(0, named=True)
    gap = fate["median_gap"]
    if reach.algorithm == Algorithm.UPLIFT:
        distance = show_.ron(gap)
    else:
        distance = say("offers.points", points=show_.number(None if gap is None else 100 * gap, 1))
    counts = sorted(((fate[f"{name}_count"], name) for name in FATES), reverse=True)
    return [
        say(
            f"offers.why_{name}",
            count=count,
            shown=show_.number(count),
            place=show_.number(fate["median_place"]),
            distance=distance,
        )
        for count, name in counts
        if count
    ]


def _never(offer: dict[str, Any]) -> str:
    """Which sentence says that an offer was nobody's candidate."""
    if offer["is_listed"]:
        return "listed" if offer["audience_count"] else "listed_for_nobody"
    return "in_stores" if offer["store_count"] else "found"


def _known_algorithm(opened: OpenPublication, algorithm: str) -> str:
    chosen = algorithm or opened.publication.champion
    if chosen not in opened.algorithms:
        known = ", ".join(opened.algorithms)
        raise UnknownAlgorithmError(f"algorithm {chosen!r} is not published; choose one of {known}")
    return chosen


def _table(rows: pl.DataFrame, reach: OfferReach, fates: OfferFates | None) -> pl.DataFrame:
    """The list as a file: the offers, customers by segment, what became of the candidates."""
    segments = reach.segments.with_columns(
        column=pl.lit("customer_count_") + pl.col("segment").str.to_lowercase()
    ).pivot(on="column", index="offer_id", values="customer_count")
    whole = rows.join(segments, on="offer_id", how="left", maintain_order="left")
    if fates is not None:
        whole = whole.join(fates.offers, on="offer_id", how="left", maintain_order="left")
    counts = [name for name in whole.columns if name.endswith("_count") or name.startswith("customer_count_")]
    return whole.with_columns(pl.col(counts).fill_null(0))


def _with_segments_and_overlap(rows: pl.DataFrame, reach: OfferReach) -> list[dict[str, Any]]:
    segments: dict[int, list[tuple[str, int]]] = {}
    for offer_id, segment, count in reach.segments.select("offer_id", "segment", "customer_count").iter_rows():
        segments.setdefault(offer_id, []).append((segment, count))
    names = dict(reach.offers.select("offer_id", "name").iter_rows())
    nearest: dict[int, dict[str, Any]] = {}
    for row in reach.overlaps.iter_rows(named=True):
        nearest.setdefault(row["offer_id"], {**row, "name": names.get(row["other_offer_id"], "")})
    return [
        {**offer, "segments": segments.get(offer["offer_id"], []), "nearest": nearest.get(offer["offer_id"])}
        for offer in rows.iter_rows(named=True)
    ]


def _by_mechanic(visit: Visit, rows: pl.DataFrame, *, has_probabilities: bool) -> Chart | None:
    measure = "expected_redemptions" if has_probabilities else "customer_count"
    sums = rows.group_by("mechanic").agg(pl.col(measure).sum()).sort([measure, "mechanic"], descending=[True, False])
    if sums.is_empty():
        return None
    title = visit.say(f"offers.by_mechanic_{measure}")
    labels = [visit.word("mechanic", code) for code in sums["mechanic"]]
    series = [Series(visit.say(f"offers.{measure}"), sums[measure].to_list())]
    return row_chart(title, labels, series, visit.formats.quantity, height=60 + 28 * len(labels))


def _by_segment(visit: Visit, rows: pl.DataFrame) -> Chart | None:
    if rows.is_empty():
        return None
    rows = rows.sort("customer_count", descending=True)
    labels = [visit.word("segment", code) for code in rows["segment"]]
    series = [
        Series(visit.say("offers.customer_count"), rows["customer_count"].to_list()),
        Series(visit.say("offers.expected_redemptions"), rows["expected_redemptions"].to_list()),
    ]
    title, height = visit.say("offers.by_segment"), 60 + 44 * len(labels)
    return row_chart(title, labels, series, visit.formats.quantity, height=height, width=HALF_WIDTH)


def _by_score(visit: Visit, rows: pl.DataFrame) -> Chart | None:
    if rows.is_empty():
        return None
    places = range(LAST_HALVING, -1, -1)
    counts = {row["halvings"]: row for row in rows.iter_rows(named=True)}
    show_ = visit.formats
    labels = [visit.say("offers.up_to", high=show_.share(2.0**-place, 1 if place > 2 else 0)) for place in places]
    series = [
        Series(
            visit.say(f"offers.scored_{kind}"),
            [float(counts[place][f"{kind}_count"]) if place in counts else 0.0 for place in places],
        )
        for kind in ("candidate", "served")
    ]
    return bar_chart(visit.say("offers.by_score"), labels, series, show_.number)


def _by_fate(visit: Visit, rows: pl.DataFrame) -> Chart | None:
    if rows.is_empty():
        return None
    fate = rows.row(0, named=True)
    labels = [visit.say(f"offers.fate_{name}") for name in FATES]
    series = [Series(visit.say("offers.scored_candidate"), [fate[f"{name}_count"] for name in FATES])]
    return row_chart(visit.say("offers.by_fate"), labels, series, visit.formats.number, height=240, width=HALF_WIDTH)


def _total(column: pl.Series) -> float | None:
    return None if column.is_null().all() else float(column.sum())
