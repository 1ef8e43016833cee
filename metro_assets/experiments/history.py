"""What all policies of a seed share: the days before the start, and what no policy can change after it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from metro_assets.experiments.morning import STATE_TABLES, opened_tables, training_rows
from metro_assets.experiments.opening import Memory
from metro_assets.experiments.plan import Plan, world_of, write_whole
from metro_assets.storage.tables import FILE, Warehouse

DONE = "done"


def make_history(plan: Plan, seed: int) -> None:
    """Write the history of a seed: events before the start, the state of all days, examples and features of the start.

    Finished days are kept, so that a killed process goes on where it was.
    """
    folder = plan.history(seed)
    if (folder / DONE).exists():
        return
    world = world_of(plan.settings.sizes, seed, plan.first_day)
    warehouse = Warehouse(folder, plan.engine)
    warehouse.sweep()
    registered = pl.DataFrame(world.customers()).filter(pl.col("registered_date") < plan.end)
    warehouse.write("customers", None, registered)
    warehouse.write("products", None, world.products())
    day = timedelta(days=1)
    dates = [plan.first_day + number * day for number in range((plan.end - plan.first_day).days)]

    def ingest(moment: date) -> None:
        frames = {**world.state(moment), **(world.events(moment) if moment < plan.start else {})}
        with warehouse.connection() as connection:
            for table, rows in frames.items():
                if not warehouse.exists(table, moment):
                    warehouse.write(table, moment, rows, connection, presorted=True)

    with ThreadPoolExecutor(max_workers=plan.settings.engine.threads) as pool:
        list(pool.map(ingest, dates))
    settled = plan.settings.ranking.example_days + plan.settings.ranking.label_horizon_days - 1
    shown_from = max(plan.first_day, plan.start - settled * day)
    run_dates = [shown_from + number * day for number in range(1, (plan.start - shown_from).days + 1)]
    memory = Memory(warehouse, plan.first_day, plan.start, plan.settings.engine.threads)
    with memory.opening(plan.start) as opening:
        for run_date, rows in training_rows(opening, run_dates, plan.settings.features):
            warehouse.write("training_examples", run_date, rows, opening.connection)
    memory.close()
    memory = Memory(warehouse, plan.first_day, plan.start)
    with memory.opening(plan.start) as opening:
        opened_tables(opening, plan.settings.features)
    memory.close()
    write_whole(folder / DONE, b"")


def extend_history(plan: Plan, seed: int) -> None:
    """Write the state of days that were not asked for when the history was made."""
    warehouse = Warehouse(plan.history(seed), plan.engine)
    missing = [day for day in plan.dates if not all(warehouse.exists(table, day) for table in STATE_TABLES)]
    if not missing:
        return
    world = world_of(plan.settings.sizes, seed, plan.first_day)
    registered = pl.DataFrame(world.customers()).filter(pl.col("registered_date") < plan.end)
    warehouse.write("customers", None, registered)
    with warehouse.connection() as connection:
        for day in missing:
            for table, rows in world.state(day).items():
                warehouse.write(table, day, rows, connection, presorted=True)


def share_history(plan: Plan, seed: int, policy: str) -> None:
    """Give a policy's warehouse the partitions of the history, as further names of the same files.

    A partition is never changed in place: what a policy writes gets a file of its own.
    """
    source, target = plan.history(seed) / "tables", plan.path(seed, policy) / "tables"
    for path in _partitions(source):
        own = target / path.relative_to(source)
        if not own.exists():
            own.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, own)


def _partitions(tables: Path) -> Iterable[Path]:
    return sorted(tables.rglob(FILE))
