"""The pages over the tiny warehouse: in this process, and in a browser on a process of its own."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.testclient import TestClient

from metro_assets.config import load_settings
from metro_assets.dashboard.app import add_pages
from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.app import create_app
from metro_assets_tests.serving.rest.conftest import Process

CHROMIUM = os.environ.get("METRO_CHROMIUM") or next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


def pages_of(warehouse: Path, keys: Keys | None = None, **asked: object) -> TestClient:
    """A client of the service with its pages, to be entered with `with`."""
    app = create_app(load_settings(warehouse, **asked), keys or Keys({}), add_pages)
    headers = {"Accept": "text/html"}
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False, headers=headers)


@pytest.fixture(scope="session")
def pages(ran: Path) -> Iterator[TestClient]:
    with pages_of(ran) as client:
        yield client


@pytest.fixture(scope="session")
def site(ran: Path) -> Iterator[str]:
    """Address of a service over the tiny warehouse."""
    process = Process(ran)
    process.wait()
    yield process.address
    process.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt install chromium, or name one in METRO_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page of a laptop; what the browser complains of is a failure."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    opened = context.new_page()
    complaints: list[str] = []
    # A page that is not there, or a wrong key, is answered with a page that says so; the browser need not complain.
    opened.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and not re.search("status of (401|404)", message.text)
            else None
        ),
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert not complaints


def serious_violations(page: Page) -> list[str]:
    """What axe finds serious or critical on the open page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
