"""Page quality."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from metro_assets.dashboard.rendering import PageRoute, Visits

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/quality")
def show(visit: Visits) -> HTMLResponse:
    """The page."""
    visit.desk.opened()
    return visit.page("quality.html")
