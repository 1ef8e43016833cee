"""Valid rows of the contract's tables: a builder fills in what a test does not name, `relation` gives them their types.

Here: rows as a person would write them down, dated by the run date `DAY`. Not here: worlds, random or simulated.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

import duckdb
import polars as pl

from metro_assets.sql import Relation
from metro_assets.storage.contract import PARTITION_COLUMN, contract
from metro_assets.vocabulary import Benefit, BusinessType, Category, Channel, OfferMechanic, Segment

Row = dict[str, Any]

DAY = date(2026, 5, 18)
"""The run date of hand-made tables."""

DTYPES = {
    "BIGINT": pl.Int64,
    "BOOLEAN": pl.Boolean,
    "DATE": pl.Date,
    "DOUBLE": pl.Float64,
    "FLOAT": pl.Float32,
    "FLOAT[]": pl.List(pl.Float32),
    "INTEGER": pl.Int32,
    "SMALLINT": pl.Int16,
    "SMALLINT[]": pl.List(pl.Int16),
    "TIMESTAMP": pl.Datetime("us"),
    "TINYINT": pl.Int8,
    "VARCHAR": pl.String,
    "VARCHAR[]": pl.List(pl.String),
}


def ago(days: int) -> date:
    """That many days before the run date."""
    return DAY - timedelta(days=days)


def connection() -> duckdb.DuckDBPyConnection:
    """A database in memory, of its own."""
    return duckdb.connect(config={"threads": 1})


def frame(table: str, rows: Iterable[Row]) -> pl.DataFrame:
    """The rows with the table's columns, `run_date` first; a column that no row names is null, an unknown one raises.

    Decimals are floats here; `relation` makes them decimals.
    """
    shape = contract(table)
    types = {column.name: DTYPES.get(column.type, pl.Float64) for column in shape.columns}
    if shape.is_partitioned:
        types = {PARTITION_COLUMN: pl.Date} | types
    filled = []
    for row in rows:
        if unknown := set(row) - set(types):
            raise KeyError(f"{table} has no {', '.join(sorted(unknown))}")
        filled.append([row.get(name) for name in types])
    return pl.DataFrame(filled, schema=types, orient="row")


def relation(database: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row]) -> Relation:
    """The rows as the warehouse hands them to a stage, typed by the contract."""
    untyped = frame(table, rows)
    typed = [
        duckdb.ColumnExpression(column.name).cast(duckdb.type(column.type)).alias(column.name)
        for column in contract(table).columns
    ]
    dates = [duckdb.ColumnExpression(PARTITION_COLUMN)] if PARTITION_COLUMN in untyped.columns else []
    return database.from_arrow(untyped.to_arrow()).select(*dates, *typed)


def customer(customer_id: int = 1, **columns: Any) -> Row:
    return {
        "customer_id": customer_id,
        "name": f"Customer {customer_id} SRL",
        "segment": Segment.HORECA,
        "business_type": BusinessType.PIZZERIA,
        "store_id": 1,
        "registered_date": date(2020, 1, 1),
        "has_email_consent": True,
        "has_sms_consent": False,
        "has_whatsapp_consent": False,
    } | columns


def product(product_id: int = 1, **columns: Any) -> Row:
    """A product of 10 RON that cost 6 RON, without tiers."""
    return {
        "product_id": product_id,
        "name": f"Product {product_id}",
        "is_own_brand": False,
        "category": Category.DAIRY_EGGS,
        "unit": "buc",
        "is_tagespreis": False,
        "cost_ron": 6.00,
        "base_price_ron": 10.00,
    } | columns


def tiers() -> Row:
    """The prices of a product: 24.90 RON, from 6 on 21.90, from 24 on 18.00; it cost 15.00."""
    return {
        "cost_ron": 15.00,
        "base_price_ron": 24.90,
        "tier2_quantity": 6,
        "tier2_price_ron": 21.90,
        "tier3_quantity": 24,
        "tier3_price_ron": 18.00,
    }


def daily_price(product_id: int = 1, run_date: date = DAY, **columns: Any) -> Row:
    return {"run_date": run_date, "product_id": product_id, "cost_ron": 6.00, "base_price_ron": 10.00} | columns


def offer(offer_id: int = 1, run_date: date = DAY, **columns: Any) -> Row:
    """A tenth off the base price for everyone, until a week from its run date."""
    return {
        "run_date": run_date,
        "offer_id": offer_id,
        "name": f"Offer {offer_id}",
        "mechanic": OfferMechanic.PERCENTAGE_DISCOUNT,
        "benefit": Benefit.PERCENT,
        "is_personal": False,
        "is_listed": False,
        "category": Category.DAIRY_EGGS,
        "valid_from_date": run_date,
        "valid_to_date": run_date + timedelta(days=7),
        "discount_share": 0.10 if columns.get("benefit", Benefit.PERCENT) == Benefit.PERCENT else None,
        "stacks_with_tiers": False,
        "channel": Channel.CATALOG,
    } | columns


def offer_product(offer_id: int = 1, product_id: int = 1, run_date: date = DAY, **columns: Any) -> Row:
    return {"run_date": run_date, "offer_id": offer_id, "product_id": product_id, "is_anchor": True} | columns


def listed_for(offer_id: int, customer_id: int, run_date: date = DAY) -> Row:
    """A row of `offer_audience`."""
    return {"run_date": run_date, "offer_id": offer_id, "customer_id": customer_id}


def on_days(rows: Iterable[Row], days: Iterable[date]) -> list[Row]:
    """The rows of a daily table on each of the days; the validity of an offer stays as it is."""
    return [row | {"run_date": day} for day in days for row in rows]


def line(
    run_date: date, product_id: int = 1, quantity: float = 1, unit_price_ron: float = 10.00, **columns: Any
) -> Row:
    """A line of `order_items`; a customer's lines of a day are one order unless `order_id` says otherwise."""
    return {
        "run_date": run_date,
        "order_id": run_date.toordinal() * 1000 + columns.get("customer_id", 1),
        "customer_id": 1,
        "product_id": product_id,
        "quantity": quantity,
        "tier": 1,
        "unit_price_ron": unit_price_ron,
        "net_ron": round(quantity * unit_price_ron, 2),
        "recorded_date": run_date,
    } | columns


