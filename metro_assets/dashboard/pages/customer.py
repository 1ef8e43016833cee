"""Page customer."""

from __future__ import annotations

from fastapi import APIRouter

from metro_assets.dashboard.rendering import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
