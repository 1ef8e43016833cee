"""The layer around the app: who may come in, how much and how long they may send, an id, a log line and metrics.

Pure ASGI and short, for every request passes through it.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metro_assets.config import Api
from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.asgi import header
from metro_assets.serving.rest.metrics import Metrics
from metro_assets.serving.rest.problems import CODES, problem

OPEN = frozenset({"/", "/v1/health", "/v1/ready", "/docs", "/openapi.json"})
"""Addresses without a key: they hold no customer's data."""
OPEN_FOLDER = "/swagger/"
LOOPBACK = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
UNMATCHED = "unmatched"
CLIENT_LEFT = 499
"""What the log and the metrics say where no answer was begun."""
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ALWAYS = [(b"x-content-type-options", b"nosniff")]
_UNAUTHORISED = "give a valid key in the header X-API-Key, or as Authorization: Bearer"


class Gate:
    """ASGI application around another one."""

    def __init__(self, app: ASGIApp, keys: Keys, limits: Api, metrics: Metrics) -> None:
        self.app = app
        self.keys = keys
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
            if self.keys:
                key = self.keys.name_of(scope["headers"])
            if (refusal := self._refusal(scope, key, request_id)) is not None:
                await refusal(scope, receive, sending)
                return
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

    def _refusal(self, scope: Scope, key: str | None, request_id: str) -> ASGIApp | None:
        """The answer to who may not come in; None: come in."""
        if not self.keys:
            # A web page must not be able to ask through a name of its own that leads to this machine.
            host = header(scope["headers"], b"host") or b""
            if host.rpartition(b":")[0] in LOOPBACK or host in LOOPBACK:
                return None
            return problem(request_id, 421, "wrong_host", "without keys only the names of loopback are answered")
        path = scope["path"]
        if key is not None or path in OPEN or path.startswith(OPEN_FOLDER):
            return None
        return problem(request_id, 401, CODES[401], _UNAUTHORISED, {"WWW-Authenticate": 'Bearer realm="metro"'})

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


def _refused(status: int, detail: str) -> HTTPException:
    # The rest of the body is not read: the connection is of no further use.
    return HTTPException(status, detail, headers={"Connection": "close"})