def orders_of(lines: Iterable[Row]) -> list[Row]:
    """The orders that the lines are of, each known when its first line was."""
    orders: dict[int, list[Row]] = {}
    for item in lines:
        orders.setdefault(item["order_id"], []).append(item)
    return [
        {
            "run_date": items[0]["run_date"],
            "order_id": order_id,
            "customer_id": items[0]["customer_id"],
            "store_id": 1,
            "ordered_at": datetime.combine(items[0]["run_date"], time(10)),
            "line_count": len(items),
            "net_ron": round(sum(item["net_ron"] for item in items), 2),
            "recorded_date": items[0]["recorded_date"],
        }
        for order_id, items in orders.items()
    ]


def impression(impression_id: int = 1, run_date: date = DAY, **columns: Any) -> Row:
    return {
        "run_date": run_date,
        "impression_id": impression_id,
        "slate_id": impression_id,
        "customer_id": 1,
        "offer_id": 1,
        "shown_at": datetime.combine(run_date, time(8)),
        "channel": Channel.EMAIL,
        "position": 1,
        "policy": "logging",
        "propensity": 0.5,
        "recorded_date": run_date,
    } | columns


def redemption(redemption_id: int = 1, run_date: date = DAY, **columns: Any) -> Row:
    """One RON off a line; not after an impression unless `impression_id` says so."""
    return {
        "run_date": run_date,
        "redemption_id": redemption_id,
        "customer_id": 1,
        "offer_id": 1,
        "order_id": redemption_id,
        "product_id": 1,
        "redeemed_at": datetime.combine(run_date, time(12)),
        "discount_ron": 1.00,
        "recorded_date": run_date,
    } | columns


def purchases(customer_id: int = 1, product_id: int = 1, **columns: Any) -> Row:
    """A row of `customer_products`: bought once, yesterday, for 10 RON."""
    last_date = columns.get("last_date", ago(1))
    return {
        "run_date": DAY,
        "customer_id": customer_id,
        "product_id": product_id,
        "order_count": 1,
        "usual_quantity": 1.0,
        "net_ron": 10.00,
        "offer_ron": 0.00,
        "tier_line_count": 0,
        "first_date": last_date,
        "last_date": last_date,
    } | columns


def described_offer(offer_id: int = 1, **columns: Any) -> Row:
    """A row of `offer_features`: 10 RON become 9, of which 3 are margin."""
    return {
        "run_date": DAY,
        "offer_id": offer_id,
        "discount_depth": 0.10,
        "margin_impact_ron": -1.00,
        "days_until_expiry": 7.0,
        "offer_redemption_rate": 0.02,
        "typical_quantity": 1.0,
        "usual_unit_price_ron": 10.00,
        "offer_unit_price_ron": 9.00,
        "offer_margin_ron": 3.00,
    } | columns
