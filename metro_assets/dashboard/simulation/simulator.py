"""Simulations of one service: what it keeps between them, and the way from a scenario to what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

import duckdb
import polars as pl

from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.kept import once
from metro_assets.dashboard.simulation.changes import changed
from metro_assets.dashboard.simulation.differences import Move, moves
from metro_assets.dashboard.simulation.everybody import Everybody, remember
from metro_assets.dashboard.simulation.history import History, read_history
from metro_assets.dashboard.simulation.morning import Morning, simulated_morning
from metro_assets.dashboard.simulation.scenario import Scenario
from metro_assets.dashboard.simulation.scorers import Scoring, load_scoring
from metro_assets.serving.publish import Publication
from metro_assets.serving.queries import OpenPublication, UnknownCustomerError
from metro_assets.storage.errors import explained

SAME_SCORE = 1e-6
"""Networks round differently where many customers are scored at a time."""
KEPT_MORNINGS, KEPT_SCORINGS, KEPT_CUSTOMERS = 2, 12, 256


@dataclass(frozen=True)
class Habits:
    """What the form's knobs stand at: of the orders and lines of the window."""

    order_count: int
    every_days: float | None
    lines: float | None
    basket_ron: float | None
    promo_share: float | None
    depth: float | None
    shares: Mapping[str, float]
    """Share of spend of each category, the largest first."""
    purchases: Mapping[int, tuple[int, int]]
    """Orders of each product and days since the last."""


@dataclass(frozen=True)
class Simulation:
    """A scenario played: the customer as they are and as they might be."""

    scenario: Scenario
    publication: Publication
    customer: Mapping[str, object]
    """The row of `customers` as it is."""
    scoring: Scoring
    published: pl.DataFrame
    """The slate that was published."""
    before: Morning
    after: Morning
    habits: Habits
    """As they are."""
    new_habits: Habits
    moves: list[Move]
    milliseconds: float

    @property
    def after_segment(self) -> str:
        """The segment that the scenario puts the customer into."""
        return self.scenario.as_segment or str(self.customer["segment"])

    @property
    def is_reproduced(self) -> bool:
        """Whether the unchanged customer gets what was published, offer by offer."""
        again, published = self.before.slate, self.published
        if not again["offer_id"].equals(published["offer_id"]):
            return False
        return bool(((again["score"] - published["score"]).abs() <= SAME_SCORE).all())


def start_of(everybody: Everybody, opened: OpenPublication, scenario: Scenario) -> int:
    """The customer from whom a scenario starts.

    Raises
    ------
    UnknownCustomerError : a segment without customers who buy, or nothing to start from.
    """
    if scenario.customer is not None:
        return scenario.customer
    if scenario.segment is not None:
        if scenario.segment not in everybody.typical:
            raise UnknownCustomerError(f"nobody of the segment {scenario.segment} stands for it")
        return everybody.typical[scenario.segment]
    return opened.some_customer()


def simulate(desk: Desk, scenario: Scenario) -> Simulation:
    """What the scenario changes.

    Raises
    ------
    UnknownCustomerError, CannotScoreError, PublicationError, WarehouseError.
    """
    started = perf_counter()
    opened = desk.opened(scenario.date)
    publication = opened.publication
    everybody = everybody_of(desk, publication)
    history = history_of(desk, publication, start_of(everybody, opened, scenario))
    algorithm = scenario.algorithm or publication.champion
    scoring = scoring_of(desk, publication, algorithm)
    before, published = morning_of(desk, publication, history.customer_id, algorithm)
    settings, run_date = desk.settings, publication.run_date
    new = changed(history, scenario, everybody.assortment, run_date, settings.features.window_days, settings.seed)
    after = before if scenario.is_unchanged else simulated_morning(everybody, new, scoring)
    return Simulation(
        scenario=scenario,
        publication=publication,
        customer=history.customer.row(0, named=True),
        scoring=scoring,
        published=published,
        before=before,
        after=after,
        habits=habits_of(history, before, everybody, settings.features.window_days),
        new_habits=habits_of(new, after, everybody, settings.features.window_days),
        moves=moves(before, after, scoring.scorer, settings.selection),
        milliseconds=(perf_counter() - started) * 1e3,
    )


