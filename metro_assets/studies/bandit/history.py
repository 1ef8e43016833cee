"""What the study reads of a warehouse: the settled impressions of a run date with their codes, in its windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

import duckdb
import numpy as np
import polars as pl

from metro_assets.config import Settings
from metro_assets.ranking.bayesian_logistic import BayesianLogisticRanker
from metro_assets.ranking.examples import (
    Examples,
    Windows,
    labelled,
    load_examples,
    windows_before,
    with_customer_codes,
    with_offer_codes,
)
from metro_assets.sql import Relation, stored
from metro_assets.storage.tables import Warehouse

EVERY_ROW = 10**9


@dataclass(frozen=True)
class History:
    """A warehouse as it stands at a run date."""

    warehouse: Warehouse
    connection: duckdb.DuckDBPyConnection
    settings: Settings
    run_date: date
    windows: Windows
    examples: Examples
    """Impressions of all windows, as the belief reads them."""

    @classmethod
    def read(
        cls, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, settings: Settings, run_date: date
    ) -> Self:
        """The settled impressions of the run date's windows."""
        reach = settings.ranking.example_days + settings.ranking.label_horizon_days
        dates = [run_date - timedelta(days=back) for back in range(reach)]
        shown, redeemed, offers, offer_products = (
            warehouse.read(connection, table, days, allow_missing=True)
            for table, days in (
                ("training_examples", dates),
                ("redemptions", dates[1:]),
                ("offers", dates),
                ("offer_products", dates),
            )
        )
        rows = with_offer_codes(labelled(shown, redeemed, run_date, settings.ranking), offers, offer_products)
        known = stored(with_customer_codes(rows, warehouse.read(connection, "customers")))
        windows = windows_before(run_date, known.aggregate("min(shown_date)").fetchall()[0][0], settings.ranking)
        examples = load_examples(
            known, windows.whole, settings.seed, EVERY_ROW, feature_names=BayesianLogisticRanker.feature_names
        )
        return cls(warehouse, connection, settings, run_date, windows, examples)

    def between(self, first: date, last: date) -> Examples:
        """The impressions of some days."""
        days = self.examples.shown_date.astype("datetime64[D]")
        return _part(self.examples, (days >= np.datetime64(first)) & (days <= np.datetime64(last)))

    def as_known(self, run_date: date) -> Examples:
        """All impressions with the labels that were known before a date."""
        reach = (run_date - self.windows.train[0]).days + 1
        dates = [run_date - timedelta(days=back) for back in range(reach)]
        shown, redeemed = (
            self.warehouse.read(self.connection, table, days, allow_missing=True)
            for table, days in (("training_examples", dates), ("redemptions", dates[1:]))
        )
        rows = labelled(shown, redeemed, run_date, self.settings.ranking).select("impression_id, label").fetchnumpy()
        redeemed_ids = rows["impression_id"][rows["label"] == 1]
        return replace(self.examples, label=np.isin(self.examples.impression_id, redeemed_ids).astype(np.int8))

    def today(self, table: str) -> Relation:
        """A table at the run date."""
        return self.warehouse.read(self.connection, table, [self.run_date])

    def days_before(self, table: str, days: int) -> Relation:
        """A table on the days before the run date."""
        dates = [self.run_date - timedelta(days=back) for back in range(1, days + 1)]
        return self.warehouse.read(self.connection, table, dates, allow_missing=True)


def until(examples: Examples, last: date) -> Examples:
    """The impressions up to a day."""
    return _part(examples, examples.shown_date.astype("datetime64[D]") <= np.datetime64(last))


def _part(examples: Examples, chosen: np.typing.NDArray[np.bool_]) -> Examples:
    return Examples(
        features=examples.features[chosen],
        position=examples.position[chosen],
        label=examples.label[chosen],
        weight=examples.weight[chosen],
        list_id=examples.list_id[chosen],
        customer_id=examples.customer_id[chosen],
        offer_id=examples.offer_id[chosen],
        shown_date=examples.shown_date[chosen],
        impression_id=examples.impression_id[chosen],
        policy=examples.policy.filter(pl.Series(chosen)),
        feature_names=examples.feature_names,
    )
