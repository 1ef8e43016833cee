"""What the pipeline asks of a source, whether a simulated world or a company's own files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol, TypeAlias

import polars as pl
import pyarrow as pa

Frame: TypeAlias = pl.DataFrame | pa.Table


class Source(Protocol):
    """Master data, the state of a run date, the events of a day; frames have the columns of the data contract."""

    def customers(self) -> Frame:
        """The table customers."""
        ...

    def products(self) -> Frame:
        """The table products."""
        ...

    def state(self, run_date: date) -> Mapping[str, Frame]:
        """daily_prices, offers, offer_products and offer_audience of a run date, as known before it."""
        ...

    def events(self, day: date) -> Mapping[str, Frame]:
        """orders, order_items, assignments, impressions, redemptions and web_visits of a day, sorted by key."""
        ...
