"""Who a customer is: features and categories against the segment, the rhythm, the products and their cycles.

What is the same for everybody of a run date is worked out once per publication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import structlog
from duckdb import ColumnExpression, ConstantExpression

from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.kept import once
from metro_assets.serving.publish import Publication
from metro_assets.serving.queries import OpenPublication
from metro_assets.sql import query
from metro_assets.storage.errors import WarehouseError, explained
from metro_assets.vocabulary import CUSTOMER_FEATURES

KEPT = 8
"""Publications whose segments are kept."""
SPEND_LEVELS = 4
"""Shades of a day of the calendar: quarters of the customer's days with an order, by spend."""
WEEK_DAYS = 7
log = structlog.get_logger("metro.pages")


@dataclass(frozen=True)
class Segment:
    """What is usual in a segment."""

    customer_count: int
    medians: Mapping[str, float | None]
    """By customer feature."""
    category_shares: Mapping[str, float]
    """Of the segment's spend."""


@dataclass(frozen=True)
class CategoryShare:
    """A category in a customer's spend and in the segment's."""

    category: str
    share: float
    segment_share: float
    net_ron: float


@dataclass(frozen=True)
class Day:
    """A day of the calendar; `level` is 0 without an order, then 1 to `SPEND_LEVELS` by spend."""

    date: date
    week: int
    """Column, 0 is the oldest."""
    weekday: int
    """Row, 0 is Monday."""
    order_count: int
    net_ron: float
    level: int


@dataclass(frozen=True)
class Rhythm:
    """The days of the window, oldest first."""

    days: list[Day]

    @property
    def with_order(self) -> list[Day]:
        """Days on which something was bought."""
        return [day for day in self.days if day.order_count]

    @property
    def weeks(self) -> int:
        """Columns of the calendar."""
        return self.days[-1].week + 1 if self.days else 0

    @property
    def months(self) -> list[tuple[int, date]]:
        """Column and day where a month begins."""
        return [(day.week, day.date) for day in self.days if day.date.day == 1 or day is self.days[0]]

    @property
    def busiest(self) -> tuple[date, int] | None:
        """A day of the weekday with most days of orders, and their number; of equal ones the earlier in the week."""
        counts = np.bincount([day.weekday for day in self.with_order], minlength=WEEK_DAYS)
        if not counts.max():
            return None
        weekday = int(counts.argmax())
        return next(day.date for day in self.days if day.weekday == weekday), int(counts[weekday])


@dataclass(frozen=True)
class Portrait:
    """What a customer bought in the window before the run date."""

    products: pl.DataFrame
    """One row per product, most spent on first: cycle_days, last_date and next_date, null where bought once."""
    categories: list[CategoryShare]
    """The customer's categories, most spent on first, and those that the segment buys without them."""
    rhythm: Rhythm
    segment: Segment | None


def portrait(desk: Desk, opened: OpenPublication, customer_id: int, segment: str) -> Portrait:
    """The portrait of a customer at the opening of the publication's run date; raises WarehouseError."""
    run_date = opened.publication.run_date
    usual = segments(desk, opened.publication).get(segment)
    first = run_date - timedelta(days=desk.settings.features.window_days)
    customer = ColumnExpression("customer_id") == ConstantExpression(customer_id)
    with desk.reading() as connection, explained():
        bought = desk.table(connection, "customer_products", [run_date]).filter(customer)
        products = with_names(bought.pl(), product_names(desk, opened.publication))
        orders = desk.table(connection, "orders", (first, run_date - timedelta(days=1))).filter(customer)
        ordered = orders.select("run_date, recorded_date, net_ron").fetchall()
    spend: dict[date, list[float]] = {}
    for day, recorded, net_ron in ordered:
        if recorded < run_date:
            spend.setdefault(day, []).append(float(net_ron))
    return Portrait(products, category_shares(products, usual), rhythm(spend, first, run_date), usual)


