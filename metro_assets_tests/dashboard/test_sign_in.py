"""Signing in: what is open, what is not, where it leads, and what a stranger's page cannot do."""

import re
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.session import COOKIE
from metro_assets_tests.dashboard.conftest import pages_of, serious_violations
from metro_assets_tests.serving.rest.conftest import Process

KEY = "a-key-of-the-desk-0123456789"
KEYS = {"desk": sha256(KEY.encode()).digest()}
PAGES = ("/", "/customers", "/customers/search?q=a", "/offers", "/no-such-page")


@pytest.fixture
def closed(ran: Path) -> Iterator[TestClient]:
    """A service with a key, as nobody has yet signed in to it."""
    with pages_of(ran, Keys(KEYS)) as client:
        client.follow_redirects = False
        yield client


def sign_in(client: TestClient, key: str = KEY, target: str = "/", **headers: str) -> int:
    return client.post("/sign-in", data={"key": key, "next": target}, headers=headers).status_code


def test_a_page_leads_to_the_form_and_from_there_to_itself(closed: TestClient) -> None:
    for address in PAGES:
        answer = closed.get(address)
        assert answer.status_code == 303, address
        assert answer.headers["location"].startswith("/sign-in")
    form = closed.get(closed.get("/customers?q=Țărăncuța&page=2").headers["location"])
    target = re.search(r'name="next" value="([^"]*)"', form.text)
    assert form.status_code == 200
    assert target
    answer = closed.post("/sign-in", data={"key": KEY, "next": target[1].replace("&amp;", "&")})
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/customers?q=%C8%9A%C4%83r%C4%83ncu%C8%9Ba&page=2",
    )
    assert closed.get("/customers").status_code == 200
    assert "Sign out (desk)" in closed.get("/").text
    assert closed.get("/sign-in?next=/offers").headers["location"] == "/offers"


def test_what_holds_no_customer_is_open(closed: TestClient) -> None:
    for address in ("/sign-in", "/static/style.css", "/v1/health", "/docs", "/openapi.json"):
        assert closed.get(address).status_code == 200, address
    assert closed.post("/preferences", data={"name": "language", "value": "ro"}).status_code == 303
    assert "Autentificare" in closed.get("/sign-in").text


def test_the_interface_takes_keys_only(closed: TestClient) -> None:
    assert sign_in(closed) == 303
    for address in ("/v1/models", "/v1/customers/1", "/metrics"):
        assert closed.get(address).status_code == 401, address
        assert closed.get(address, headers={"X-API-Key": KEY}).status_code in {200, 404}
    closed.cookies.clear()
    assert closed.get("/customers", headers={"X-API-Key": KEY}).status_code == 200
    assert closed.get("/customers", headers={"X-API-Key": "wrong"}).status_code == 401


def test_a_script_is_told_and_not_led(closed: TestClient) -> None:
    answer = closed.get("/customers/search?q=a", headers={"Sec-Fetch-Dest": "empty"})
    assert (answer.status_code, answer.json()["code"]) == (401, "no_valid_key")


@pytest.mark.parametrize("key", ["", "wrong", KEY[:-1], KEY + "x", "\u0219\u021b", "x" * 10_000])
def test_a_wrong_key_gets_the_form_again_and_no_session(closed: TestClient, key: str) -> None:
    answer = closed.post("/sign-in", data={"key": key, "next": "/offers"})
    assert answer.status_code == 401
    assert "That did not work" in answer.text
    assert 'value="/offers"' in answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/\t/evil.example", "/\n", "", "\\"]
)
def test_it_leads_nowhere_else(closed: TestClient, target: str) -> None:
    answer = closed.post("/sign-in", data={"key": KEY, "next": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert closed.get("/sign-in", params={"next": target}).headers["location"] == "/"


def test_after_five_wrong_keys_even_the_right_one_has_to_wait(closed: TestClient) -> None:
    assert [sign_in(closed, "wrong") for _ in range(6)] == [401] * 5 + [429]
    answer = closed.post("/sign-in", data={"key": KEY})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert "Wait " in answer.text
    # Programs that have a key are not kept waiting by who guesses beside them; who guesses there is.
    assert closed.get("/v1/models", headers={"X-API-Key": KEY}).status_code == 200
    wrong = closed.get("/v1/models", headers={"X-API-Key": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (429, "too_many_wrong_keys")


def test_wrong_keys_in_headers_count_too(closed: TestClient) -> None:
    statuses = [closed.get("/v1/models", headers={"Authorization": "Bearer wrong"}).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert sign_in(closed) == 429
    assert closed.get("/v1/models").status_code == 401


def test_signing_out_ends_the_session(closed: TestClient) -> None:
    sign_in(closed)
    kept = closed.cookies[COOKIE]
    answer = closed.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert COOKIE not in closed.cookies
    closed.cookies.set(COOKIE, kept)
    assert closed.get("/customers").status_code == 303


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, True),
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Origin": "http://localhost"}, False),
        ({}, False),
    ],
)
def test_a_form_of_another_site_is_refused(closed: TestClient, headers: dict[str, str], is_refused: bool) -> None:
    for address in ("/sign-in", "/sign-out", "/preferences"):
        answer = closed.post(address, data={"key": KEY, "name": "theme", "value": "dark"}, headers=headers)
        assert (answer.status_code == 403) == is_refused, address


def test_without_keys_there_is_nothing_to_sign_in_to(pages: TestClient) -> None:
    assert pages.get("/sign-in?next=/offers", follow_redirects=False).headers["location"] == "/offers"
    assert pages.post("/sign-in", data={"key": "x"}, follow_redirects=False).status_code == 303
    assert pages.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_a_session_ends_by_itself(closed: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(closed)
    kept, now = closed.cookies[COOKIE], time.time()
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 + 2)
    assert closed.get("/customers", headers={"Cookie": f"{COOKIE}={kept}"}).status_code == 303


def test_a_forged_cookie_is_none(closed: TestClient) -> None:
    closed.cookies.set(COOKIE, "0011.desk.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbb")
    assert closed.get("/").status_code == 303


@pytest.mark.slow
def test_a_person_signs_in_and_out(ran: Path, page: Page) -> None:
    process = Process(ran, METRO_API_KEYS=f"desk:{KEY}")
    process.wait()
    try:
        page.goto(f"{process.address}/customers?sort=name")
        expect(page).to_have_url(re.compile(r"/sign-in\?next="))
        assert serious_violations(page) == []
        page.keyboard.type(KEY)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{process.address}/customers?sort=name")
        cookie = next(one for one in page.context.cookies() if one["name"] == COOKIE)
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        # A link of another site is followed although the strict cookie does not come along with it.
        page.goto(f"http://localhost:{process.port}/sign-in")
        page.evaluate("address => { location.href = address }", f"{process.address}/offers")
        page.wait_for_url(f"{process.address}/offers")
        page.get_by_role("button", name="Sign out (desk)").click()
        expect(page).to_have_url(f"{process.address}/sign-in")
        # What was seen is not shown again to who comes next and goes back.
        page.go_back()
        expect(page).to_have_url(re.compile("/sign-in"))
        page.context.add_cookies([{**cookie, "value": cookie["value"][:-1] + "_"}])  # type: ignore[typeddict-item]
        page.goto(f"{process.address}/offers")
        expect(page).to_have_url(re.compile("/sign-in"))
        page.get_by_label("Key").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("That did not work")
        assert serious_violations(page) == []
        page.get_by_label("Key").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{process.address}/offers")
    finally:
        process.stop()
    assert KEY not in process.log.read_text()
