"""What the pages read: the publication of a date, the tables behind it, the models. Shared by all requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property

import duckdb

from metro_assets.config import Settings
from metro_assets.serving.queries import OpenPublication, RecommendationReader
from metro_assets.serving.reports import Reports
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Dates, Warehouse


class Desk:
    """Safe to share between threads and beside a run: every file it reads is whole."""

    def __init__(self, settings: Settings, reader: RecommendationReader) -> None:
        self.settings = settings
        self.reader = reader
        self.warehouse = Warehouse(settings.warehouse, settings.engine)
        self.models = ModelStore(settings.warehouse)
        self.reports = Reports(settings)

    def opened(self, run_date: date | None = None) -> OpenPublication:
        """The publication in force, or that of a run date; raises PublicationError or UnknownRunDateError."""
        return self.reader.on(run_date)

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return self.warehouse.connection()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor to read tables with, for one request."""
        with self._connection.cursor() as cursor:
            yield cursor

    def table(
        self, connection: duckdb.DuckDBPyConnection, table: str, dates: Dates = None, *, allow_missing: bool = True
    ) -> duckdb.DuckDBPyRelation:
        """A lazy relation over partitions of a table; partitions that were never made hold nothing."""
        return self.warehouse.read(connection, table, dates, allow_missing=allow_missing)

    def run_dates(self) -> list[date]:
        """Mornings with recommendations, newest first."""
        return self.warehouse.partitions("recommendations")[::-1]
