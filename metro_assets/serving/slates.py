"""Slates as JSON, ready to be sent: the offers of an algorithm lie in memory as text and are only put together.

A slate is 7 KB of JSON. Rendered from rows it takes 50 microseconds or more; here it is a join of fragments that DuckDB
rendered when the publication was opened. What does not depend on the customer (the offer, its product, the tier
prices) is kept once, which halves the memory: at full size 190 MB for the 478,000 offers of the champion.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from metro_assets.serving.publish import Publication

PIECE = 64
"""Slates that are sent at a time where many are asked for: half a megabyte."""

ENOUGH = b'],"shortfall":null}'


class Slates:
    """The slates of one algorithm, of all customers or of some. Immutable, so safe to share between threads."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        publication: Publication,
        algorithm: str,
        customer_ids: Sequence[int] | None = None,
    ) -> None:
        """Read them from an open publication.

        Parameters
        ----------
        algorithm : its order; there are no offers where it is not published.
        customer_ids : the customers that will be asked for; None: all.
        """
        bound = {"algorithm": algorithm, "ids": None if customer_ids is None else list(customer_ids)}
        own = _table(connection, "slate_fragments", bound)
        shared = _table(connection, "shared_fragments", bound)
        customers = _table(connection, "slate_customers", bound)
        self.publication = publication
        self.algorithm = algorithm
        self.run_date: date = publication.run_date
        self.is_champion = algorithm == publication.champion
        self._own, self._cuts = _text(own["own"])
        self._shared = [text.encode() for text in shared["shared"].to_pylist()]
        self._shared_of = np.searchsorted(shared["shared_key"].to_numpy(), own["shared_key"].to_numpy())
        self._places = _places(own["customer_id"].to_numpy())
        ids = customers["customer_id"].to_pylist()
        self._customers = dict(zip(ids, map(str.encode, customers["customer"].to_pylist()), strict=True))
        self._shortfalls: dict[int, str] = {
            customer_id: reason
            for customer_id, reason in zip(ids, customers["shortfall"].to_pylist(), strict=True)
            if reason is not None
        }
        self._ids_with_offers = np.fromiter(self._places, dtype=np.int64, count=len(self._places))
        self._middle = (
            f',"publication":{json.dumps(publication.name)},"run_date":"{publication.run_date}",'
            f'"algorithm":{json.dumps(algorithm)},"is_champion":{json.dumps(self.is_champion)},"offers":['
        ).encode()

    def __contains__(self, customer_id: int) -> bool:
        """Whether the customer is known; offers or not."""
        return customer_id in self._customers

    def shortfall(self, customer_id: int) -> str | None:
        """Why a known customer has fewer offers than ten; None where it has not."""
        return self._shortfalls.get(customer_id)

    def with_offers_after(self, customer_id: int, count: int) -> list[int]:
        """The next customers with an offer, by id."""
        start = int(np.searchsorted(self._ids_with_offers, customer_id, side="right"))
        found: list[int] = self._ids_with_offers[start : start + count].tolist()
        return found

    def has_offers(self, customer_id: int) -> bool:
        """Whether the customer has an offer; False also where nobody has that id."""
        return customer_id in self._places

    def json(self, customer_id: int, limit: int | None = None) -> bytes:
        """The slate (schemas.Slate) as JSON with its `limit` best offers; raises KeyError for an unknown customer."""
        start, stop = self._places.get(customer_id, (0, 0))
        if limit is not None and stop - start > limit:
            stop = start + limit
        cuts = self._cuts[start : stop + 1].tolist()
        own, shared = self._own, self._shared
        parts: list[bytes | memoryview] = [b'{"customer":', self._customers[customer_id], self._middle]
        for row, place in enumerate(self._shared_of[start:stop].tolist()):
            parts += (own[cuts[row] : cuts[row + 1]], b",", shared[place], b",")
        if stop > start:
            parts.pop()
        reason = self._shortfalls.get(customer_id)
        parts.append(ENOUGH if reason is None else b'],"shortfall":' + json.dumps(reason).encode() + b"}")
        return b"".join(parts)

    def json_array(self, customer_ids: Iterable[int], limit: int | None = None) -> Iterator[bytes]:
        """The slates of those of the customers that have offers as one JSON array, `PIECE` slates at a time."""
        bodies = (self.json(customer_id, limit) for customer_id in customer_ids if customer_id in self._places)
        opening = b"["
        while piece := b",".join(itertools.islice(bodies, PIECE)):
            yield opening + piece
            opening = b","
        yield b"]" if opening == b"," else b"[]"


def _table(connection: duckdb.DuckDBPyConnection, name: str, bound: Mapping[str, object]) -> pa.Table:
    text = files("metro_assets.serving").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    with connection.cursor() as cursor:
        return cursor.sql(text, params=dict(bound)).to_arrow_table()


def _text(column: pa.ChunkedArray) -> tuple[memoryview, npt.NDArray[np.int64]]:
    """The bytes of a text column without nulls and where each row begins; one more than rows."""
    array = pa.concat_arrays(column.cast(pa.large_string()).chunks or [pa.array([], pa.large_string())])
    _, offsets, data = array.buffers()
    cuts = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(data if data is not None else b""), cuts


def _places(customer_ids: npt.NDArray[np.int32]) -> dict[int, tuple[int, int]]:
    """First row and the row after the last of each customer; the ids are sorted."""
    ids, starts = np.unique(customer_ids, return_index=True)
    stops = np.append(starts[1:], len(customer_ids)) if len(ids) else starts
    return dict(zip(ids.tolist(), zip(starts.tolist(), stops.tolist(), strict=True), strict=True))
