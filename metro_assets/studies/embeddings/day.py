"""A run date of a warehouse as the study sees it: market, vectors, and what was redeemed afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl

from metro_assets.candidates.market import Market, open_market
from metro_assets.config import Settings
from metro_assets.embeddings.baskets import Baskets, sample_baskets
from metro_assets.embeddings.cold import ProductVectors, vectors_of_assortment
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.product2vec import Product2Vec, Vectors, fit_product2vec, fit_seed
from metro_assets.embeddings.tables import CUSTOMER_SCHEMA, table_of
from metro_assets.features.customers import purchases_by_product
from metro_assets.sql import Relation, query, stored
from metro_assets.storage.tables import Warehouse

OUTCOME_DAYS = 7


@dataclass(frozen=True)
class Shop:
    """A warehouse, its settings and the connection that its relations share."""

    warehouse: Warehouse
    settings: Settings
    connection: duckdb.DuckDBPyConnection

    def read(self, table: str, first: date | None = None, last: date | None = None) -> Relation:
        """The table, of the days from first to last that the warehouse has."""
        dates = None if first is None else (first, last or first)
        return self.warehouse.read(self.connection, table, dates, allow_missing=True)

    def products(self) -> pl.DataFrame:
        """The assortment."""
        frame: pl.DataFrame = self.read("products").pl()
        return frame

    def baskets(self, run_date: date) -> Baskets:
        """What a fit for the run date learns from."""
        first, last = run_date - timedelta(days=self.settings.embeddings.window_days), run_date - timedelta(days=1)
        seed = fit_seed(self.settings.seed, run_date)
        orders, items = self.read("orders", first, last), self.read("order_items", first, last)
        return sample_baskets(orders, items, run_date, self.settings.embeddings, seed)

    def fit(self, run_date: date) -> Product2Vec:
        """A cold start: the study needs no version of the weeks before."""
        fitted = fit_product2vec(
            self.baskets(run_date), self.settings.embeddings, fit_seed(self.settings.seed, run_date)
        )
        if fitted is None:
            raise ValueError(f"too few baskets lie before {run_date}; choose a later date")
        return fitted


@dataclass(frozen=True)
class Day:
    """A run date with its outcomes."""

    run_date: date
    market: Market
    customer_products: Relation
    redeemed: pl.DataFrame
    """customer_id, offer_id, is_new: redeemed in the week from the run date of the offers live on it that the customer
    might have been shown; new: nothing of the offer was bought in the window."""

    def with_vectors(self, vectors: ProductVectors, settings: Settings) -> Market:
        """The market with these vectors of products, and customers as the means of them."""
        customers = vectors_of_customers(self.customer_products, vectors, self.run_date, settings.embeddings)
        return self.with_tables(table_of(vectors), customers)

    def with_tables(self, products: pl.DataFrame, customers: pl.DataFrame) -> Market:
        """The market with these rows of the two tables."""
        return replace(self.market, product_vectors=self.stored(products), customer_vectors=self.stored(customers))

    def stored(self, frame: pl.DataFrame) -> Relation:
        """The frame on the connection of the market."""
        return stored(query(__package__, "rows", rows=frame, anchor=self.market.customer_shelves))


def open_day(shop: Shop, run_date: date) -> Day:
    """The day without vectors; without features of offers, where the date has none, high margin finds nothing."""
    window = timedelta(days=shop.settings.features.window_days)
    lines = shop.read("order_items", run_date - window, run_date - timedelta(days=1))
    customers = shop.read("customers")
    bought = stored(purchases_by_product(lines, customers, run_date, shop.settings.features))
    nothing = shop.read("product_vectors", run_date, run_date).filter(duckdb.ConstantExpression(False))
    nobody = shop.read("customer_vectors", run_date, run_date).filter(duckdb.ConstantExpression(False))
    market = open_market(
        run_date,
        customers,
        shop.read("offers", run_date),
        shop.read("offer_products", run_date),
        shop.read("offer_audience", run_date),
        shop.read("offer_features", run_date),
        bought,
        shop.read("products"),
        nothing,
        nobody,
    )
    redeemed: pl.DataFrame = query(
        __package__,
        "redeemed",
        redemptions=shop.read("redemptions", run_date, run_date + timedelta(days=OUTCOME_DAYS - 1)),
        shelves=market.customer_shelves,
        shelf_offers=market.shelf_offers,
        listed_offers=market.listed_offers,
        customer_offers=market.customer_offers,
    ).pl()
    return Day(run_date, market, bought, redeemed)


def without_customers() -> pl.DataFrame:
    """Rows of `customer_vectors` where there are none."""
    return pl.DataFrame(schema=CUSTOMER_SCHEMA)


def random_vectors(like: ProductVectors, seed: int) -> ProductVectors:
    """Vectors that know nothing, of the same shape and scale."""
    generator = np.random.default_rng(seed)

    def drawn(rows: Vectors) -> Vectors:
        return generator.normal(scale=rows.std(), size=rows.shape).astype(np.float32)

    return replace(like, vectors=drawn(like.vectors), context_vectors=drawn(like.context_vectors))


def assortment(fitted: Product2Vec, shop: Shop) -> ProductVectors:
    """Vectors of all products."""
    return vectors_of_assortment(fitted, shop.products(), shop.settings.embeddings.cold_prior_products)
