"""The part `api`: lookups per second and their latency, as a ratio to a bare FastAPI route, idle and beside a run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from matplotlib.figure import Figure as Picture
from rich.console import Console

from benchmarks.pages import Figure, headline
from benchmarks.worlds import cold_start, next_day, temporary_world
from metro_assets.config import PROFILES, Sizes, today

SECONDS = 4.0
CONNECTIONS = 16
REPETITIONS = 5
ASKED = 5_000
TARGET = 0.8
SEED = 7
OURS, LOGGED, SILENT, RENDERED = "this service", "bytes, logged", "bytes, no log", "objects, logged"


@dataclass(frozen=True)
class Server:
    """A running server and what it is asked for."""

    port: int
    paths: Sequence[str]
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Seen:
    """One repetition of one server under load."""

    server: str
    moment: str
    rate: float
    p50: float
    p99: float
    failures: int


def api_section(folder: Path, sizes: Sizes = PROFILES["full"]) -> str:
    """Fill a world, serve it, load it; returns the page and writes its picture."""
    console = Console()
    run_date = today()
    with temporary_world() as world, ExitStack() as stack:
        cold_start(world, sizes, run_date - timedelta(days=1))
        servers = {OURS: stack.enter_context(served(world, sizes.customers))}
        body = world / "body.json"
        body.write_bytes(read(servers[OURS], servers[OURS].paths[0]))
        servers[LOGGED] = stack.enter_context(_bare(body, "/bytes", "--access-log"))
        servers[SILENT] = stack.enter_context(_bare(body, "/bytes", "--no-access-log"))
        servers[RENDERED] = stack.enter_context(_bare(body, "/object", "--access-log"))
        size = body.stat().st_size
        seen = list(_loaded(servers, "idle", REPETITIONS, console))
        many = _many(servers[OURS])
        run = threading.Thread(target=next_day, args=(world, run_date))
        run.start()
        while run.is_alive():
            seen += _loaded({OURS: servers[OURS], LOGGED: servers[LOGGED]}, "beside a run", 1, console)
        run.join()
        answered = json.loads(read(servers[OURS], "/v1/ready"))["run_date"]
        memory = psutil.Process(servers[OURS].process.pid).memory_info().rss / 1e6
    _draw(seen, folder / "api.png")
    return _page(seen, sizes, size, memory, many, followed=answered == str(run_date))


def _loaded(servers: dict[str, Server], moment: str, repetitions: int, console: Console) -> Iterator[Seen]:
    """Every server in turn, so that what else the machine does meets all of them."""
    for _ in range(repetitions):
        for name, server in servers.items():
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.load", str(server.port), str(SECONDS), str(CONNECTIONS)],
                input="\n".join(server.paths),
                capture_output=True,
                text=True,
                check=True,
            )
            found = json.loads(done.stdout)
            failures = sum(count for status, count in found["statuses"].items() if status not in {"200", "404"})
            one = Seen(name, moment, found["rate"], found["p50"], found["p99"], failures)
            console.print(f"{moment}: {name} {one.rate:,.0f}/s, p50 {one.p50:.2f} ms, p99 {one.p99:.2f} ms")
            yield one


def _many(server: Server) -> tuple[float, float]:
    """Seconds of a batch of 1,000 customers, and of all customers page by page."""
    ids = [int(path.split("/")[3]) for path in server.paths[:1000]]
    asked = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/v1/recommendations/batch",
        json.dumps({"customer_ids": ids}).encode(),
        {"Content-Type": "application/json"},
    )
    batches = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        urllib.request.urlopen(asked).read()
        batches.append(time.perf_counter() - started)
    started = time.perf_counter()
    page: str | None = "/v1/recommendations?page_size=1000"
    while page:
        page = json.loads(read(server, page))["next"]
    return median(batches), time.perf_counter() - started


@contextmanager
def served(world: Path, customers: int) -> Iterator[Server]:
    """`metro serve` over the world, asked for random customers, a twentieth of whom have no offers."""
    port = _free_port()
    command = [str(Path(sys.executable).with_name("metro")), "serve", "--port", str(port), "--warehouse", str(world)]
    with _running(command, port, "/v1/ready") as process:
        found = json.loads(read(Server(port, [], process), "/v1/recommendations?page_size=1&limit=1"))
        first = found["slates"][0]["customer"]["customer_id"]
        known = np.random.default_rng(SEED).integers(1, customers + 1, ASKED)
        paths = [f"/v1/customers/{number}/recommendations" for number in (first, *known.tolist())]
        yield Server(port, paths, process)


@contextmanager
def _bare(body: Path, path: str, log: str) -> Iterator[Server]:
    port = _free_port()
    command = [str(Path(sys.executable).with_name("uvicorn")), "benchmarks.bare:app", "--port", str(port), log]
    with _running(command, port, path, BODY=str(body)) as process:
        yield Server(port, [path], process)


@contextmanager
def _running(command: list[str], port: int, path: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                read(Server(port, [], process), path)
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


def read(server: Server, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}") as answer:
        content: bytes = answer.read()
    return content


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _of(seen: Sequence[Seen], server: str, moment: str) -> list[Seen]:
    return [one for one in seen if (one.server, one.moment) == (server, moment)]


def _ratio(seen: Sequence[Seen], peer: str, moment: str) -> tuple[float, float, float]:
    """Ours over the peer's requests per second: median, least and most of the repetitions."""
    pairs = zip(_of(seen, OURS, moment), _of(seen, peer, moment), strict=True)
    ratios = [own.rate / other.rate for own, other in pairs]
    return median(ratios), min(ratios), max(ratios)