@once(KEPT_MORNINGS)
def everybody_of(desk: Desk, publication: Publication) -> Everybody:
    """What belongs to all customers of a publication's morning."""
    with explained():
        return remember(desk.warehouse, publication.run_date, desk.settings)


@once(KEPT_SCORINGS)
def scoring_of(desk: Desk, publication: Publication, algorithm: str) -> Scoring:
    """An algorithm as it scored a publication's morning; raises CannotScoreError."""
    return load_scoring(desk.models, algorithm, publication.champion, publication.run_date, desk.settings)


@once(KEPT_CUSTOMERS)
def history_of(desk: Desk, publication: Publication, customer_id: int) -> History:
    """What a customer did before a publication's morning; raises UnknownCustomerError."""
    everybody = everybody_of(desk, publication)
    own = duckdb.ColumnExpression("customer_id") == duckdb.ConstantExpression(customer_id)
    with desk.reading() as connection, everybody.opening() as opening, explained():
        customer: pl.DataFrame = opening.table("customers").filter(own).pl()
        if customer.is_empty():
            raise UnknownCustomerError(f"there is no customer {customer_id}")
        return read_history(desk.warehouse, connection, customer, opening.table, publication.run_date, desk.settings)


@once(KEPT_CUSTOMERS)
def morning_of(desk: Desk, publication: Publication, customer_id: int, algorithm: str) -> tuple[Morning, pl.DataFrame]:
    """The customer's morning as it was, computed anew, and the slate that was published."""
    everybody = everybody_of(desk, publication)
    history = history_of(desk, publication, customer_id)
    morning = simulated_morning(everybody, history, scoring_of(desk, publication, algorithm))
    own = duckdb.ColumnExpression("customer_id") == duckdb.ConstantExpression(customer_id)
    by = duckdb.ColumnExpression("algorithm") == duckdb.ConstantExpression(algorithm)
    with desk.reading() as connection, explained():
        rows = desk.table(connection, "recommendations", [publication.run_date])
        return morning, rows.filter(own & by).order("rank").pl()


def habits_of(history: History, morning: Morning, everybody: Everybody, window_days: int) -> Habits:
    """What a history comes to, by what was known before the run date and lies in the window."""
    run_date = everybody.run_date
    lines = history.lines.filter(
        (pl.col("recorded_date") < run_date) & ((run_date - pl.col("run_date")).dt.total_days() <= window_days)
    )
    orders, total = lines["order_id"].n_unique(), float(lines["net_ron"].sum() or 0)
    categories = lines.join(everybody.assortment.products, on="product_id").group_by("category")
    spend = categories.agg(pl.col("net_ron").sum().cast(pl.Float64)).sort(
        "net_ron", "category", descending=[True, False]
    )
    under = float(lines.filter(pl.col("offer_id").is_not_null())["net_ron"].sum() or 0)
    first = run_date.toordinal() - window_days
    redeemed = history.redemptions.filter(
        (pl.col("recorded_date") < run_date) & (pl.col("run_date") >= run_date.fromordinal(first))
    )
    discount = float(redeemed["discount_ron"].sum() or 0)
    bought = morning.bought.select("product_id", "order_count", (run_date - pl.col("last_date")).dt.total_days())
    return Habits(
        order_count=orders,
        every_days=window_days / orders if orders else None,
        lines=len(lines) / orders if orders else None,
        basket_ron=total / orders if orders else None,
        promo_share=under / total if total else None,
        depth=discount / (discount + under) if discount + under else None,
        shares={name: amount / total for name, amount in spend.iter_rows()} if total else {},
        purchases={product: (count, days) for product, count, days in bought.iter_rows()},
    )
