"""Signing in with a key and out again, where the service has keys."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from metro_assets.dashboard.rendering import PageRoute, Visits, own_path
from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.gate import CHALLENGE, SIGN_IN, client_address
from metro_assets.serving.rest.session import Sessions
from metro_assets.serving.rest.throttle import Throttle

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(SIGN_IN)
def show(visit: Visits, wanted: Annotated[str, Query(alias="next")] = "/") -> Response:
    """The form; for who needs none, the page that was wanted."""
    request, target = visit.request, own_path(wanted)
    sessions: Sessions = request.app.state.sessions
    if not request.app.state.keys or sessions.name_in(request.scope["headers"]) is not None:
        return RedirectResponse(target, 303)
    page = visit.page("sign_in.html", target=target, problem=None, wait=0)
    if request.headers.get("sec-fetch-site") == "cross-site":
        # A strict cookie is not sent where a link of another site leads here; from here on it is.
        page.headers["Refresh"] = f"0; url={SIGN_IN}?{urlencode({'next': target})}"
    return page


@router.post(SIGN_IN)
def sign_in(
    visit: Visits, key: Annotated[str, Form()] = "", target: Annotated[str, Form(alias="next")] = "/"
) -> Response:
    """The page that was wanted, with a session; or the form again, which does not say what was wrong."""
    request, target = visit.request, own_path(target)
    keys: Keys = request.app.state.keys
    throttle: Throttle = request.app.state.throttle
    if not keys:
        return RedirectResponse(target, 303)
    address = client_address(request.scope)
    if wait := throttle.wait_seconds(address):
        page = visit.page("sign_in.html", 429, target=target, problem="throttled", wait=wait)
        page.headers["Retry-After"] = str(wait)
        return page
    name = keys.name_of(key.strip().encode())
    if name is None:
        throttle.failed(address)
        page = visit.page("sign_in.html", 401, target=target, problem="refused", wait=0)
        page.headers.update(CHALLENGE)
        return page
    response = RedirectResponse(target, 303)
    sessions: Sessions = request.app.state.sessions
    sessions.start(response, name, is_secure=request.url.scheme == "https")
    return response


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """The form to sign in, without a session; what the browser kept of the pages is let go of."""
    response = RedirectResponse(SIGN_IN, 303, {"Clear-Site-Data": '"cache"'})
    sessions: Sessions = request.app.state.sessions
    sessions.end(request.scope["headers"], response)
    return response
