"""Every page in a real browser: nothing complains, axe finds nothing serious, and it works without a mouse."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import duckdb
import pytest
from playwright.sync_api import Page, Response, expect

from metro_assets.dashboard.rendering import ADDRESSES
from metro_assets.serving.publish import Publications
from metro_assets_tests.dashboard.conftest import serious_violations
from metro_assets_tests.serving.rest.conftest import Process

pytestmark = pytest.mark.slow
PAGES = (*ADDRESSES.values(), "/customers/1", "/no-such-page")
LARGEST_VISIT = 1_000_000
"""Bytes of a page with all that it loads."""
HOSTILE = "<img src=x onerror=alert(1)> \"Țărăncuța\" & 'Fiii' \u202e<b>" + "Nemărginit" * 18


def overflow(page: Page) -> int:
    """Pixels that the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_is_accessible(site: str, page: Page, theme: Literal["light", "dark"], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    for address in PAGES:
        page.goto(site + address)
        assert serious_violations(page) == [], address
        assert overflow(page) <= 0, f"{address} is {overflow(page)} pixels wider than the window"


def test_every_page_is_small_and_of_this_service_alone(site: str, page: Page) -> None:
    loaded: list[Response] = []
    page.on("response", lambda response: loaded.append(response))
    for address in PAGES:
        loaded.clear()
        page.goto(site + address, wait_until="networkidle")
        assert all(one.url.startswith(site) for one in loaded), address
        sizes = {one.url: len(one.body()) for one in loaded if one.status in {200, 404}}
        assert sum(sizes.values()) < LARGEST_VISIT, (address, sizes)


def test_the_keyboard_leads_past_the_head_and_to_every_page(site: str, page: Page) -> None:
    for address in PAGES:
        page.goto(site + address)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main, footer') !== null"), address
    page.goto(site)
    for name in ("Customers", "Simulate", "Offers", "Quality", "Drift", "Experiments"):
        link = page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True)
        link.focus()
        page.keyboard.press("Enter")
        expect(
            page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True)
        ).to_have_attribute("aria-current", "page")


def test_on_paper_there_is_the_content_only(site: str, page: Page) -> None:
    page.emulate_media(media="print")
    for address in PAGES:
        page.goto(site + address)
        expect(page.get_by_role("banner")).to_be_hidden()
        expect(page.locator("footer")).to_be_hidden()
        expect(page.locator("h1")).to_be_visible()


@pytest.fixture
def hostile_site(copied: Path) -> Iterator[str]:
    """A service over a warehouse whose customers and products are called what no business would be."""
    publications = Publications(copied, 14)
    with duckdb.connect(str(publications.path(publications.current()))) as connection:
        connection.execute("update customers set name = $name, city = $name", {"name": HOSTILE})
        connection.execute(
            "update recommendations set product_name = $name, offer_name = $name, reason = $name", {"name": HOSTILE}
        )
    process = Process(copied)
    try:
        process.wait()
        yield process.address
    finally:
        process.stop()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_name_stays_a_name(hostile_site: str, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.on("dialog", lambda dialog: pytest.fail(f"a name became a script: {dialog.message}"))
    for address in PAGES:
        page.goto(hostile_site + address)
        assert page.locator("img[src=x]").count() == 0, address
        assert overflow(page) <= 0, f"{address} is {overflow(page)} pixels wider than the window"
    page.goto(hostile_site)
    page.get_by_role("combobox", name="Find a customer").fill("tarancuta")
    expect(page.locator("#search-results [role=option]")).to_have_count(10)
    assert page.locator("img[src=x]").count() == 0
    assert overflow(page) <= 0