def with_names(bought: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """The rows of `customer_products` with the product's name and the day when it is due, most spent on first."""
    return (
        bought.join(names, on="product_id", how="left")
        .with_columns(
            pl.col("net_ron").cast(pl.Float64),
            next_date=pl.col("last_date") + pl.duration(days=pl.col("cycle_days").round().cast(pl.Int64)),
        )
        .sort(["net_ron", "product_id"], descending=[True, False])
    )


def prepare_segments(desk: Desk, opened: OpenPublication) -> None:
    """Work out the segments of a publication before somebody asks; what cannot be read is left to the page."""
    try:
        segments(desk, opened.publication)
        product_names(desk, opened.publication)
    except (WarehouseError, duckdb.Error, OSError) as error:
        log.warning("segments not prepared", publication=opened.publication.name, problem=type(error).__name__)


@once(KEPT)
def product_names(desk: Desk, publication: Publication) -> pl.DataFrame:
    """One row per product: product_name, category and unit, as they are when a publication is first looked at."""
    del publication
    with desk.reading() as connection, explained():
        found: pl.DataFrame = (
            desk.table(connection, "products").select("product_id, name as product_name, category, unit").pl()
        )
    return found


@once(KEPT)
def segments(desk: Desk, publication: Publication) -> dict[str, Segment]:
    """What is usual in every segment of a publication, by segment."""
    run_date = publication.run_date
    with desk.reading() as connection, explained():
        customers = desk.table(connection, "customers")
        features = desk.table(connection, "customer_features", [run_date])
        medians: pl.DataFrame = query(
            __package__, "segment_medians", customers=customers, customer_features=features
        ).pl()
        spend: pl.DataFrame = query(
            __package__,
            "segment_spend",
            customers=customers,
            customer_products=desk.table(connection, "customer_products", [run_date]),
            products=desk.table(connection, "products"),
        ).pl()
    shares = spend.with_columns(share=pl.col("net_ron") / pl.col("net_ron").sum().over("segment"))
    found = {}
    for row in medians.to_dicts():
        own = shares.filter((pl.col("segment") == row["segment"]) & pl.col("share").is_finite())
        found[row["segment"]] = Segment(
            row["customer_count"],
            {name: row[name] for name in CUSTOMER_FEATURES},
            dict(zip(own["category"], own["share"], strict=True)),
        )
    return found


def category_shares(products: pl.DataFrame, segment: Segment | None) -> list[CategoryShare]:
    """The categories of a customer's products and of the segment, most spent on first."""
    spend = dict(products.group_by("category").agg(pl.col("net_ron").sum()).iter_rows())
    total, usual = sum(spend.values()), segment.category_shares if segment else {}
    found = [
        CategoryShare(name, spend.get(name, 0.0) / total if total else 0.0, usual.get(name, 0.0), spend.get(name, 0.0))
        for name in {*spend, *usual}
    ]
    return sorted(found, key=lambda one: (-one.share, -one.segment_share, one.category))


def rhythm(spend: Mapping[date, Sequence[float]], first: date, run_date: date) -> Rhythm:
    """The calendar from the first day to the day before the run date.

    Parameters
    ----------
    spend : RON of every order, by day.
    """
    totals = {day: sum(orders) for day, orders in spend.items()}
    edges = np.quantile(list(totals.values()) or [0.0], np.arange(1, SPEND_LEVELS) / SPEND_LEVELS)
    known = {day: (len(spend[day]), total, 1 + int(np.searchsorted(edges, total))) for day, total in totals.items()}
    monday = first - timedelta(days=first.weekday())
    days = []
    for ordinal in range(first.toordinal(), run_date.toordinal()):
        day = date.fromordinal(ordinal)
        days.append(Day(day, (day - monday).days // WEEK_DAYS, day.weekday(), *known.get(day, (0, 0.0, 0))))
    return Rhythm(days)
