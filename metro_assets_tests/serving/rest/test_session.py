"""Sessions: whose they are, when they end, and that none can be made up."""

import time

import pytest
from itsdangerous import TimestampSigner
from starlette.responses import Response

from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.asgi import Headers
from metro_assets.serving.rest.session import COOKIE, Sessions

DIGESTS = {"crm": b"a" * 32, "mail.v2": b"b" * 32}
HOURS = 12.0


def begun(sessions: Sessions, name: str, *, is_secure: bool = False) -> tuple[str, str]:
    """The cookie's value and what else the browser is told of it."""
    response = Response()
    sessions.start(response, name, is_secure=is_secure)
    value, _, attributes = response.headers["set-cookie"].partition(";")
    return value.removeprefix(f"{COOKIE}="), attributes.lower()


def sent(token: str) -> Headers:
    return [(b"cookie", f"theme=dark; {COOKIE}={token}; other=1".encode("latin-1"))]


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return Sessions(Keys(DIGESTS), HOURS)


@pytest.mark.parametrize("name", DIGESTS)
def test_a_session_is_of_the_key_that_began_it(sessions: Sessions, name: str) -> None:
    token, attributes = begun(sessions, name)
    assert sessions.name_in(sent(token)) == name
    assert {"httponly", "samesite=strict", "path=/", f"max-age={12 * 3600}"} <= {
        part.strip() for part in attributes.split(";")
    }
    assert "secure" not in attributes
    assert "secure" in begun(sessions, name, is_secure=True)[1]


def test_a_session_ends_with_its_key_and_not_with_another(sessions: Sessions) -> None:
    token, _ = begun(sessions, "crm")
    for digests, name in (
        ({"crm": b"a" * 32}, "crm"),
        ({"mail.v2": b"b" * 32}, None),
        ({"crm": b"c" * 32, "mail.v2": b"b" * 32}, None),
        ({}, None),
    ):
        assert Sessions(Keys(digests), HOURS).name_in(sent(token)) == name


def swapped(token: str) -> str:
    """Another signature: of its last character some bits mean nothing, of its first none."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def test_no_cookie_that_was_changed_or_made_up_counts(sessions: Sessions) -> None:
    token, _ = begun(sessions, "crm")
    other, _ = begun(sessions, "mail.v2")
    forged = TimestampSigner("guessed", salt="metro.session", key_derivation="hmac").sign("00.crm").decode()
    changed = [token.replace("crm", "mail.v2"), swapped(token), token + "x", token[1:]]
    mixed = ".".join([*token.split(".")[:-1], other.split(".")[-1]])
    for wrong in (*changed, mixed, forged, "", "crm", ".crm", "..", "a.b.c.d", "\xff\xfe.crm.x.y", "x" * 5000):
        assert sessions.name_in(sent(wrong)) is None, wrong
    assert sessions.name_in([]) is None
    assert sessions.name_in([(b"cookie", b"\xff;=;;" + COOKIE.encode())]) is None


def test_a_session_ends_by_itself(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    token, _ = begun(sessions, "crm")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 - 5)
    assert sessions.name_in(sent(token)) == "crm"
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 + 5)
    assert sessions.name_in(sent(token)) is None
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert sessions.name_in(sent(token)) is None


def test_signing_out_ends_the_session_also_for_who_has_copied_its_cookie(sessions: Sessions) -> None:
    token, _ = begun(sessions, "crm")
    second, _ = begun(sessions, "crm")
    response = Response()
    sessions.end(sent(token), response)
    assert "max-age=0" in response.headers["set-cookie"].lower()
    assert sessions.name_in(sent(token)) is None
    assert sessions.name_in(sent(second)) == "crm"
    sessions.end([], Response())
    sessions.end(sent("made.up.token"), Response())
    assert len(sessions._ended) == 1
