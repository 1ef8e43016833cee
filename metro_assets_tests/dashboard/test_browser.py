"""Every page in a real browser: nothing complains, and axe finds nothing serious, in either theme, wide and narrow."""

import pytest
from playwright.sync_api import Page

from metro_assets_tests.dashboard.conftest import serious_violations

pytestmark = pytest.mark.slow
ADDRESSES = ("/", "/customers", "/simulate", "/offers", "/quality", "/drift", "/experiments", "/no-such-page")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_is_accessible(site: str, page: Page, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    for address in ADDRESSES:
        page.goto(site + address)
        assert serious_violations(page) == [], address
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{address} is {overflow} pixels wider than the window"
