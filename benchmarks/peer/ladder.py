"""Worlds of growing size, the day of both sides timed on each until the peer would no longer finish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.peer.equality import Compared, compare
from benchmarks.peer.export import export
from benchmarks.peer.sides import GIBIBYTE, Cost, OverLimitError, peer_day, platform_day, total
from benchmarks.worlds import cold_start, temporary_world
from metro_assets.config import PROFILES, load_settings

CUSTOMERS = (1_000, 4_000, 16_000, 50_000)
HISTORY_DAYS = 100
"""The window of 90 days and ten more: what the rankers are fitted on."""
MOST_SECONDS = 15 * 60.0
MOST_BYTES = 20.0 * GIBIBYTE
REPETITIONS = 3
LONG_SECONDS = 200.0
"""A peer that takes longer is run once."""


@dataclass(frozen=True)
class Rung:
    """One size: what each side took in each repetition, and what was found equal."""

    customers: int
    lines: int
    platform: list[dict[str, Cost]]
    peer: list[dict[str, Cost]]
    compared: list[Compared]


@dataclass(frozen=True)
class Ladder:
    """The sizes that were climbed, and why not higher."""

    rungs: list[Rung]
    end: str


def climb(run_date: date, customers: Sequence[int] = CUSTOMERS) -> Ladder:
    """Both sides on every size in order, until the peer is predicted to exceed its limits, or does."""
    rungs: list[Rung] = []
    for count in customers:
        if rungs and (refusal := _refusal(rungs[-1], count)):
            return Ladder(rungs, refusal)
        try:
            rungs.append(_rung(count, run_date))
            print(_progress(rungs[-1]), flush=True)
        except OverLimitError as stopped:
            return Ladder(rungs, f"At {count:,} customers the peer was {stopped}.")
    return Ladder(rungs, "The ladder ends there; the peer would have gone on.")


def _progress(rung: Rung) -> str:
    seconds = {
        side: ", ".join(f"{total(run).seconds:.1f}" for run in runs)
        for side, runs in (("platform", rung.platform), ("peer", rung.peer))
    }
    return f"{rung.customers:,} customers: equal; platform {seconds['platform']} s, peer {seconds['peer']} s"


def _refusal(last: Rung, customers: int) -> str | None:
    """Why the next size is not tried: time and memory grow at least with the customers."""
    growth = customers / last.customers
    cost = total(last.peer[-1])
    seconds, memory = cost.seconds * growth, cost.peak_bytes * growth
    if seconds <= MOST_SECONDS and memory <= MOST_BYTES:
        return None
    return (
        f"{customers:,} customers were not tried: in proportion the peer would take {seconds:,.0f} s and "
        f"{memory / GIBIBYTE:.0f} GiB, and is given {MOST_SECONDS:,.0f} s and {MOST_BYTES / GIBIBYTE:.0f} GiB."
    )


def _rung(customers: int, run_date: date) -> Rung:
    sizes = PROFILES["full"].model_copy(update={"customers": customers, "history_days": HISTORY_DAYS})
    with temporary_world() as folder:
        cold_start(folder, sizes, run_date)
        settings, database = load_settings(folder), folder / "peer.sqlite"
        lines = export(settings, run_date, database)["order_items"]
        platform, peer = [], []
        for _ in range(REPETITIONS):
            _read_through(folder / "tables")
            platform.append(platform_day(folder, run_date))
            _read_through(database)
            peer.append(peer_day(database, folder, run_date, MOST_SECONDS, MOST_BYTES))
            if total(peer[-1]).seconds > LONG_SECONDS:
                break
        return Rung(customers, lines, platform, peer, compare(settings, run_date, database))


def _read_through(path: Path) -> None:
    """Read all files once, so that both sides find theirs in the page cache as far as it holds them."""
    for file in _files(path):
        with file.open("rb") as content:
            while content.read(1 << 24):
                pass


def _files(path: Path) -> Iterator[Path]:
    yield from [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())
