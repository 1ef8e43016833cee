"""Lookups over the publication in force, and over past run dates; follows a new publication without a restart."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from metro_assets.config import Engine
from metro_assets.serving.publish import ORDER, Publication, PublicationError, Publications
from metro_assets.serving.schemas import Customer, Recommendation, Slate
from metro_assets.storage.contract import contract
from metro_assets.storage.errors import WarehouseError
from metro_assets.storage.tables import Warehouse

CUSTOMER_COLUMNS = "customer_id, name, segment, business_type, city, county, store_name"


class UnknownCustomerError(WarehouseError):
    """No customer of the publication has this id, card or fiscal code."""


class UnknownAlgorithmError(WarehouseError):
    """The publication has no recommendations by this algorithm."""


@dataclass(frozen=True)
class _Opened:
    publication: Publication
    connection: duckdb.DuckDBPyConnection
    stamp: tuple[int, int] | None


class RecommendationReader:
    """Answers from publications. One per process; safe to share between threads."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.warehouse = Warehouse(root, engine)
        self.publications = Publications(root, engine.kept_publications)
        self._lock = threading.Lock()
        self._current: _Opened | None = None
        self._past: dict[str, _Opened] = {}

    def publication(self) -> Publication:
        """The publication in force, as this reader sees it now."""
        return self._in_force().publication

    def find_customer(self, text: str, run_date: date | None = None) -> Customer:
        """The customer with this id, Metro card or fiscal code; raises UnknownCustomerError."""
        opened = self._opened(run_date)
        wanted = text.strip()
        rows = _rows(
            opened,
            f"select {CUSTOMER_COLUMNS} from customers where customer_id = try_cast($wanted as integer) "
            "union all "
            f"select {CUSTOMER_COLUMNS} from customers where metro_card = $wanted or cui = $wanted limit 1",
            wanted=wanted,
        )
        if not rows:
            counts = _rows(opened, "select min(customer_id) as first, max(customer_id) as last from customers")[0]
            raise UnknownCustomerError(
                f"no customer has the id, card or fiscal code {wanted!r}; "
                f"ids run from {counts['first']} to {counts['last']}"
            )
        return Customer(**rows[0])

    def recommendations_of(self, customer_id: int, algorithm: str | None = None, run_date: date | None = None) -> Slate:
        """A customer's offers by an algorithm (default: the champion) on a run date (default: the one in force).

        Raises
        ------
        UnknownCustomerError, UnknownAlgorithmError; PublicationError : nothing was published for that date.
        """
        opened = self._opened(run_date)
        customers = _rows(
            opened,
            f"select {CUSTOMER_COLUMNS} from customers where customer_id = $customer_id",
            customer_id=customer_id,
        )
        if not customers:
            raise UnknownCustomerError(f"there is no customer {customer_id}")
        chosen = algorithm or opened.publication.champion
        offers = _rows(
            opened,
            f"select {', '.join(Recommendation.model_fields)} from recommendations "
            "where customer_id = $customer_id and algorithm = $algorithm order by rank",
            customer_id=customer_id,
            algorithm=chosen,
        )
        if not offers and chosen not in self.algorithms(run_date):
            known = ", ".join(self.algorithms(run_date))
            raise UnknownAlgorithmError(f"algorithm {chosen!r} is not published; choose one of {known}")
        shortfalls = _rows(
            opened,
            "select reason from recommendation_shortfalls where customer_id = $customer_id and algorithm = $algorithm",
            customer_id=customer_id,
            algorithm=chosen,
        )
        return Slate(
            customer=Customer(**customers[0]),
            run_date=opened.publication.run_date,
            algorithm=chosen,
            is_champion=chosen == opened.publication.champion,
            offers=[Recommendation(**row | {"is_champion": chosen == opened.publication.champion}) for row in offers],
            shortfall=shortfalls[0]["reason"] if shortfalls else None,
        )

    def algorithms(self, run_date: date | None = None) -> list[str]:
        """Algorithms with recommendations, by name."""
        rows = _rows(self._opened(run_date), "select distinct algorithm from recommendations order by algorithm")
        return [row["algorithm"] for row in rows]

    def some_customer(self) -> int:
        """A customer whose slate shows well: whole, saving on every offer, varied, of one who comes often."""
        rows = _rows(
            self._in_force(),
            "select customer_id from recommendations inner join customer_features using (customer_id) "
            "where algorithm = $algorithm group by customer_id "
            "order by count(*) desc, count(*) filter (saving_ron > 0) desc, "
            "least(count(distinct category), 6) desc, any_value(frequency_orders) desc, customer_id limit 1",
            algorithm=self._in_force().publication.champion,
        )
        if not rows:
            raise PublicationError("the publication in force holds no recommendation; run again: metro run")
        return int(rows[0]["customer_id"])

    def close(self) -> None:
        """Let go of every file."""
        with self._lock:
            for opened in (*self._past.values(), *([self._current] if self._current else [])):
                opened.connection.close()
            self._past.clear()
            self._current = None

    def _opened(self, run_date: date | None) -> _Opened:
        in_force = self._in_force()
        if run_date is None or run_date == in_force.publication.run_date:
            return in_force
        publication = self.publications.newest_of(run_date)
        name = publication.name if publication else str(run_date)
        with self._lock:
            if name not in self._past:
                self._past[name] = self._open(publication, None) if publication else self._open_tables(run_date)
            return self._past[name]

    def _open_tables(self, run_date: date) -> _Opened:
        """A run date whose publication is no longer kept, from the tables of the warehouse."""
        if not all(self.warehouse.exists(table, run_date) for table in ORDER if contract(table).is_partitioned):
            known = sorted(str(day) for day in self.warehouse.partitions("recommendations"))
            raise PublicationError(
                f"there are no recommendations of {run_date} (there are: {', '.join(known) or 'none'}); "
                f"make them: metro run --date {run_date}"
            )
        connection = self.warehouse.connection()
        for table in ORDER:
            self.warehouse.read(connection, table, [run_date]).create_view(table)
        found = connection.sql(
            "select count(*), count(distinct customer_id), coalesce(max(algorithm) filter (is_champion), '') "
            "from recommendations"
        ).fetchall()[0]
        written = datetime.fromtimestamp(self.warehouse.path("recommendations", run_date).stat().st_mtime)
        return _Opened(Publication(str(run_date), run_date, "", written, *found), connection, None)

    def _in_force(self) -> _Opened:
        """The publication that the pointer names; opened anew when the pointer was replaced."""
        stamp = self._stamp()
        opened = self._current
        if opened is not None and opened.stamp == stamp:
            return opened
        with self._lock:
            if self._current is None or self._current.stamp != stamp:
                # Cursors of lookups under way keep the old file alive until they are done.
                self._current = self._open(self.publications.current(), stamp)
            return self._current

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self.publications.pointer.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _open(self, publication: Publication, stamp: tuple[int, int] | None) -> _Opened:
        path = self.publications.path(publication)
        try:
            connection = duckdb.connect(str(path), read_only=True)
        except duckdb.Error as error:
            raise PublicationError(
                f"{path} is missing or damaged; publish again with `metro run`, or go back with "
                "`metro rollback --publication`"
            ) from error
        return _Opened(publication, connection, stamp)


def _rows(opened: _Opened, query: str, **parameters: object) -> list[dict[str, Any]]:
    """Rows of a query by column name; a cursor of its own, so that threads do not wait for one another."""
    with opened.connection.cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
