"""The service in this process, over the tiny warehouse; and as a process of its own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from metro_assets.config import load_settings
from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.app import create_app
from metro_assets_tests.conftest import program

KEYS = {"crm": "a-key-of-the-crm-0123456789", "mail": "a-key-of-the-mailer-987654321"}


def service(warehouse: Path, keys: Keys | None = None, **api: object) -> TestClient:
    """A client of the app, to be entered with `with`."""
    settings = load_settings(warehouse, api=api)
    return TestClient(
        create_app(settings, keys or Keys({})), base_url="http://localhost", raise_server_exceptions=False
    )


@pytest.fixture(scope="session")
def client(ran: Path) -> Iterator[TestClient]:
    with service(ran) as open_client:
        yield open_client


class Process:
    """`metro serve` in a process of its own."""

    def __init__(self, warehouse: Path, *arguments: str, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("METRO_")}
        self.log = warehouse.parent / f"serve-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program("metro"), "serve", "--port", str(self.port), *arguments],
                env=kept | {"METRO_WAREHOUSE": str(warehouse)} | environment,
                stdout=log,
                stderr=log,
            )
        self.address = f"http://127.0.0.1:{self.port}"

    def wait(self, seconds: float = 60) -> None:
        """Until it answers."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.address}/v1/health", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def stop(self) -> int:
        """Ask it to stop; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def resident_megabytes(self) -> float:
        """Memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1000


@pytest.fixture
def serve() -> Iterator[Callable[..., Process]]:
    """Start `metro serve`; it is stopped at the end of the test."""
    started: list[Process] = []

    def start(warehouse: Path, *arguments: str, **environment: str) -> Process:
        process = Process(warehouse, *arguments, **environment)
        started.append(process)
        process.wait()
        return process

    yield start
    for process in started:
        process.stop()
