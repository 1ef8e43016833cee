"""Finding a customer: as one types, and in the list of all."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from metro_assets.dashboard.customers import ORDERS, Filters, Order, directory
from metro_assets.dashboard.downloads import csv_file
from metro_assets.dashboard.rendering import SECURITY_HEADERS, PageRoute, Unchosen, Visit, Visits
from metro_assets.storage.contract import contract
from metro_assets.vocabulary import CUSTOMER_FEATURES

router = APIRouter(route_class=PageRoute, include_in_schema=False)
LONGEST = 80
"""Characters of what is looked for."""
Code: TypeAlias = Annotated[str, Field(max_length=60)]


@router.get("/customers/search")
def search(visit: Visits, q: Annotated[str, Query(max_length=LONGEST)] = "") -> JSONResponse:
    """The best matches for what is being typed: address, name, and what tells namesakes apart."""
    found: list[dict[str, str]] = []
    if q.strip():
        known = directory(visit.desk.opened())
        rows = known.rows(known.found(Filters(q), "match").head(visit.desk.settings.pages.customers_found))
        found = [
            {"href": f"/customers/{row['customer_id']}", "name": row["name"], "about": _about(visit, row)}
            for row in rows.iter_rows(named=True)
        ]
    return JSONResponse(found, headers=SECURITY_HEADERS)


@router.get("/customers")
def show(
    visit: Visits,
    q: Annotated[str, Query(max_length=LONGEST)] = "",
    segment: Annotated[Code | None, Unchosen, Query()] = None,
    business_type: Annotated[Code | None, Unchosen, Query()] = None,
    store: Annotated[Annotated[int, Field(ge=-(2**15), lt=2**15)] | None, Unchosen, Query()] = None,
    sort: Annotated[Order | None, Unchosen, Query()] = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    run_date: Annotated[date | None, Unchosen, Query(alias="date")] = None,
    file: Annotated[Literal["csv"] | None, Unchosen, Query(alias="format")] = None,
) -> Response:
    """The list, a page at a time; as a file, all of it."""
    opened = visit.desk.opened(run_date)
    known = directory(opened)
    filters = Filters(q.strip(), segment, business_type, store)
    order: Order = sort or ("match" if filters.text else "spend")
    found = known.found(filters, order)
    if file == "csv":
        columns = [*contract("customers").column_names, *CUSTOMER_FEATURES, "offer_count", "shortfall"]
        return csv_file(f"customers-{opened.publication.run_date}", known.rows(found).select(columns))
    size = visit.desk.settings.pages.customers_per_page
    last = max(-(-len(found) // size), 1)
    page = min(page, last)
    return visit.page(
        "customers.html",
        run_date=opened.publication.run_date,
        run_dates=visit.desk.run_dates(),
        is_past=run_date is not None and opened.publication != visit.desk.opened().publication,
        rows=known.rows(found.slice((page - 1) * size, size)).to_dicts(),
        count=len(found),
        filters=filters,
        known=known,
        order=order,
        orders=[one for one in ORDERS if one != "match" or filters.text],
        page_number=page,
        last=last,
    )


def _about(visit: Visit, row: dict[str, Any]) -> str:
    parts = [visit.word("business_type", row["business_type"]), row["city"], row["cui"], f"#{row['customer_id']}"]
    return " · ".join(str(part) for part in parts if part)
