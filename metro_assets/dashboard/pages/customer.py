"""One customer: who it is, its offers as price tags, what another algorithm would give, what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, TypeAlias

import polars as pl
from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BeforeValidator, Field

from metro_assets.dashboard.customer.portrait import portrait
from metro_assets.dashboard.customer.standing import (
    Candidate,
    Fate,
    candidates,
    counts_money,
    explores,
    is_chance,
    moves,
)
from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.reasons import reason_in
from metro_assets.dashboard.rendering import PageRoute, Visit, Visits
from metro_assets.serving.publish import PublicationError
from metro_assets.serving.queries import OpenPublication, UnknownAlgorithmError, UnknownCustomerError
from metro_assets.serving.schemas import Recommendation, Slate
from metro_assets.vocabulary import CUSTOMER_FEATURES

router = APIRouter(route_class=PageRoute, include_in_schema=False)

SHOWN_PRODUCTS, SHOWN_CATEGORIES, SHOWN_CANDIDATES = 12, 10, 15
"""Rows of the page; the files have all."""


def _given(value: object) -> object:
    """A parameter that is there but empty was not chosen."""
    return value or None


CustomerId: TypeAlias = Annotated[int, Path(ge=0, le=2**31 - 1)]
Morning: TypeAlias = Annotated[date | None, BeforeValidator(_given), Query(alias="date")]
AlgorithmName: TypeAlias = Annotated[Annotated[str, Field(max_length=60)] | None, BeforeValidator(_given), Query()]


@router.get("/customers/{customer_id:int}")
def show(
    visit: Visits,
    customer_id: CustomerId,
    run_date: Morning = None,
    algorithm: AlgorithmName = None,
    beside: AlgorithmName = None,
    format: Literal["html", "csv"] = "html",
) -> Response:
    """The page, or its ten offers as a file."""
    desk = visit.desk
    opened = desk.opened(run_date)
    profile = opened.profile(customer_id)
    is_published = algorithm is None or algorithm in opened.algorithms
    # An algorithm that did not score this morning leaves the rest of the page as it is.
    slate = opened.slate(customer_id, algorithm) if is_published else None
    if format == "csv":
        chosen = slate or opened.slate(customer_id, algorithm)
        return csv_file(f"offers-{customer_id}-{chosen.run_date}-{chosen.algorithm}", offer_rows(chosen))
    seen = portrait(desk, opened, customer_id, profile.segment)
    standing = candidates(desk, opened, slate, profile) if slate else []
    left_out = [one for one in standing if one.fate != Fate.CHOSEN]
    other, problem = beside_slate(visit, opened, customer_id, slate, beside)
    return visit.page(
        "customer.html",
        200 if is_published else 404,
        profile=profile,
        slate=slate,
        algorithm=slate.algorithm if slate else algorithm,
        algorithms=opened.algorithms,
        champion=opened.publication.champion,
        run_dates=run_dates(visit, opened),
        portrait=seen,
        features=[
            (name, getattr(profile, name), seen.segment.medians[name] if seen.segment else None)
            for name in CUSTOMER_FEATURES
        ],
        products=seen.products.head(SHOWN_PRODUCTS).to_dicts(),
        product_count=len(seen.products),
        categories=seen.categories[:SHOWN_CATEGORIES],
        reasons={offer.offer_id: reason_in(visit.language, offer.reason) for offer in slate.offers} if slate else {},
        left_out=left_out[:SHOWN_CANDIDATES],
        left_out_count=len(left_out),
        has_scores=bool(standing),
        counts_money=slate is not None and counts_money(slate.algorithm),
        is_chance=slate is None or is_chance(slate.algorithm),
        explores=slate is not None and explores(slate.algorithm),
        beside=beside,
        other=other,
        beside_problem=problem,
        moves=moves(slate.offers, other.offers) if slate and other else [],
    )


@router.get("/customers/{customer_id:int}/products")
def download_products(visit: Visits, customer_id: CustomerId, run_date: Morning = None) -> Response:
    """Every product that the customer bought in the window, as a file."""
    opened = visit.desk.opened(run_date)
    profile = opened.profile(customer_id)
    seen = portrait(visit.desk, opened, customer_id, profile.segment)
    return csv_file(f"products-{customer_id}-{profile.run_date}", seen.products.drop("customer_id", "run_date"))


@router.get("/customers/{customer_id:int}/candidates")
def show_candidates(
    visit: Visits,
    customer_id: CustomerId,
    run_date: Morning = None,
    algorithm: AlgorithmName = None,
    format: Literal["html", "csv"] = "html",
) -> Response:
    """Every offer that was scored for the customer, and what became of it."""
    opened = visit.desk.opened(run_date)
    profile = opened.profile(customer_id)
    slate = opened.slate(customer_id, algorithm)
    standing = candidates(visit.desk, opened, slate, profile)
    if format == "csv":
        return csv_file(f"candidates-{customer_id}-{slate.run_date}-{slate.algorithm}", candidate_rows(standing))
    return visit.page(
        "customer_candidates.html",
        profile=profile,
        slate=slate,
        standing=standing,
        is_chance=is_chance(slate.algorithm),
        counts_money=counts_money(slate.algorithm),
    )


def beside_slate(
    visit: Visit, opened: OpenPublication, customer_id: int, slate: Slate | None, beside: str | None
) -> tuple[Slate | None, str]:
    """The list to compare with, or why there is none: another algorithm's, or this one's of another morning."""
    if beside is None or slate is None:
        return None, ""
    try:
        day = date.fromisoformat(beside)
    except ValueError:
        day = None
    try:
        source = opened if day is None else visit.desk.opened(day)
        return source.slate(customer_id, beside if day is None else slate.algorithm), ""
    except (UnknownAlgorithmError, UnknownCustomerError, PublicationError) as error:
        return None, str(error)


def run_dates(visit: Visit, opened: OpenPublication) -> list[date]:
    """Mornings that can be asked for, newest first; those of kept publications and of tables."""
    kept = {publication.run_date for publication in visit.desk.reader.publications.published()}
    return sorted({*visit.desk.run_dates(), *kept, opened.publication.run_date}, reverse=True)


def offer_rows(slate: Slate) -> pl.DataFrame:
    """The offers of a list in the columns of `recommendations`."""
    fixed = {"run_date": slate.run_date, "customer_id": slate.customer.customer_id, "algorithm": slate.algorithm}
    names = [*fixed, *Recommendation.model_fields]
    rows = [
        [*fixed.values(), *(", ".join(value) if isinstance(value, list) else value for _, value in offer)]
        for offer in slate.offers
    ]
    return pl.DataFrame(rows, names, orient="row", infer_schema_length=None)


def candidate_rows(standing: Sequence[Candidate]) -> pl.DataFrame:
    """The candidates with what became of them."""
    return pl.DataFrame(
        [{"place": one.place, **one.offer._asdict(), "fate": str(one.fate), "needed": one.needed} for one in standing],
        infer_schema_length=None,
    )
