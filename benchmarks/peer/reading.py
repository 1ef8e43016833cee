"""What the peer reads from SQLite: one frame per table, limited to what the run for a date knows."""

from __future__ import annotations

import math
import sqlite3
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

KNOWN = "run_date >= ? and run_date < ? and recorded_date < ?"


def connect(path: Path) -> sqlite3.Connection:
    """A connection as the sketch has it: write-ahead log, 64 MB of cache."""
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma cache_size = -64000")
    connection.create_function("ln", 1, math.log, deterministic=True)
    return connection


class Reader:
    """Frames of one database as known at the opening of one run date."""

    def __init__(self, connection: sqlite3.Connection, run_date: date) -> None:
        self.connection = connection
        self.run_date = run_date

    def customers(self) -> pd.DataFrame:
        """Every customer."""
        consents = ["has_email_consent", "has_sms_consent", "has_whatsapp_consent"]
        customers = self._frame("select * from customers", parse_dates=["registered_date", "founded_date"])
        return customers.astype({**dict.fromkeys(consents, bool), "segment": "category", "business_type": "category"})

    def vectors(self, table: str) -> pd.DataFrame:
        """The vectors of the run date, as JSON."""
        return self._frame(f"select * from {table} where run_date = ?", self.run_date)

    def products(self) -> pd.DataFrame:
        """Every product, with the prices in force on the run date beside the permanent ones."""
        products = self._frame("select * from products").astype({"is_own_brand": bool, "category": "category"})
        prices = self._frame(
            "select product_id, cost_ron, base_price_ron, tier2_price_ron, tier3_price_ron from daily_prices "
            "where run_date = ?",
            self.run_date,
        )
        products = products.merge(prices, on="product_id", how="left", suffixes=("", "_today"))
        products["permanent_price_ron"] = products["base_price_ron"]
        for name in ("cost_ron", "base_price_ron", "tier2_price_ron", "tier3_price_ron"):
            products[name] = products.pop(f"{name}_today").fillna(products[name])
        return products

    def offers(self, products: pd.DataFrame) -> pd.DataFrame:
        """Offers live on the run date, with what a gift is worth and costs."""
        offers = self._frame("select * from offers where run_date = ?", self.run_date, parse_dates=["valid_to_date"])
        flags = dict.fromkeys(["is_personal", "is_listed", "stacks_with_tiers"], bool)
        gifts = products[["product_id", "permanent_price_ron", "cost_ron"]].set_axis(
            ["gift_product_id", "gift_value_ron", "gift_cost_ron"], axis=1
        )
        numbers = ["gift_product_id", "discount_share", "discount_ron", "minimum_quantity", "free_quantity"]
        offers = offers.astype({**flags, **dict.fromkeys([*numbers, "unlocked_tier"], float)})
        offers["category"] = offers["category"].astype(products["category"].dtype)
        offers["funding_share"] = offers["funding_share"].astype(float).fillna(0.0)
        return offers.drop(columns="run_date").merge(gifts, on="gift_product_id", how="left")

    def offer_products(self) -> pd.DataFrame:
        """Products of the live offers."""
        rows = self._frame(
            "select offer_id, product_id, is_anchor from offer_products where run_date = ?", self.run_date
        )
        return rows.astype({"is_anchor": bool})

    def offer_audience(self) -> pd.DataFrame:
        """Customers of the listed offers."""
        return self._frame("select offer_id, customer_id from offer_audience where run_date = ?", self.run_date)

    def customer_products(self, window_days: int) -> pd.DataFrame:
        """What each customer bought of each product in the window."""
        return self._frame(
            "select customer_id, product_id, count(*) as order_count, avg(quantity) as usual_quantity, "
            "round(sum(net_ron), 2) as net_ron, "
            "round(sum(case when offer_id is not null then net_ron else 0 end), 2) as offer_ron, "
            "sum(tier >= 2) as tier_line_count, min(run_date) as first_date, max(run_date) as last_date "
            f"from order_items where {KNOWN} group by customer_id, product_id",
            *self._window(window_days),
            parse_dates=["first_date", "last_date"],
        ).astype({"tier_line_count": int})

    def log_quantities(self, window_days: int) -> pd.DataFrame:
        """The mean of the logarithm of the units per line, per product of a live offer."""
        return self._frame(
            f"select product_id, avg(ln(quantity)) as log_quantity from order_items where {KNOWN} "
            "and product_id in (select product_id from offer_products where run_date = ?) group by product_id",
            *self._window(window_days),
            self.run_date,
        )

    def visits(self, window_days: int) -> pd.DataFrame:
        """Orders of the window, counted per customer, and the last one's date."""
        return self._frame(
            "select customer_id, count(*) as order_count, max(run_date) as last_order_date from orders "
            f"where {KNOWN} group by customer_id",
            *self._window(window_days),
            parse_dates=["last_order_date"],
        )

    def reactions(self, window_days: int) -> pd.DataFrame:
        """Redemptions of the window per customer, and what they saved."""
        return self._frame(
            "select customer_id, count(*) as redemption_count, sum(discount_ron) as discount_ron from redemptions "
            f"where {KNOWN} group by customer_id",
            *self._window(window_days),
        )

    def event_counts(self, events: str, window_days: int, condition: str = "true") -> pd.DataFrame:
        """Impressions or redemptions of the window, counted per mechanic and category of the offer on that day."""
        return self._frame(
            f"select mechanic, category, count(*) as event_count from {events} as events "
            "inner join offers using (run_date, offer_id) "
            f"where {KNOWN} and {condition} group by mechanic, category",
            *self._window(window_days),
        )

    def redeemed_pairs(self, days: int) -> pd.DataFrame:
        """Customers and offers that were redeemed lately."""
        return self._frame(f"select distinct customer_id, offer_id from redemptions where {KNOWN}", *self._window(days))

    def overexposed_pairs(self, days: int, limit: int) -> pd.DataFrame:
        """Customers and offers that were shown so often lately."""
        return self._frame(
            f"select customer_id, offer_id from impressions where {KNOWN} "
            "group by customer_id, offer_id having count(*) >= ?",
            *self._window(days),
            limit,
        )

    def web_visits(self, days: int) -> pd.DataFrame:
        """Products that customers looked at lately."""
        return self._frame(
            f"select customer_id, product_id, viewed_at from web_visits where {KNOWN}",
            *self._window(days),
            parse_dates=["viewed_at"],
        )

    def _window(self, days: int) -> tuple[date, date, date]:
        return self.run_date - timedelta(days=days), self.run_date, self.run_date

    def _frame(self, query: str, *values: Any, parse_dates: list[str] | None = None) -> pd.DataFrame:
        bound = [str(value) if isinstance(value, date) else value for value in values]
        return pd.read_sql_query(query, self.connection, params=bound, parse_dates=parse_dates)
