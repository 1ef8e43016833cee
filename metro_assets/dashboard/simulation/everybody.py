"""What belongs to all customers at the opening of a run date, read once and kept in memory for every simulation of it.

A simulation changes one customer. What the others did stands as it was that morning: the offers, the prices, the shares
of each segment that buys them, the segments' spend. So a scenario costs what one customer costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

import duckdb
import polars as pl

from metro_assets.candidates.market import open_market
from metro_assets.config import Settings
from metro_assets.dashboard.simulation.changes import Assortment
from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.tables import arrays_of
from metro_assets.features.customers import moments_of_day
from metro_assets.features.pairs import reactions_at, sums_at
from metro_assets.features.windows import known_before
from metro_assets.ranking.examples import with_offer_codes
from metro_assets.selection.price_tags import trade_at
from metro_assets.sql import Relation, query, values
from metro_assets.storage.tables import Warehouse

MASTER_TABLES = ("customers", "products")
DATE_TABLES = ("offers", "offer_products", "offer_audience", "offer_features", "daily_prices", "product_vectors")
WINDOW_TABLES = ("orders", "redemptions")
POPULAR_PRODUCTS = 3
"""Products with which a category is begun that a customer never bought."""
NEEDLESS_OPTIMIZERS = (
    "join_order",
    "statistics_propagation",
    "column_lifetime",
    "common_subexpressions",
    "compressed_materialization",
    "reorder_filter",
    "join_filter_pushdown",
    "build_side_probe_side",
    "common_subplan",
    "projection_placement",
)
"""Of DuckDB's, where every relation has some hundred rows: without them a morning took a tenth less."""
_PREFIX = "remembered_"
"""A table in memory may not bear the name of one that a stage's SQL speaks of: it would be taken for it."""
_FEATURES = "metro_assets.features"


@dataclass(frozen=True)
class Everybody:
    """Tables in memory, each sorted for the lookups of one customer. Safe to share between threads."""

    run_date: date
    settings: Settings
    warehouse: Warehouse
    assortment: Assortment
    product_vectors: ProductVectors
    kinds: pl.DataFrame
    """segment and business_type that customers have, without duplicates, sorted."""
    typical: Mapping[str, int]
    """customer_id of the customer who stands for each segment."""
    _connection: duckdb.DuckDBPyConnection = field(repr=False)

    @contextmanager
    def opening(self) -> Iterator[Opening]:
        """The tables for one simulation; what it stores in passing is gone with it."""
        with self._connection.cursor() as cursor:
            cursor.execute("set enable_progress_bar = false")
            yield Opening(cursor)


@dataclass(frozen=True)
class Opening:
    """The tables of everybody on a cursor of one simulation, and frames of one customer beside them."""

    cursor: duckdb.DuckDBPyConnection

    def table(self, name: str) -> Relation:
        """A table that belongs to everybody."""
        return self.cursor.table(_PREFIX + name)

    def rows(self, frame: pl.DataFrame) -> Relation:
        """A frame as a relation that may be read again and again."""
        return self.cursor.from_arrow(frame.to_arrow())


def remember(warehouse: Warehouse, run_date: date, settings: Settings) -> Everybody:
    """Everybody at the opening of a run date; raises WarehouseError where a table of the morning is missing."""
    database = warehouse.connection()
    # On a cursor of its own: what is stored in passing, of all customers, goes with it.
    with database.cursor() as connection:
        connection.execute("set enable_progress_bar = false")
        everybody = _read(warehouse, connection, database, run_date, settings)
    # One customer has few rows: a second thread, and some of what the optimizer tries, cost more than they save.
    database.execute("set threads = 1")
    database.execute(f"set disabled_optimizers = '{','.join(NEEDLESS_OPTIMIZERS)}'")
    return everybody


def _read(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    database: duckdb.DuckDBPyConnection,
    run_date: date,
    settings: Settings,
) -> Everybody:
    def keep(name: str, rows: Relation, order: str = "") -> Relation:
        ordered = f" order by {order}" if order else ""
        rows.query("rows", f"create table {_PREFIX}{name} as from rows{ordered}")
        return connection.table(_PREFIX + name)

    window = (run_date - timedelta(days=settings.features.window_days), run_date - timedelta(days=1))
    kept = {table: keep(table, warehouse.read(connection, table)) for table in MASTER_TABLES}
    kept |= {table: keep(table, warehouse.read(connection, table, [run_date])) for table in DATE_TABLES}
    for table in WINDOW_TABLES:
        kept[table] = keep(table, warehouse.read(connection, table, window, allow_missing=True), "customer_id")
    customers, products, offer_products = kept["customers"], kept["products"], kept["offer_products"]
    bought = warehouse.read(connection, "customer_products", [run_date])
    no_vectors = connection.sql("select null::integer as customer_id, null::float[] as vector where false")
    market = open_market(
        run_date,
        customers,
        kept["offers"],
        offer_products,
        kept["offer_audience"],
        kept["offer_features"],
        bought,
        products,
        kept["product_vectors"],
        no_vectors,
    )
    keep("segment_offers", market.offers)
    moments = moments_of_day(customers, run_date, settings.features)
    sums = sums_at(run_date, moments, bought, offer_products, products, customers)
    keep("segment_spend", sums.segment_spend)
    known = known_before(kept["redemptions"], run_date, settings.features.window_days)
    keep("segment_reactions", reactions_at(known, customers, moments).segment_reactions)
    keep(
        "described_offers",
        query(_FEATURES, "described_offers", offers=kept["offers"], offer_features=kept["offer_features"]),
    )
    keep("coded_offers", with_offer_codes(kept["offer_features"], kept["offers"], offer_products))
    trade = trade_at(customers, bought, offer_products, run_date)
    keep("trade_buyers", trade.buyers, "business_type, product_id")
    keep("trade_members", trade.members)
    prices = query(__package__, "assortment", products=products, daily_prices=kept["daily_prices"], bought=bought).pl()
    popular = query(
        __package__,
        "popular_products",
        bought=bought,
        customers=customers,
        products=products,
        parameters=values(popular_count=POPULAR_PRODUCTS),
    ).pl()
    vectors = arrays_of(kept["product_vectors"])
    kinds = customers.select("segment", "business_type").distinct().order("segment, business_type").pl()
    features = warehouse.read(connection, "customer_features", [run_date])
    typical = query(__package__, "typical", customer_features=features, customers=customers).fetchall()
    return Everybody(
        run_date, settings, warehouse, Assortment(prices, popular), vectors, kinds, dict(typical), database
    )
