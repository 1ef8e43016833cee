"""The source tables of a warehouse as one SQLite database: what the peer starts from. Not timed."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path

from metro_assets.config import Settings
from metro_assets.storage.tables import Warehouse

ROWS_AT_A_TIME = 200_000
MASTER = ("customers", "products")
VECTORS = ("product_vectors", "customer_vectors")
"""Fitted by the platform, as the rankers are."""
STATE = ("daily_prices", "offers", "offer_products", "offer_audience")
EVENTS = ("orders", "order_items", "impressions", "redemptions", "web_visits")
INDICES = {
    "daily_prices": ("run_date",),
    "offers": ("run_date, offer_id",),
    "offer_products": ("run_date",),
    "offer_audience": ("run_date",),
    **dict.fromkeys(EVENTS, ("customer_id", "run_date")),
}
"""What a person would look rows up by."""


def export(settings: Settings, run_date: date, path: Path) -> dict[str, int]:
    """Rows per table of a new database at the path: master data, the catalogue, events, vectors."""
    warehouse = Warehouse(settings.warehouse, settings.engine)
    first = run_date - timedelta(days=settings.features.window_days)
    days = {
        **dict.fromkeys(MASTER),
        **dict.fromkeys(STATE, (first, run_date)),
        **dict.fromkeys(VECTORS, (run_date, run_date)),
        **dict.fromkeys(EVENTS, (first, run_date - timedelta(days=1))),
    }
    database = sqlite3.connect(path)
    database.execute("pragma journal_mode = off")
    database.execute("pragma synchronous = off")
    counts = {}
    with warehouse.connection() as connection:
        for table, span in days.items():
            rows = warehouse.read(connection, table, span)
            database.execute(f"create table {table} ({', '.join(rows.columns)})")
            places = ", ".join("?" * len(rows.columns))
            counts[table] = 0
            rows.create_view(table)
            kinds = zip(rows.columns, map(str, rows.types), strict=True)
            plain = connection.execute(f"select {', '.join(_plain(*column) for column in kinds)} from {table}")
            while batch := plain.fetchmany(ROWS_AT_A_TIME):
                database.executemany(f"insert into {table} values ({places})", batch)
                counts[table] += len(batch)
            for number, columns in enumerate(INDICES.get(table, ())):
                database.execute(f"create index {table}_{number} on {table} ({columns})")
            database.commit()
    database.execute("analyze")
    database.commit()
    database.close()
    return counts


def _plain(name: str, kind: str) -> str:
    """The column as SQLite holds it: money as a float, dates as ISO text, lists as JSON."""
    if kind.startswith("DECIMAL"):
        return f"{name}::double"
    if kind in {"DATE", "TIMESTAMP"}:
        return f"{name}::varchar"
    return f"to_json({name})::varchar" if kind.endswith("[]") else name
