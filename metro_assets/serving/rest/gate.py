"""The layer around the app: who may come in, how much and how long they may send, an id, a log line and metrics.

Pure ASGI and short, for every request passes through it.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metro_assets.config import Api
from metro_assets.serving.rest.access import Keys, key_in
from metro_assets.serving.rest.asgi import Headers, header
from metro_assets.serving.rest.metrics import Metrics
from metro_assets.serving.rest.problems import CODES, problem
from metro_assets.serving.rest.session import Sessions
from metro_assets.serving.rest.throttle import Throttle

OPEN = frozenset({"/v1/health", "/v1/ready", "/docs", "/openapi.json"})
"""Addresses without a key: they hold no customer's data."""
SIGN_IN = "/sign-in"
OPEN_PAGES = frozenset({SIGN_IN, "/preferences"})
OPEN_FOLDERS = ("/swagger/", "/static/")
API_FOLDER, API_PAGES = "/v1/", frozenset({"/v1", "/metrics"})
"""What programs ask, by key alone: a browser that is signed in cannot be led there."""
OWN_PAGE = frozenset({b"same-origin", b"none"})
"""`Sec-Fetch-Site` of what our own pages or the person at the browser asked for."""
LOOPBACK = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
UNMATCHED = "unmatched"
CLIENT_LEFT = 499
"""What the log and the metrics say where no answer was begun."""
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ALWAYS = [(b"x-content-type-options", b"nosniff")]
_UNAUTHORISED = "give a valid key in the header X-API-Key, or as Authorization: Bearer"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="metro"'}
"""What 401 says of how to come in."""
_TOO_MANY = "too many wrong keys came from this address; a valid key is answered all the same"


class Gate:
    """ASGI application around another one; `sessions` are for its pages, None where it has none."""

    def __init__(
        self, app: ASGIApp, keys: Keys, throttle: Throttle, sessions: Sessions | None, limits: Api, metrics: Metrics
    ) -> None:
        self.app = app
        self.keys = keys
        self.throttle = throttle
        self.sessions = sessions
        self.limits = limits
        self.metrics = metrics
        self.log = structlog.get_logger("metro.api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given = header(scope["headers"], b"x-request-id")
        request_id = given.decode() if given and _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        further = [(b"x-request-id", request_id.encode()), *_ALWAYS]
        status = CLIENT_LEFT

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *further]
            await send(message)

        key = None
        self.metrics.in_progress.inc()
        try:
            key = self._name(scope)
            if (refusal := self._refusal(scope, key, request_id)) is not None:
                await refusal(scope, receive, sending)
                return
            scope["state"]["key"] = key
            if scope["method"] in WITH_BODY:
                receive = self._limited(scope, receive)
            await self.app(scope, receive, sending)
        except Exception:
            # The app has answered with 500 and logged why; the server need not print it again.
            if status == CLIENT_LEFT:
                raise
        finally:
            self.metrics.in_progress.dec()
            seconds = time.perf_counter() - started
            route = scope.get("route")
            name = getattr(route, "path", UNMATCHED)
            self.metrics.observe(scope["method"], name, status, seconds)
            self.log.info(
                "request",
                method=scope["method"],
                route=name,
                status=status,
                milliseconds=round(seconds * 1000, 3),
                request_id=request_id,
                **({"key": key} if key else {}),
            )

    def _name(self, scope: Scope) -> str | None:
        """The name of the key that is given, or of the session where it counts."""
        given = key_in(scope["headers"])
        if given is not None:
            return self.keys.name_of(given)
        return self.sessions.name_in(scope["headers"]) if self.sessions and not _is_api(scope["path"]) else None

    def _refusal(self, scope: Scope, key: str | None, request_id: str) -> ASGIApp | None:
        """The answer to who may not come in; None: come in."""
        path, headers = scope["path"], scope["headers"]
        if not self.keys:
            # A web page must not be able to ask through a name of its own that leads to this machine.
            host = header(headers, b"host") or b""
            if host.rpartition(b":")[0] not in LOOPBACK and host not in LOOPBACK:
                return problem(request_id, 421, "wrong_host", "without keys only the names of loopback are answered")
        if self.sessions and scope["method"] in WITH_BODY and not _is_api(path) and _is_from_elsewhere(headers):
            return problem(request_id, 403, CODES[403], "a form of another site may not be sent here")
        if not self.keys or key is not None or self._is_open(path):
            return None
        if key_in(headers) is not None:
            return self._wrong_key(scope, request_id)
        # A script of a page cannot read a page to sign in on: it is told, and leads there.
        if self.sessions and not _is_api(path) and header(headers, b"sec-fetch-dest") != b"empty":
            return RedirectResponse(_sign_in_address(scope), 303, {"Cache-Control": "no-store"})
        return problem(request_id, 401, CODES[401], _UNAUTHORISED, CHALLENGE)

    def _is_open(self, path: str) -> bool:
        if path in OPEN or path.startswith(OPEN_FOLDERS):
            return True
        return path in OPEN_PAGES if self.sessions else path == "/"

    def _wrong_key(self, scope: Scope, request_id: str) -> ASGIApp:
        address = client_address(scope)
        if wait := self.throttle.wait_seconds(address):
            return problem(request_id, 429, CODES[429], _TOO_MANY, {"Retry-After": str(wait)})
        self.throttle.failed(address)
        return problem(request_id, 401, CODES[401], _UNAUTHORISED, CHALLENGE)

    def _limited(self, scope: Scope, receive: Receive) -> Callable[[], Awaitable[Message]]:
        """`receive` that ends with 413 past the largest body, 408 where the body does not come in time."""
        most, deadline = self.limits.maximum_body_bytes, time.monotonic() + self.limits.body_seconds
        seen, is_whole = 0, False

        async def receiving() -> Message:
            nonlocal seen, is_whole
            if is_whole:
                return await receive()
            declared = header(scope["headers"], b"content-length") or b"0"
            if not seen and declared.isdigit() and int(declared) > most:
                raise _refused(413, f"the body is larger than {most} bytes")
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
                    message = await receive()
            except TimeoutError:
                raise _refused(408, f"the body did not come within {self.limits.body_seconds:g} s") from None
            seen += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if seen > most:
                raise _refused(413, f"the body is larger than {most} bytes")
            return message

        return receiving


def client_address(scope: Scope) -> str:
    """The address that a request came from; that of the person where a proxy on this machine says it."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _is_api(path: str) -> bool:
    return path.startswith(API_FOLDER) or path in API_PAGES


def _is_from_elsewhere(headers: Headers) -> bool:
    """Whether another site made the browser send this; what sends neither header is no browser."""
    site = header(headers, b"sec-fetch-site")
    if site is not None:
        return site not in OWN_PAGE
    origin = header(headers, b"origin")
    if origin is None:
        return False
    return origin.partition(b"://")[2].lower() != (header(headers, b"host") or b"").lower()


def _sign_in_address(scope: Scope) -> str:
    if scope["method"] in WITH_BODY:
        return SIGN_IN
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = quote(scope["path"]) + (f"?{query}" if query else "")
    return SIGN_IN if wanted == "/" else f"{SIGN_IN}?{urlencode({'next': wanted})}"


def _refused(status: int, detail: str) -> HTTPException:
    # The rest of the body is not read: the connection is of no further use.
    return HTTPException(status, detail, headers={"Connection": "close"})
