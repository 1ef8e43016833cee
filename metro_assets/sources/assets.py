"""The source's tables as assets: what one row is stands in the contract, where it comes from is the source's matter."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from queue import SimpleQueue

import dagster as dg
import duckdb
import polars as pl

from metro_assets.config import Settings, load_settings, pin_world, today
from metro_assets.orchestration.checks import contract_checks
from metro_assets.orchestration.failing import RETRY, failing_at_once
from metro_assets.orchestration.jobs import EVENT_TABLES, MASTER_TABLES, SOURCE_TABLES, STATE_TABLES
from metro_assets.orchestration.metadata import written_metadata
from metro_assets.orchestration.partitions import daily, run_dates
from metro_assets.orchestration.tables import RANGE_IN_ONE_RUN, code_version, table_spec
from metro_assets.sources.interface import Frame, Source
from metro_assets.storage.tables import Warehouse, Written

ReadSource = dg.ResourceParam[Callable[[], Source]]
"""Builds the source on first use: a run that needs no source does not wait for it."""


def _ingest(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    tables: tuple[str, ...],
    read: Callable[[date], Mapping[str, Frame]],
    workers: int,
) -> Iterator[dg.MaterializeResult[None]]:
    """Write the tables of every run date of the step, days side by side, and report progress."""
    started = time.perf_counter()
    dates = run_dates(context)
    written: dict[str, list[Written]] = {table: [] for table in tables}

    idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    for _ in range(workers):
        idle.put(warehouse.connection(threads=1))

    def one_day(day: date) -> dict[str, Written]:
        frames = read(day)
        connection = idle.get()
        try:
            return {table: warehouse.write(table, day, frames[table], connection, presorted=True) for table in tables}
        finally:
            idle.put(connection)

    with failing_at_once(), ThreadPoolExecutor(max_workers=workers) as pool:
        for number, parts in enumerate(pool.map(one_day, dates), start=1):
            for table, part in parts.items():
                written[table].append(part)
            if number % 10 == 0 or number == len(dates):
                context.log.info("day %d of %d: %s", number, len(dates), dates[number - 1])
    seconds = time.perf_counter() - started
    for table in tables:
        yield dg.MaterializeResult(
            asset_key=table, metadata=written_metadata(warehouse, table, written[table], dates[-1], seconds)
        )


@dg.multi_asset(
    name="master_data",
    specs=[table_spec(table, code_version=code_version(_ingest)) for table in MASTER_TABLES],
    retry_policy=RETRY,
)
def master_data(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
    source: ReadSource,
) -> Iterator[dg.MaterializeResult[None]]:
    """Customers and products; the first run writes down which world fills the warehouse."""
    with failing_at_once():
        pin_world(settings)
        tables = source()
        # Who registers later is nobody's business yet; no run would know them either.
        customers = pl.DataFrame(tables.customers()).filter(pl.col("registered_date") < today())
        frames = {"customers": customers, "products": tables.products()}
        parts = {table: warehouse.write(table, None, rows) for table, rows in frames.items()}
    for table, written in parts.items():
        yield dg.MaterializeResult(
            asset_key=table, metadata=written_metadata(warehouse, table, [written], None, written.seconds)
        )


@dg.multi_asset(
    name="state_of_the_date",
    specs=[table_spec(table, code_version=code_version(_ingest), deps=list(MASTER_TABLES)) for table in STATE_TABLES],
    partitions_def=daily,
    backfill_policy=RANGE_IN_ONE_RUN,
    retry_policy=RETRY,
)
def state_of_the_date(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
    source: ReadSource,
) -> Iterator[dg.MaterializeResult[None]]:
    """Prices, offers and audiences in force on the run date, as announced before it."""
    yield from _ingest(context, warehouse, STATE_TABLES, source().state, settings.engine.threads)


@dg.multi_asset(
    name="events_of_the_day",
    specs=[table_spec(table, code_version=code_version(_ingest), deps=list(MASTER_TABLES)) for table in EVENT_TABLES],
    partitions_def=daily,
    backfill_policy=RANGE_IN_ONE_RUN,
    retry_policy=RETRY,
)
def events_of_the_day(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
    source: ReadSource,
) -> Iterator[dg.MaterializeResult[None]]:
    """What happened on the day: orders, impressions, redemptions, web visits."""
    yield from _ingest(context, warehouse, EVENT_TABLES, source().events, settings.engine.threads)


MAY_BE_EMPTY = {
    "synthetic": {"offer_audience", "web_visits"},
    # A company may be closed on a day, and lack any table that the contract of its folder does not ask for.
    "files": {*STATE_TABLES, *EVENT_TABLES},
}
source_checks = [
    contract_checks(table, may_be_empty=table in MAY_BE_EMPTY[load_settings().source]) for table in SOURCE_TABLES
]
