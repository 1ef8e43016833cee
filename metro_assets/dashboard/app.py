"""The pages as part of the service: `add_pages` is handed to it by the command."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from metro_assets.config import Settings
from metro_assets.dashboard.catalogue import LANGUAGES
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.pages import (
    customer,
    customers,
    drift,
    experiments,
    home,
    offers,
    quality,
    receipt,
    sign_in,
    simulate,
)
from metro_assets.dashboard.preparing import prepare
from metro_assets.dashboard.rendering import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, PageRoute, error_page, own_path

PAGES = (sign_in, home, customers, customer, receipt, simulate, offers, quality, drift, experiments)
YEAR_SECONDS = 365 * 24 * 3600
settings_router = APIRouter(route_class=PageRoute, include_in_schema=False)


def add_pages(app: FastAPI, settings: Settings) -> None:
    """Add the pages to a service that follows the publications (`app.state.following`)."""
    desk = app.state.desk = Desk(settings, app.state.following.reader)
    app.state.following.preparing.append(partial(prepare, desk))
    for page in PAGES:
        app.include_router(page.router)
    app.include_router(settings_router)
    app.mount("/static", KeptFiles(packages=[("metro_assets.dashboard", "static")]), name="static")
    _answer_browsers_with_pages(app)


class KeptFiles(StaticFiles):
    """Static files whose address changes with their content: browsers keep them."""

    def file_response(self, *arguments: object, **options: object) -> Response:
        """The file, to be kept for a year."""
        response = super().file_response(*arguments, **options)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return response


@settings_router.post("/preferences")
def keep_preferences(
    request: Request, name: Annotated[str, Form()], value: Annotated[str, Form()], back: Annotated[str, Form()] = "/"
) -> Response:
    """Keep a language or theme in a cookie and go back to where the person was."""
    cookie, allowed = {"language": (LANGUAGE_COOKIE, LANGUAGES), "theme": (THEME_COOKIE, THEMES)}.get(name, ("", ()))
    response = RedirectResponse(own_path(back), 303)
    if value in allowed:
        secure = request.url.scheme == "https"
        response.set_cookie(cookie, value, max_age=YEAR_SECONDS, samesite="lax", httponly=True, secure=secure)
    return response


def _answer_browsers_with_pages(app: FastAPI) -> None:
    """An unknown address is a page for who asks for one, and a problem for programs."""
    problem = app.exception_handlers[HTTPException]

    async def handler(request: Request, error: Exception) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")
        if wants_page and isinstance(error, HTTPException) and error.status_code == 404:
            return error_page(request, 404, "no_such_page")
        answer: Response = await problem(request, error)  # type: ignore[misc]
        return answer

    app.add_exception_handler(HTTPException, handler)
