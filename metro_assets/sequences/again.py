"""The scores of the run date made again for some customers, by whoever checks them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Protocol

import polars as pl

from metro_assets.config import Settings
from metro_assets.sql import Relation, query
from metro_assets.vocabulary import Algorithm

MODEL = "next_item_model"


class HasRunDate(Protocol):
    """A version of a model."""

    @property
    def run_date(self) -> date:
        """The run date that it was fitted for."""
        ...


class ReadsModels(Protocol):
    """The store of fitted models, as far as it is read here."""

    def newest(self, name: str, first: date, last: date) -> HasRunDate | None:
        """The newest version of some run dates."""
        ...

    def load(self, name: str, run_date: date) -> dict[str, bytes]:
        """The files of a version."""
        ...


def files_in_force(models: ReadsModels, run_date: date, settings: Settings) -> dict[str, bytes] | None:
    """Files of the network that scores the run date: the newest that is not out of date; None without one."""
    oldest = run_date - timedelta(days=settings.ranking.stale_days - 1)
    version = models.newest(MODEL, oldest, run_date)
    return models.load(MODEL, version.run_date) if version else None


def sequences_again(
    tables: Mapping[str, Relation], sampled: Relation, run_date: date, settings: Settings, models: ReadsModels
) -> dict[str, Relation | pl.DataFrame]:
    """`next_item_scores` of some customers' candidates; nothing where sequences are not asked for.

    Parameters
    ----------
    tables : candidate_pool, offer_products, order_items and customers, by name.
    sampled : customer_id of the customers whose rows are wanted.
    """
    if Algorithm.SASREC not in settings.ranking.algorithms:
        return {}
    from metro_assets.sequences.scoring import score_candidates

    candidates, lines, customers = (
        query(__package__, "of_sampled", rows=tables[name], sampled=sampled)
        for name in ("candidate_pool", "order_items", "customers")
    )
    scores = score_candidates(
        files_in_force(models, run_date, settings),
        candidates,
        tables["offer_products"],
        lines,
        customers,
        run_date,
        settings.sequences,
        settings.engine.threads,
    )
    return {"next_item_scores": scores}
