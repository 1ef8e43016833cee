"""Lookups over the publication in force, and over past run dates; follows a new publication without a restart."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import polars as pl

from metro_assets.config import Engine
from metro_assets.serving.publish import ORDER, Publication, PublicationError, Publications
from metro_assets.serving.schemas import Customer, CustomerProfile, Slate
from metro_assets.serving.slates import Slates
from metro_assets.storage.contract import contract
from metro_assets.storage.errors import WarehouseError
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import CUSTOMER_FEATURES

Stamp: TypeAlias = tuple[int, int]
KEPT_OPEN = 4
"""Past publications that stay open at a time."""


class UnknownCustomerError(WarehouseError):
    """No customer of the publication has this id, card or fiscal code."""


class UnknownAlgorithmError(WarehouseError):
    """The publication has no recommendations by this algorithm."""


class UnknownRunDateError(PublicationError):
    """There are no recommendations of this run date."""


class OpenPublication:
    """A publication that can be asked. Safe to share between threads: every lookup has a cursor of its own."""

    def __init__(self, publication: Publication, connection: duckdb.DuckDBPyConnection) -> None:
        self.publication = publication
        self._connection = connection
        found = self._rows("select distinct algorithm from recommendations order by algorithm")
        self.algorithms: list[str] = [row["algorithm"] for row in found]

    @classmethod
    def from_file(cls, publication: Publication, path: Path) -> OpenPublication:
        """Open the file of a publication; raises PublicationError if it is missing or damaged."""
        try:
            # The threads give memory back that reading all slates took: 150 MB at full size.
            config: dict[str, str | bool | int | float | list[str]] = {"allocator_background_threads": True}
            return cls(publication, duckdb.connect(str(path), read_only=True, config=config))
        except duckdb.Error as error:
            raise PublicationError(
                f"{path} is missing or damaged; publish again with `metro run`, or go back with "
                "`metro rollback --publication`"
            ) from error

    def find_customer(self, text: str) -> Customer:
        """The customer with this id, Metro card or fiscal code; raises UnknownCustomerError."""
        wanted, columns = text.strip(), ", ".join(Customer.model_fields)
        rows = self._rows(
            f"select {columns} from customers where customer_id = try_cast($wanted as integer) "
            "union all "
            f"select {columns} from customers where metro_card = $wanted or cui = $wanted limit 1",
            wanted=wanted,
        )
        if not rows:
            counts = self._rows("select min(customer_id) as first, max(customer_id) as last from customers")[0]
            raise UnknownCustomerError(
                f"no customer has the id, card or fiscal code {wanted!r}; "
                f"ids run from {counts['first']} to {counts['last']}"
            )
        return Customer(**rows[0])

    def profile(self, customer_id: int) -> CustomerProfile:
        """Who a customer is, the features of the run date, offers by algorithm; raises UnknownCustomerError."""
        known = [name for name in CustomerProfile.model_fields if name in contract("customers").column_names]
        rows = self._rows(
            f"select {', '.join([*known, *CUSTOMER_FEATURES])} "
            "from customers left join customer_features using (customer_id) where customer_id = $customer_id",
            customer_id=customer_id,
        )
        if not rows:
            raise UnknownCustomerError(f"there is no customer {customer_id}")
        counts = self._rows(
            "select algorithm, count(*) as offers from recommendations where customer_id = $customer_id group by all",
            customer_id=customer_id,
        )
        found = {row["algorithm"]: row["offers"] for row in counts}
        return CustomerProfile(
            **rows[0],
            publication=self.publication.name,
            run_date=self.publication.run_date,
            offer_counts={algorithm: found.get(algorithm, 0) for algorithm in self.algorithms},
        )

    def slates(self, algorithm: str | None = None, customer_ids: Sequence[int] | None = None) -> Slates:
        """The slates of an algorithm (default: the champion), of all customers or of those that are named.

        Raises
        ------
        UnknownAlgorithmError : it is not published.
        """
        chosen = algorithm or self.publication.champion
        if chosen not in self.algorithms:
            known = ", ".join(self.algorithms)
            raise UnknownAlgorithmError(f"algorithm {chosen!r} is not published; choose one of {known}")
        with self._connection.cursor() as cursor:
            return Slates(cursor, self.publication, chosen, customer_ids)

    def slate(self, customer_id: int, algorithm: str | None = None) -> Slate:
        """A customer's offers by an algorithm (default: the champion); they may be none.

        Raises
        ------
        UnknownCustomerError, UnknownAlgorithmError.
        """
        slates = self.slates(algorithm, [customer_id])
        if customer_id not in slates:
            raise UnknownCustomerError(f"there is no customer {customer_id}")
        return Slate.model_validate_json(slates.json(customer_id))

    def customers_after(self, customer_id: int, count: int, algorithm: str) -> list[int]:
        """The next customers with an offer by the algorithm, by id."""
        rows = self._rows(
            "select distinct customer_id from recommendations "
            "where algorithm = $algorithm and customer_id > $customer_id order by customer_id limit $count",
            algorithm=algorithm,
            customer_id=customer_id,
            count=count,
        )
        return [row["customer_id"] for row in rows]

    def some_customer(self) -> int:
        """A customer whose slate shows well: whole, saving on every offer, varied, of one who comes often."""
        rows = self._rows(
            "select customer_id from recommendations inner join customer_features using (customer_id) "
            "where algorithm = $algorithm group by customer_id "
            "order by count(*) desc, count(*) filter (saving_ron > 0) desc, "
            "least(count(distinct category), 6) desc, any_value(frequency_orders) desc, customer_id limit 1",
            algorithm=self.publication.champion,
        )
        if not rows:
            raise PublicationError("the publication in force holds no recommendation; run again: metro run")
        return int(rows[0]["customer_id"])

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """The rows of a query over the tables of the publication (`publish.ORDER`)."""
        with self._connection.cursor() as cursor:
            return pl.DataFrame(cursor.sql(query, params=parameters).pl())

    def close(self) -> None:
        """Let go of the file; lookups that are under way end as they began."""
        self._connection.close()

    def _rows(self, query: str, **parameters: object) -> list[dict[str, Any]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class RecommendationReader:
    """The publication in force, whichever that is, and past ones. One per process; safe to share between threads."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.warehouse = Warehouse(root, engine)
        self.publications = Publications(root, engine.kept_publications)
        self._lock = threading.Lock()
        self._current: tuple[Stamp | None, OpenPublication] | None = None
        self._past: OrderedDict[Publication, OpenPublication] = OrderedDict()

    def in_force(self) -> OpenPublication:
        """The publication that the pointer names, opened anew when the pointer was replaced.

        Raises
        ------
        PublicationError : nothing was published yet, or its file is damaged.
        """
        stamp, current = self.stamp(), self._current
        if current is not None and current[0] == stamp:
            return current[1]
        with self._lock:
            if self._current is None or self._current[0] != stamp:
                publication = self.publications.current()
                # Lookups under way have cursors, which keep the file before it open until they are done.
                self._current = stamp, OpenPublication.from_file(publication, self.publications.path(publication))
            return self._current[1]

    def on(self, run_date: date | None) -> OpenPublication:
        """The publication of a run date: in force if it is of that date, else its newest, else its tables.

        Raises
        ------
        UnknownRunDateError : there are no recommendations of that date; PublicationError : see `in_force`.
        """
        if run_date is None:
            return self.in_force()
        current = self.publications.current()
        found = current if current.run_date == run_date else self.publications.newest_of(run_date)
        return self.named(found) if found is not None else self._of_tables(run_date)

    def named(self, publication: Publication) -> OpenPublication:
        """A publication that is kept, in force or not; raises PublicationError if its file is gone."""
        current = self._current
        if current is not None and current[1].publication == publication:
            return current[1]
        with self._lock:
            if publication not in self._past:
                path = self.publications.path(publication)
                self._keep(OpenPublication.from_file(publication, path))
            self._past.move_to_end(publication)
            return self._past[publication]

    def stamp(self) -> Stamp | None:
        """What changes when another publication is put in force; None: there is none."""
        try:
            status = self.publications.pointer.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def close(self) -> None:
        """Let go of every file."""
        with self._lock:
            for opened in (*self._past.values(), *([self._current[1]] if self._current else [])):
                opened.close()
            self._past.clear()
            self._current = None

    def _keep(self, opened: OpenPublication) -> None:
        self._past[opened.publication] = opened
        if len(self._past) > KEPT_OPEN:
            # Not closed: who has just got it may be about to ask. The last one to let go of it closes it.
            self._past.popitem(last=False)

    def _of_tables(self, run_date: date) -> OpenPublication:
        """A run date whose publication is no longer kept, from the tables of the warehouse."""
        if not all(self.warehouse.exists(table, run_date) for table in ORDER if contract(table).is_partitioned):
            known = sorted(str(day) for day in self.warehouse.partitions("recommendations"))
            raise UnknownRunDateError(
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
        written = datetime.fromtimestamp(self.warehouse.path("recommendations", run_date).stat().st_mtime, UTC)
        publication = Publication(str(run_date), run_date, "", written.replace(tzinfo=None), *found)
        return OpenPublication(publication, connection)