def _said(ratio: tuple[float, float, float]) -> str:
    return f"{ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})"


def _page(
    seen: list[Seen], sizes: Sizes, size: int, memory: float, many: tuple[float, float], *, followed: bool
) -> str:
    idle, beside = _ratio(seen, LOGGED, "idle"), _ratio(seen, LOGGED, "beside a run")
    silent, rendered = _ratio(seen, SILENT, "idle"), _ratio(seen, RENDERED, "idle")
    failures = sum(one.failures for one in seen)
    requests = sum(one.rate * SECONDS for one in seen if one.server == OURS)
    top = headline(
        [
            Figure("lookups against a bare route of bytes, idle", f">= {TARGET}", _said(idle), idle[0] >= TARGET),
            Figure("the same beside a run that writes", f">= {TARGET}", _said(beside), beside[0] >= TARGET),
            Figure("against the bare route without any log, idle", f">= {TARGET}", _said(silent), silent[0] >= TARGET),
            Figure("against a bare route of Python objects, idle", "", _said(rendered), None),
            Figure("failed lookups", "0", f"{failures} of {requests:,.0f}", failures == 0),
        ]
    )
    rows = ["| when | server | requests per second | p50, ms | p99, ms |", "|---|---|--:|--:|--:|"]
    for moment in ("idle", "beside a run"):
        for server in (OURS, LOGGED, SILENT, RENDERED):
            if not (found := _of(seen, server, moment)):
                continue
            rates = [one.rate for one in found]
            rows.append(
                f"| {moment} | {server} | {median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) "
                f"| {median(one.p50 for one in found):.2f} | {median(one.p99 for one in found):.2f} |"
            )
    return "\n\n".join(
        [
            top,
            f"`metro serve` over {sizes.customers:,} customers, asked for random ones by {CONNECTIONS} connections of "
            f"another process for {SECONDS:g} s; the peers answer with one constant of the same {size:,} bytes. "
            f"Servers in turn, {REPETITIONS} times idle, and as long as a `metro run` of the next day on the same "
            "warehouse lasts. One process each, on the same cores as the client and the run.",
            "\n".join(rows),
            "*bytes*: `return Response(constant)`; *objects*: `return constant`, which FastAPI renders, as in its "
            "tutorial. *logged*: a line per request, as uvicorn does without being told otherwise and as this service "
            "does. What this service does beside the bare route: reads the customer out of the path, finds and joins "
            "the slate, compares the entity tag, measures, writes a JSON line with an id.",
            "![Requests per second and latency](api.png)",
            f"The run published a new morning, and the service {'followed' if followed else '**did not follow**'} "
            f"under load. Its memory was {memory:,.0f} MB afterwards. A batch of 1,000 customers took "
            f"{many[0] * 1000:.0f} ms, every customer of the morning page by page {many[1]:.1f} s.",
        ]
    )


def _draw(seen: list[Seen], path: Path) -> None:
    figure = Picture(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    kinds = [(moment, name) for moment in ("idle", "beside a run") for name in (OURS, LOGGED, SILENT, RENDERED)]
    shown = [(moment, name, found) for moment, name in kinds if (found := _of(seen, name, moment))]
    labels = [f"{name}\n{moment}" for moment, name, _ in shown]
    colours = ["#0b5fa5" if name == OURS else "#9aa5b1" for _, name, _ in shown]
    rates = [median(one.rate for one in found) for _, _, found in shown]
    left.barh(labels, rates, color=colours)
    left.set_xlabel("requests per second")
    p50 = [median(one.p50 for one in found) for _, _, found in shown]
    p99 = [median(one.p99 for one in found) for _, _, found in shown]
    right.barh(labels, p99, color=[f"{colour}88" for colour in colours], label="p99")
    right.barh(labels, p50, color=colours, label="p50")
    right.set_xlabel("milliseconds: p50 dark, p99 light")
    right.set_yticks([])
    for axes in (left, right):
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
