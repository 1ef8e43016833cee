"""Purchases in time: each customer's baskets in the order of their days; within a basket products have no order.

A basket is what a customer bought on a day, as far as it became known on the same day: lines that became known later
are a basket of their own, so that a moment that did not know them yet leaves them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

import duckdb
import numpy as np
import numpy.typing as npt

from metro_assets.config import Sequences
from metro_assets.sql import Relation, query, values

EPOCH = date(1970, 1, 1)
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Baskets:
    """Baskets by customer, day and day of becoming known, arrays [baskets], and their lines in a row, [lines]."""

    customer_id: Integers
    day: Integers
    """Days since 1970-01-01."""
    known_day: Integers
    line_start: Integers
    """Place of each basket's first line, and the number of lines, [baskets + 1]."""
    product: Integers
    """Numbers of products, or their places in a catalogue (`coded`)."""

    def __len__(self) -> int:
        """Number of baskets."""
        return len(self.day)

    @property
    def basket_of_line(self) -> Integers:
        """Basket of every line, [lines]."""
        return np.repeat(np.arange(len(self)), np.diff(self.line_start))

    def coded(self, catalogue: Integers) -> Self:
        """The baskets with places in the ascending catalogue for products; what it does not hold is left out."""
        # A table of places: looking up a hundred million lines by halving took ten times as long.
        most = max(catalogue.max(initial=-1), self.product.max(initial=-1))
        places = np.full(most + 1, -1, dtype=np.int64)
        places[catalogue] = np.arange(len(catalogue))
        place = places[self.product]
        is_known = place >= 0
        kept = np.bincount(self.basket_of_line[is_known], minlength=len(self))
        return replace(self, line_start=_starts(kept), product=place[is_known])

    def taken(self, places: Integers) -> Self:
        """The baskets at the places."""
        lines, counts = self.lines_of(places)
        return replace(
            self,
            customer_id=self.customer_id[places],
            day=self.day[places],
            known_day=self.known_day[places],
            line_start=_starts(counts),
            product=self.product[lines],
        )

    def lines_of(self, places: Integers) -> tuple[Integers, Integers]:
        """Places of the lines of some baskets, one basket after the other, and the number of lines of each."""
        first, counts = self.line_start[places], np.diff(self.line_start)[places]
        return np.repeat(first - _starts(counts)[:-1], counts) + np.arange(counts.sum()), counts

    def known_at(self, moment: int) -> Integers:
        """Places of the baskets that happened and became known before the day."""
        return np.flatnonzero((self.day < moment) & (self.known_day < moment))


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def baskets_between(
    order_items: Relation,
    first_date: date,
    as_of_date: date,
    customers: tuple[int, int],
    most_baskets: int | None = None,
) -> Baskets:
    """Baskets of a range of customers, both ends inclusive, from a first date on, as known before `as_of_date`.

    `most_baskets` keeps the newest of each customer.
    """
    run_date, recorded_date, customer_id = map(duckdb.ColumnExpression, ("run_date", "recorded_date", "customer_id"))
    as_of = duckdb.ConstantExpression(as_of_date)
    known = order_items.filter(
        (run_date >= duckdb.ConstantExpression(first_date))
        & (run_date < as_of)
        & (recorded_date < as_of)
        & (customer_id >= duckdb.ConstantExpression(customers[0]))
        & (customer_id <= duckdb.ConstantExpression(customers[1]))
    )
    most = most_baskets or day_number(as_of_date)
    rows = query(__package__, "basket_lines", lines=known, parameters=values(most_baskets=most)).fetchnumpy()
    return from_lines(rows["customer_id"], rows["day"], rows["known_day"], rows["product_id"])


def baskets_to_learn_from(
    order_items: Relation, customers: Relation, cutoff: date, settings: Sequences, seed: int
) -> Baskets:
    """Baskets of the history before the cut-off, of all customers or of a sample without replacement."""
    first_date = cutoff - timedelta(days=settings.history_days)
    parts = [
        baskets_between(order_items, first_date, cutoff, ends)
        for ends in customer_ranges(customers, settings.customers_per_range)
    ]
    baskets = joined(parts)
    buyers = np.unique(baskets.customer_id)
    if len(buyers) > settings.maximum_customers:
        chosen = np.random.default_rng(seed).choice(buyers, settings.maximum_customers, replace=False)
        baskets = baskets.taken(np.flatnonzero(np.isin(baskets.customer_id, chosen)))
    return baskets


def customer_ranges(customers: Relation, customers_per_range: int) -> list[tuple[int, int]]:
    """Ranges of customer ids, both ends inclusive, that cover all customers; none if there are none."""
    ids = sorted(row[0] for row in customers.select("customer_id").fetchall())
    starts = range(0, len(ids), customers_per_range)
    return [(ids[start], ids[min(start + customers_per_range, len(ids)) - 1]) for start in starts]


def joined(parts: Sequence[Baskets]) -> Baskets:
    """The baskets of ascending ranges of customers as one."""
    everything = [from_lines([], [], [], []), *parts]
    counts = np.concatenate([np.diff(part.line_start) for part in everything])
    return Baskets(
        customer_id=np.concatenate([part.customer_id for part in everything]),
        day=np.concatenate([part.day for part in everything]),
        known_day=np.concatenate([part.known_day for part in everything]),
        line_start=_starts(counts),
        product=np.concatenate([part.product for part in everything]),
    )


def from_lines(
    customer_id: npt.ArrayLike, day: npt.ArrayLike, known_day: npt.ArrayLike, product_id: npt.ArrayLike
) -> Baskets:
    """Baskets from lines that are sorted by customer, day and day of becoming known."""
    columns = [np.asarray(column, dtype=np.int64) for column in (customer_id, day, known_day)]
    is_first = np.zeros(len(columns[0]), dtype=bool)
    is_first[:1] = True
    for column in columns:
        is_first[1:] |= column[1:] != column[:-1]
    first = np.flatnonzero(is_first)
    return Baskets(
        customer_id=columns[0][first],
        day=columns[1][first],
        known_day=columns[2][first],
        line_start=np.append(first, len(is_first)),
        product=np.asarray(product_id, dtype=np.int64),
    )


def newest_baskets(baskets: Baskets, moment: int, length: int) -> tuple[Integers, Integers]:
    """Customers with a basket known at the day, ascending, and places of their newest baskets, [customers, length].

    The newest is last; where a customer has fewer, -1 comes before them.
    """
    known = baskets.known_at(moment)
    customers, first, count = np.unique(baskets.customer_id[known], return_index=True, return_counts=True)
    place = (first + count - length)[:, None] + np.arange(length)
    is_own = place >= first[:, None]
    return customers, np.where(is_own, known[np.where(is_own, place, 0)] if len(known) else -1, -1)


def _starts(counts: npt.NDArray[np.integer]) -> Integers:
    return np.concatenate([[0], np.cumsum(counts)])
