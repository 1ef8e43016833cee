"""Publications: one immutable file each, and a pointer to the one in force that is moved last, after the checks.

`serving/recommendations-<date>-<run id>.duckdb` holds what a reader needs, sorted for lookup. `serving/CURRENT.json`
names the publication in force and the algorithm whose order is served. No name is ever used again, so a reader that
holds a file open never waits and never sees half of a change; a crash before the pointer moves leaves the old one.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
from filelock import FileLock

from metro_assets.storage.contract import PARTITION_COLUMN, contract
from metro_assets.storage.errors import WarehouseError, explained

Relation: TypeAlias = duckdb.DuckDBPyRelation

FOLDER = "serving"
POINTER = "CURRENT.json"
ORDER = {
    "recommendations": "customer_id, algorithm, rank",
    "recommendation_shortfalls": "customer_id, algorithm",
    "customers": "customer_id",
    "customer_features": "customer_id",
}
"""The tables of a publication and how each is sorted."""
_TEMPORARY = ".writing-"
_LOCK_SECONDS = 60


class PublicationError(WarehouseError):
    """A publication is not fit to be served, or there is none."""


@dataclass(frozen=True)
class Publication:
    """What is known of a publication; `champion` is the algorithm whose order is served."""

    name: str
    run_date: date
    run_id: str
    published_at: datetime
    row_count: int
    customer_count: int
    champion: str


class Publications:
    """The publications of a warehouse. Safe to use from several processes."""

    def __init__(self, warehouse: Path, kept: int) -> None:
        self.root = warehouse / FOLDER
        self.kept = kept

    def publish(
        self,
        connection: duckdb.DuckDBPyConnection,
        tables: Mapping[str, Relation],
        run_date: date,
        run_id: str,
        published_at: datetime,
    ) -> Publication:
        """Write a publication, check it, put it in force, and remove those past the number that is kept.

        A run date before the one in force (a backfill) is published beside it without taking its place.

        Parameters
        ----------
        connection : the connection of the relations.
        tables : the relations of `ORDER` at the run date; the champion is marked in recommendations.
        published_at : now, in UTC.

        Raises
        ------
        PublicationError : the file does not hold what it should; the pointer has not moved.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self._sweep()
        name = self._unused_name(run_date, run_id)
        temporary = self.root / f"{_TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}.duckdb"
        expected = _fill(connection, temporary, tables, run_date)
        rows, customers, champion = _checked(temporary, expected)
        moment = published_at.replace(tzinfo=None)
        written = Publication(name, run_date, run_id, moment, rows, customers, champion)
        _flush(temporary)
        temporary.replace(self.root / f"{name}.duckdb")
        with self._lock():
            in_force = self._pointer()
            if in_force is None or in_force.run_date <= run_date or not self.path(in_force).exists():
                self._point_to(written, previous=in_force)
            else:
                self._remember(written)
            self._prune()
        return written

    def current(self) -> Publication:
        """The publication in force; raises PublicationError where nothing was published yet."""
        publication = self._pointer()
        if publication is None:
            raise PublicationError("nothing has been published yet; make today's recommendations: metro run")
        return publication

    def published(self) -> list[Publication]:
        """Every publication that is kept, in the order in which they were published."""
        found = [_publication(json.loads(path.read_text("utf-8"))) for path in self.root.glob("recommendations-*.json")]
        return sorted(
            (publication for publication in found if self.path(publication).exists()),
            key=lambda publication: (publication.published_at, publication.name),
        )

    def newest_of(self, run_date: date) -> Publication | None:
        """The newest publication of a run date, the one in force if it is of that date."""
        in_force = self._pointer()
        if in_force is not None and in_force.run_date == run_date:
            return in_force
        of_date = [publication for publication in self.published() if publication.run_date == run_date]
        return of_date[-1] if of_date else None

    def rollback(self) -> Publication:
        """Put the publication before the one in force back; raises PublicationError where there is none."""
        with self._lock():
            in_force = self.current()
            older = [
                publication
                for publication in self.published()
                if (publication.run_date, publication.published_at) < (in_force.run_date, in_force.published_at)
            ]
            if not older:
                raise PublicationError("there is no earlier publication to go back to; `metro status` lists them")
            previous = max(older, key=lambda publication: (publication.run_date, publication.published_at))
            self._point_to(previous, previous=in_force)
        return previous

    def serve_algorithm(self, algorithm: str) -> Publication:
        """Serve another algorithm's order from the publication in force."""
        with self._lock():
            in_force = self.current()
            changed = _publication({**_plain(in_force), "champion": algorithm})
            self._point_to(changed, previous=in_force)
        return changed

    def path(self, publication: Publication) -> Path:
        """The file of a publication."""
        return self.root / f"{publication.name}.duckdb"

    @property
    def pointer(self) -> Path:
        """The file that names the publication in force; its change is what readers watch."""
        return self.root / POINTER

    def _pointer(self) -> Publication | None:
        try:
            return _publication(json.loads(self.pointer.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise PublicationError(
                f"{self.pointer} is damaged ({error}); delete it and publish again: metro run"
            ) from error

    def _point_to(self, publication: Publication, previous: Publication | None) -> None:
        self._remember(publication)
        content = _plain(publication) | {"previous": previous.name if previous else None}
        _write(self.pointer, content)

    def _remember(self, publication: Publication) -> None:
        _write(self.root / f"{publication.name}.json", _plain(publication))

    def _prune(self) -> None:
        in_force = self.current().name
        for publication in self.published()[: -self.kept]:
            if publication.name != in_force:
                self.path(publication).unlink(missing_ok=True)
                (self.root / f"{publication.name}.json").unlink(missing_ok=True)

    def _unused_name(self, run_date: date, run_id: str) -> str:
        base = f"recommendations-{run_date}-{run_id[:8]}"
        tries = (base, *(f"{base}-{attempt}" for attempt in range(2, 1000)))
        return next(name for name in tries if not (self.root / f"{name}.duckdb").exists())

    def _sweep(self) -> None:
        for leftover in self.root.glob(f"{_TEMPORARY}*"):
            if not _is_alive(int(leftover.name.removeprefix(_TEMPORARY).split("-")[0])):
                leftover.unlink(missing_ok=True)

    def _lock(self) -> FileLock:
        self.root.mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / ".lock", timeout=_LOCK_SECONDS)


def _fill(
    connection: duckdb.DuckDBPyConnection, path: Path, tables: Mapping[str, Relation], run_date: date
) -> dict[str, int]:
    """Write the tables into a new file; returns the number of rows by table."""
    alias = f"p{uuid.uuid4().hex[:8]}"
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {alias}")
    counts = {}
    try:
        with explained():
            for table, order in ORDER.items():
                shape = contract(table)
                rows = tables[table]
                if PARTITION_COLUMN in rows.columns:
                    rows = rows.filter(duckdb.ColumnExpression(PARTITION_COLUMN) == duckdb.ConstantExpression(run_date))
                rows.create_view(f"{alias}_rows", replace=True)
                connection.execute(
                    f"create table {alias}.{table} as "
                    f"select {', '.join(shape.column_names)} from {alias}_rows order by {order}"
                )
                counts[table] = connection.sql(f"select count(*) from {alias}_rows").fetchall()[0][0]
            connection.execute(f"checkpoint {alias}")
    finally:
        connection.execute(f"drop view if exists {alias}_rows")
        connection.execute(f"detach {alias}")
    return counts


def _checked(path: Path, expected: Mapping[str, int]) -> tuple[int, int, str]:
    """Rows, customers and champion of a written file, read back; raises PublicationError if it is not fit to serve."""
    with duckdb.connect(str(path), read_only=True) as connection:
        for table, count in expected.items():
            found = connection.sql(f"select count(*) from {table}").fetchall()[0][0]
            if found != count:
                raise PublicationError(f"{path} holds {found} rows of {table}, not {count}; run again")
        rows, customers, champions = connection.sql(
            "select count(*), count(distinct customer_id), list(distinct algorithm) filter (is_champion) "
            "from recommendations"
        ).fetchall()[0]
    if len(champions or []) != 1:
        raise PublicationError(
            f"{rows} recommendations with {len(champions or [])} champions are not fit to be served; "
            "the previous publication stays in force; materialise recommendations again"
        )
    return int(rows), int(customers), str(champions[0])


def _plain(publication: Publication) -> dict[str, Any]:
    return asdict(publication) | {
        "run_date": publication.run_date.isoformat(),
        "published_at": publication.published_at.isoformat(),
    }


def _publication(content: Mapping[str, Any]) -> Publication:
    return Publication(
        name=str(content["name"]),
        run_date=date.fromisoformat(content["run_date"]),
        run_id=str(content["run_id"]),
        published_at=datetime.fromisoformat(content["published_at"]),
        row_count=int(content["row_count"]),
        customer_count=int(content["customer_count"]),
        champion=str(content["champion"]),
    )


def _write(path: Path, content: Mapping[str, Any]) -> None:
    temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}.json")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    _flush(temporary)
    temporary.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
