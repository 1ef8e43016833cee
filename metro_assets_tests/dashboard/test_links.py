"""All pages together: every link leads somewhere, and nothing that an address says becomes part of a page."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from starlette.testclient import TestClient

from metro_assets.dashboard.rendering import ADDRESSES

PAYLOAD = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>';{{1234567*7654321}}"
PARAMETERS = ("q", "date", "algorithm", "segment", "format", "sort", "next", "page", "product", "scenario", "x")
MOST_PAGES = 120


def links(page: str) -> list[str]:
    """Addresses of our own that a page links to."""
    return [unescape(link) for link in re.findall(r'(?:href|action)="(/[^"]*)"', page)]


def shape(address: str) -> tuple[str, tuple[str, ...]]:
    """What tells kinds of address apart: the path without its numbers, and the names of the parameters."""
    parts = urlsplit(address)
    return re.sub(r"\d[\d-]*", "0", parts.path), tuple(sorted({name for name, _ in parse_qsl(parts.query)}))


def test_every_link_leads_somewhere(pages: TestClient) -> None:
    """One of each kind: a customer's page links to itself in a dozen ways, and there are 150 customers."""
    waiting, seen, broken = list(ADDRESSES.values()), {shape(address) for address in ADDRESSES.values()}, []
    visited = 0
    while waiting and visited < MOST_PAGES:
        address = waiting.pop(0)
        answer = pages.get(address)
        visited += 1
        if answer.status_code != 200:
            broken.append((address, answer.status_code))
        if "text/html" not in answer.headers["content-type"]:
            continue
        for link in links(answer.text):
            if shape(link) not in seen and link not in {"/preferences", "/sign-out", "/sign-in"}:
                seen.add(shape(link))
                waiting.append(link)
    assert broken == []
    assert visited > len(ADDRESSES)


@pytest.mark.parametrize("address", [*ADDRESSES.values(), "/sign-in", "/customers/1", "/no-such-page", "/customers/x"])
def test_nothing_of_an_address_becomes_part_of_a_page(pages: TestClient, address: str) -> None:
    questions = (dict.fromkeys(PARAMETERS, PAYLOAD), {"q": PAYLOAD}, {"x": PAYLOAD})
    for asked in (f"{address}?{urlencode(question)}" for question in questions):
        answer = pages.get(asked)
        assert answer.status_code < 500, asked
        for part in ("<script>alert", "<img", str(1234567 * 7654321)):
            assert part not in answer.text, asked
        if "text/html" in answer.headers["content-type"]:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy


def test_no_page_holds_scripts_or_styles_of_its_own(pages: TestClient) -> None:
    for address in (*ADDRESSES.values(), "/customers/1", "/no-such-page"):
        page = pages.get(address).text
        assert not re.search(r"<script(?![^>]* src=\"/static/)", page), address
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page), address
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page), address
        assert page.count("<h1") == 1, address
