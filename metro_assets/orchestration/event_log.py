"""Dagster's SQLite event log with its connections held open (docs/decisions/0008)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster import Field, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event

INDEX = "index"
OPEN_RUNS = 4
"""Run databases held open at once: a web server that shows many runs must not keep them all."""


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's own storage, files and format; the parent opens and checkpoints two databases for every event.

    `home` is Dagster's home: the databases lie where Dagster puts them by default.
    """

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._known_tables: set[str] = set()
        super().__init__(str(Path(home) / "history" / "runs"), inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """What `dagster.yaml` says of it."""
        return {"home": Field(StringSource)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledSqliteEventLogStorage:
        """Build it from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has the table; a table that was seen stays."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def wipe(self) -> None:
        """Delete all events."""
        self._close(list(self._engines))
        super().wipe()

    def dispose(self) -> None:
        """Close the databases."""
        self._close(list(self._engines))
        super().dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            self._close([name for name in self._engines if name != INDEX][: 1 - OPEN_RUNS])
            engine = create_engine(
                self.conn_string_for_shard(shard), connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
            )
            event.listen(engine, "connect", _synchronise_at_checkpoints)
            self._initdb(engine, for_index_shard=shard == INDEX)
        self._engines[shard] = engine
        return engine

    def _close(self, shards: list[str]) -> None:
        for shard in shards:
            self._engines.pop(shard).dispose()


def _synchronise_at_checkpoints(connection: Any, _: object) -> None:
    """With a write-ahead log the database stays whole; a power cut may lose its last events."""
    connection.execute("PRAGMA synchronous = NORMAL")
