"""The part `dashboard`: how long the server takes for every page, the first visitor's and the later ones'."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.api import Server, read, served
from benchmarks.pages import Figure, headline
from benchmarks.worlds import cold_start, temporary_world
from metro_assets.config import PROFILES, Sizes, load_settings, today

VISITS = 40
SEED = 7
PAGE_SECONDS, SIMULATION_SECONDS, SEARCH_SECONDS = 0.200, 0.300, 0.030
PAGE_BYTES = 1_000_000


class Timing(NamedTuple):
    """Seconds of one address: the first visitor's, the median and the 95 % point of the later ones'; bytes."""

    name: str
    first: float
    p50: float
    p95: float
    size: int


def dashboard_section(sizes: Sizes = PROFILES["full"], over: Path | None = None) -> str:
    """Fill a world, or take the one that is named, and visit every page; returns the page."""
    console = Console()
    with ExitStack() as stack:
        if over is None:
            world = stack.enter_context(temporary_world())
            cold_start(world, sizes, today() - timedelta(days=1))
        else:
            world, sizes = over, load_settings(over).sizes
        server = stack.enter_context(served(world, sizes.customers))
        _until_read_ahead(server)
        found = [_visited(server, name, path) for name, path in _addresses(server, sizes.customers).items()]
        for one in found:
            console.print(f"{one.name}: {one.p50 * 1000:.0f} ms, p95 {one.p95 * 1000:.0f}, first {one.first:.2f} s")
        shared = sum(len(read(server, path)) for path in ("/static/style.css", "/static/page.js", "/static/icon.svg"))
    return _page(found, sizes, shared)


def _until_read_ahead(server: Server) -> None:
    """Wait for what the service reads ahead: the offers by every algorithm are the last of it."""
    first = json.loads(read(server, "/v1/recommendations?page_size=1&limit=1"))["slates"][0]["customer"]["customer_id"]
    for algorithm in json.loads(read(server, f"/v1/customers/{first}"))["offer_counts"]:
        read(server, f"/offers?algorithm={algorithm}")


def _addresses(server: Server, customers: int) -> dict[str, Callable[[int], str]]:
    """The pages by name: address of the n-th visit."""
    random = np.random.default_rng(SEED)
    served_ids = json.loads(read(server, "/v1/recommendations?page_size=1000&limit=1"))["slates"]
    known = [slate["customer"]["customer_id"] for slate in served_ids]
    chosen = random.choice(known, VISITS + 1, replace=False).tolist()
    offers = [slate["offers"][0]["offer_id"] for slate in served_ids]
    offer_of = dict(zip(known, offers, strict=True))
    names = [slate["customer"]["name"][:5] for slate in served_ids]
    algorithms = json.loads(read(server, f"/v1/customers/{known[0]}"))["offer_counts"]
    other = next(name for name in sorted(algorithms) if name != "boosted_trees")
    return {
        "today": lambda _: "/",
        "customers": lambda visit: f"/customers?page={visit + 1}",
        "search as you type": lambda visit: f"/customers/search?q={urllib.request.quote(names[visit])}",
        "a customer": lambda visit: f"/customers/{chosen[visit]}",
        "two algorithms side by side": lambda visit: f"/customers/{chosen[visit]}?beside={other}",
        "a receipt": lambda visit: f"/customers/{chosen[visit]}/offers/{offer_of[chosen[visit]]}",
        "simulation": lambda visit: f"/simulate?customer={chosen[visit]}&every={2 + visit % 5}",
        "offers": lambda _: "/offers",
        "an offer": lambda visit: f"/offers/{offers[visit]}",
        "quality": lambda _: "/quality",
        "drift": lambda _: "/drift",
        "experiments": lambda _: "/experiments",
    }


def _visited(server: Server, name: str, address: Callable[[int], str]) -> Timing:
    seconds, size = [], 0
    for visit in range(VISITS + 1):
        started = time.perf_counter()
        size = max(size, len(read(server, address(visit))))
        seconds.append(time.perf_counter() - started)
    later = seconds[1:]
    return Timing(name, seconds[0], median(later), float(np.quantile(later, 0.95)), size)


def _target(name: str) -> float:
    return {"simulation": SIMULATION_SECONDS, "search as you type": SEARCH_SECONDS}.get(name, PAGE_SECONDS)


def _page(found: list[Timing], sizes: Sizes, shared: int) -> str:
    figures = [
        Figure(
            f"page: {one.name}",
            f"< {_target(one.name) * 1000:.0f} ms",
            f"{one.p50 * 1000:.0f} ms (p95 {one.p95 * 1000:.0f})",
            one.p50 < _target(one.name),
        )
        for one in found
    ]
    largest = max(found, key=lambda one: one.size)
    figures.append(
        Figure(
            "largest page after the first visit", "< 1 MB", f"{largest.size / 1000:.0f} kB", largest.size < PAGE_BYTES
        )
    )
    rows = ["| page | first visit, ms | p50, ms | p95, ms | kB |", "|---|--:|--:|--:|--:|"]
    rows += [
        f"| {one.name} | {one.first * 1000:.0f} | {one.p50 * 1000:.0f} | {one.p95 * 1000:.0f} | {one.size / 1000:.0f} |"
        for one in found
    ]
    return "\n\n".join(
        [
            headline(figures),
            f"`metro serve` over {sizes.customers:,} customers, every page {VISITS} times after the first, one visitor "
            "at a time, of other customers and offers each time; whole answers, not compressed; after the service has "
            "read ahead what is the same for everybody, which takes it less than a minute beside the requests.",
            "\n".join(rows),
            f"Style sheet, script and icon are {shared / 1000:.0f} kB, read once and kept by the browser.",
        ]
    )
