"""How an asset gets its inputs and where its output goes: relations or frames over the warehouse's partitions."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import dagster as dg
import duckdb
import polars as pl

from metro_assets.orchestration.failing import failing_at_once
from metro_assets.orchestration.metadata import written_metadata
from metro_assets.storage.contract import PARTITION_COLUMN, contract
from metro_assets.storage.tables import Warehouse, Written


class WarehouseIOManager(dg.IOManager):
    """Tables in and out of the warehouse.

    An input is limited to the partitions of its dependency and comes as its parameter is annotated: a lazy
    `duckdb.DuckDBPyRelation` (all inputs of one step share a connection, so that they can be joined) or a
    `polars.DataFrame`. An output is a relation on that connection or a frame; over a range of run dates in a single
    run it has the column `run_date` and is written date by date.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._step: tuple[str, str] | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._started = 0.0

    def load_input(self, context: dg.InputContext) -> duckdb.DuckDBPyRelation | pl.DataFrame:
        """The partitions of the dependency as a relation, or as a frame where the parameter says so."""
        table = context.asset_key.path[-1]
        connection = self._connection_of(context)
        dates = None
        if contract(table).is_partitioned:
            dates = [date.fromisoformat(key) for key in context.asset_partition_keys]
        may_be_missing = bool((context.definition_metadata or {}).get("may_be_missing"))
        with failing_at_once():
            relation = self.warehouse.read(connection, table, dates, allow_missing=may_be_missing)
            return relation.pl() if context.dagster_type.typing_type is pl.DataFrame else relation

    def handle_output(self, context: dg.OutputContext, obj: duckdb.DuckDBPyRelation | pl.DataFrame | None) -> None:
        """Replace the partitions of the step; None means that the asset has nothing to store."""
        if obj is None:
            return
        table = context.asset_key.path[-1]
        connection = self._connection_of(context)
        with failing_at_once():
            if not contract(table).is_partitioned:
                written = [self.warehouse.write(table, None, obj, connection)]
            else:
                dates = [date.fromisoformat(key) for key in context.asset_partition_keys]
                written = self._write_dates(connection, table, dates, obj)
        seconds = time.perf_counter() - self._started  # since the step read its first input
        last = dates[-1] if contract(table).is_partitioned else None
        context.add_output_metadata(written_metadata(self.warehouse, table, written, last, seconds))

    def _write_dates(
        self, connection: duckdb.DuckDBPyConnection, table: str, dates: list[date], rows: Any
    ) -> list[Written]:
        if len(dates) == 1:
            return [self.warehouse.write(table, dates[0], rows, connection)]
        connection.execute(f"create or replace temp table range_of_{table} as from rows")
        written = []
        for day in dates:
            part = connection.sql(f"from range_of_{table} where {PARTITION_COLUMN} = $day", params={"day": day})
            written.append(self.warehouse.write(table, day, part, connection))
        connection.execute(f"drop table range_of_{table}")
        return written

    def _connection_of(self, context: dg.InputContext | dg.OutputContext) -> duckdb.DuckDBPyConnection:
        """One connection per step: steps of a process run one after the other, so the newest is enough."""
        step = context.step_context
        name = (step.run_id, step.step.key)
        if self._connection is None or self._step != name:
            if self._connection is not None:
                self._connection.close()
            self._step, self._connection, self._started = name, self.warehouse.connection(), time.perf_counter()
        return self._connection
