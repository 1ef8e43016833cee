"""Who is signed in to the pages: a signed cookie, so that nothing is kept of a person but that a session has ended.

A session is signed by what its key's digest gives: it ends with its key, and no other session does.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict

from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import cookie_parser
from starlette.responses import Response

from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.asgi import Headers, header

COOKIE = "metro_session"
ENDED_SESSIONS = 10_000
"""Sessions that were signed out of and are remembered, the newest; each for as long as it would have lasted."""
SALT = "metro.session"
SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
"""Cost of a guess, for who holds a cookie and would find out the key behind it (RFC 7914, interactive use)."""
SECONDS_PER_HOUR = 3600


class Sessions:
    """Makes, knows and ends sessions. Safe to share between threads."""

    def __init__(self, keys: Keys, hours: float) -> None:
        self.seconds = int(hours * SECONDS_PER_HOUR)
        self._signers = {name: _signer(keys.digest_of(name) or b"") for name in keys.names}
        self._lock = threading.Lock()
        self._ended: OrderedDict[str, float] = OrderedDict()

    def start(self, response: Response, name: str, *, is_secure: bool) -> None:
        """Give whoever gets the response a session of the key of this name."""
        token = self._signers[name].sign(f"{secrets.token_hex(8)}.{name}").decode()
        response.set_cookie(
            COOKIE, token, max_age=self.seconds, path="/", secure=is_secure, httponly=True, samesite="strict"
        )

    def name_in(self, headers: Headers) -> str | None:
        """The name of the key of the session in the request; None: there is none that holds."""
        token = _token(headers)
        with self._lock:
            if token is None or token in self._ended:
                return None
        # Nothing that the cookie says counts before its signature by this very key has been checked.
        _, _, name = token.rsplit(".", 2)[0].partition(".")
        signer = self._signers.get(name)
        if signer is None:
            return None
        try:
            signer.unsign(token, max_age=self.seconds)
        except BadSignature:  # SignatureExpired is one
            return None
        return name

    def end(self, headers: Headers, response: Response) -> None:
        """End the session in the request, in the browser and here, should somebody else hold its cookie."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        token = _token(headers)
        if token is None or self.name_in(headers) is None:
            return
        now = time.monotonic()
        with self._lock:
            self._ended[token] = now + self.seconds
            while len(self._ended) > ENDED_SESSIONS or next(iter(self._ended.values())) < now:
                self._ended.popitem(last=False)


def _signer(digest: bytes) -> TimestampSigner:
    secret = hashlib.scrypt(digest, salt=SALT.encode(), **SCRYPT)
    return TimestampSigner(secret, salt=SALT, key_derivation="hmac", digest_method=hashlib.sha256)


def _token(headers: Headers) -> str | None:
    found = header(headers, b"cookie")
    return None if found is None else cookie_parser(found.decode("latin-1")).get(COOKIE)
