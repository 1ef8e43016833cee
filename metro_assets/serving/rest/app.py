"""The application: routers, errors, the layer around them, and what lives as long as the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any, TypeAlias

from fastapi import FastAPI, Security
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.security import APIKeyHeader
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from metro_assets.config import Settings
from metro_assets.serving.reports import Reports
from metro_assets.serving.rest import routes
from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.following import Following
from metro_assets.serving.rest.gate import Gate
from metro_assets.serving.rest.metrics import Metrics
from metro_assets.serving.rest.problems import add_handlers
from metro_assets.serving.rest.session import Sessions
from metro_assets.serving.rest.throttle import Throttle
from metro_assets.serving.schemas import Problem

AddPages: TypeAlias = Callable[[FastAPI, Settings], None]
ABOUT = """Ten offers for every business customer, every morning, read from the publication in force.

* **A customer's offers**: `GET /v1/customers/17/recommendations`, of a past morning with `run_date`, by another
  algorithm with `algorithm`.
* **Many customers**: `POST /v1/recommendations/batch`, or all of them page by page with `GET /v1/recommendations`.
* **Key**: in `X-API-Key`, or as `Authorization: Bearer`, where the service has keys.
* **Errors** have one shape, `application/problem+json`; branch on `code`.
* Prices are net of VAT, in RON; dates are Bucharest's.
"""


def create_app(settings: Settings, keys: Keys, add_pages: AddPages | None = None) -> ASGIApp:
    """The service over a warehouse, its gate around it; `add_pages` adds what people look at."""
    metrics = Metrics()
    following = Following(settings, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(following.look)
        task = asyncio.create_task(following.follow())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        following.reader.close()

    app = FastAPI(
        title="Metro offers",
        version=version("metro-assets"),
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.openapi = lambda: _with_problems(app, FastAPI.openapi(app))  # type: ignore[method-assign]
    app.state.following = following
    app.state.reports = Reports(settings)
    app.state.metrics = metrics
    add_handlers(app)
    # For the documentation: the gate asks for the key, before anything else is done.
    keyed = [Security(APIKeyHeader(name="X-API-Key", auto_error=False))] if keys else []
    for router in (routes.slates, routes.customers, routes.quality):
        app.include_router(router, dependencies=keyed)
    app.include_router(routes.observing)
    _add_documentation(app)
    limits = settings.api
    throttle = Throttle(limits.failures_allowed, limits.failure_seconds)
    sessions = Sessions(keys, limits.session_hours) if add_pages else None
    app.state.keys, app.state.throttle, app.state.sessions = keys, throttle, sessions
    if add_pages:
        add_pages(app, settings)
    else:
        app.add_route("/", lambda _: RedirectResponse("/docs"), include_in_schema=False)
    return Gate(app, keys, throttle, sessions, limits, metrics)


def _add_documentation(app: FastAPI) -> None:
    """The page /docs, whose scripts come from an installed package and not from somebody's servers."""
    app.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url="/swagger/swagger-ui-bundle.js",
            swagger_css_url="/swagger/swagger-ui.css",
            swagger_favicon_url="/swagger/favicon-32x32.png",
            swagger_ui_parameters={"tryItOutEnabled": True, "displayRequestDuration": True},
        )


def _with_problems(app: FastAPI, schema: dict[str, Any]) -> dict[str, Any]:
    """The description with the one shape of errors in it, in place of FastAPI's own for 422."""
    components = schema["components"]["schemas"]
    components["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components.update(components["Problem"].pop("$defs", {}))
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    app.openapi_schema = schema
    return schema
