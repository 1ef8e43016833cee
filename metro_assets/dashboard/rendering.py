"""From a request to a page: language, theme, templates, the headers of every page, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlencode

import structlog
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BeforeValidator

from metro_assets.config import today
from metro_assets.dashboard.catalogue import LANGUAGES, Language, preferred, say, word
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.formats import Formats
from metro_assets.serving.publish import Publication, PublicationError
from metro_assets.serving.queries import UnknownAlgorithmError, UnknownCustomerError, UnknownRunDateError
from metro_assets.serving.rest.following import Following
from metro_assets.storage.errors import WarehouseError

LANGUAGE_COOKIE, THEME_COOKIE = "metro_language", "metro_theme"
THEMES = ("auto", "light", "dark")
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie, Accept-Language",
}
NAVIGATION = ("home", "customers", "simulate", "offers", "quality", "drift", "experiments")
"""Entries of the navigation; each is a text `common.nav_<name>` and an address."""
ADDRESSES = {name: "/" if name == "home" else f"/{name}" for name in NAVIGATION}
STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (UnknownCustomerError, 404, "unknown_customer"),
    (UnknownAlgorithmError, 404, "unknown_algorithm"),
    (UnknownRunDateError, 404, "unknown_run_date"),
    (PublicationError, 503, "nothing_published"),
    (WarehouseError, 503, "unreadable"),
    (RequestValidationError, 422, "invalid"),
)
log = structlog.get_logger("metro.pages")


@dataclass(frozen=True)
class Visit:
    """One request of a person: what they read, and how."""

    request: Request
    language: Language
    theme: Literal["auto", "light", "dark"]
    desk: Desk

    def say(self, key: str, **values: object) -> str:
        """A text of the catalogue."""
        return say(self.language, key, **values)

    def word(self, section: str, code: str | None) -> str:
        """The name of a code of the vocabulary."""
        return word(self.language, section, code)

    @property
    def formats(self) -> Formats:
        """Numbers, money and dates."""
        return Formats(self.language)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """The page of a template: `t`, `word` and `f` (formats) are at its hand beside the values."""
        return HTMLResponse(self.fragment(template, **values), status, SECURITY_HEADERS)

    def fragment(self, template: str, **values: Any) -> str:
        """The text of a template."""
        return (
            _environment()
            .get_template(template)
            .render(
                visit=self,
                t=self.say,
                word=self.word,
                f=self.formats,
                here=self.request.url.path,
                navigation=[(name, ADDRESSES[name]) for name in NAVIGATION],
                address=partial(address, self.request),
                static=static_address,
                in_force=self._in_force(),
                user=getattr(self.request.state, "key", None),
                **values,
            )
        )

    def _in_force(self) -> tuple[Publication, bool] | None:
        """What is served and whether it is out of date."""
        following: Following = self.request.app.state.following
        if following.current is None:
            return None
        publication = following.current.opened.publication
        return publication, (today() - publication.run_date).days * 24 > self.desk.settings.api.stale_hours


def address(request: Request, **changes: object) -> str:
    """The address of this page with some of its parameters changed; None takes one away."""
    kept = {**dict(request.query_params), **changes}
    query = urlencode({name: str(value) for name, value in kept.items() if value is not None})
    return f"{request.url.path}?{query}" if query else request.url.path


def own_path(wanted: str) -> str:
    """The path if it leads to a page of our own, else the home page's: `//elsewhere` would lead away."""
    is_plain = wanted.isprintable() and "\\" not in wanted
    return wanted if is_plain and wanted.startswith("/") and not wanted.startswith("//") else "/"


@cache
def static_address(name: str) -> str:
    """The address of a static file, another one when it changes: browsers may keep it for ever."""
    content = files(__package__).joinpath("static", name).read_bytes()
    return f"/static/{name}?v={sha256(content).hexdigest()[:10]}"


def visit(request: Request) -> Visit:
    """The visit of a request."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    language = chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", ""))
    theme = request.cookies.get(THEME_COOKIE)
    return Visit(
        request,
        language,
        cast(Any, theme if theme in THEMES else "auto"),
        request.app.state.desk,
    )


Visits = Annotated[Visit, Depends(visit)]
Unchosen = BeforeValidator(lambda value: None if value == "" else value)
"""Of a parameter that may be None: a form sends what was not chosen as an empty text."""


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, and around it what turns an error into a page that says what to do."""
        handler = super().get_route_handler()

        async def handling(request: Request) -> Response:
            try:
                return await handler(request)
            except tuple(kind for kind, _, _ in STATUS) as error:
                status, code = next((status, code) for kind, status, code in STATUS if isinstance(error, kind))
                detail = _detail(error)
                return error_page(request, status, code, detail)

        return handling


def error_page(request: Request, status: int, code: str, detail: str = "") -> HTMLResponse:
    """What went wrong and what to do about it; `common.error_<code>` is its text."""
    return visit(request).page("error.html", status, code=code, detail=detail)


def _detail(error: Exception) -> str:
    if isinstance(error, RequestValidationError):
        return "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
    return str(error)


@cache
def _environment() -> Environment:
    """The templates: everything escaped, nothing undefined."""
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
