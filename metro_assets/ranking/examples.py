"""Labelled examples in time windows: impressions whose horizon has passed, with what was redeemed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from duckdb import ColumnExpression, ConstantExpression

from metro_assets.config import Ranking
from metro_assets.sql import Relation, query, values
from metro_assets.vocabulary import RANKING_FEATURES


class NotEnoughHistoryError(ValueError):
    """Too few settled impressions to fit a ranker; the message says how many days are needed."""


@dataclass(frozen=True)
class Examples:
    """Rows to learn from or to judge by, arrays [n]; features [n, features] in the order of `feature_names`."""

    features: npt.NDArray[np.float32]
    position: npt.NDArray[np.float32]
    """Place in the list, NaN where unknown."""
    label: npt.NDArray[np.int8]
    weight: npt.NDArray[np.float32]
    """Impressions that a row stands for: 1, or more where lists were sampled."""
    list_id: npt.NDArray[np.int64]
    customer_id: npt.NDArray[np.int64]
    offer_id: npt.NDArray[np.int64]
    shown_date: npt.NDArray[np.datetime64]
    impression_id: npt.NDArray[np.int64]
    policy: pl.Series
    feature_names: tuple[str, ...] = RANKING_FEATURES

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.label)


class Windows(NamedTuple):
    """First and last day on which the impressions of each window were shown, both inclusive."""

    train: tuple[date, date]
    validation: tuple[date, date]
    test: tuple[date, date]

    @property
    def whole(self) -> tuple[date, date]:
        """From the first day of training to the last of the test."""
        return self.train[0], self.test[1]


def windows_before(run_date: date, first_shown: date, settings: Ranking) -> Windows:
    """Time windows of the newest impressions whose labels are settled at the run date; shorter on a short history.

    The label of an impression shown on day t is settled when t + horizon days have passed, so the newest day is
    run date - horizon. Raises NotEnoughHistoryError below `minimum_days`.
    """
    newest = run_date - timedelta(days=settings.label_horizon_days)
    available = min((newest - first_shown).days + 1, settings.example_days)
    if available < settings.minimum_days:
        raise NotEnoughHistoryError(
            f"{max(available, 0)} days of impressions have a settled label at {run_date}, "
            f"{settings.minimum_days} are needed. Choose a run date from "
            f"{first_shown + timedelta(days=settings.minimum_days - 1 + settings.label_horizon_days)} on"
        )
    share = available / settings.example_days
    test = max(int(settings.test_days * share), 1)
    validation = max(int(settings.validation_days * share), 1)
    test_start = newest - timedelta(days=test - 1)
    validation_start = test_start - timedelta(days=validation)
    train_start = newest - timedelta(days=available - 1)
    day = timedelta(days=1)
    return Windows((train_start, validation_start - day), (validation_start, test_start - day), (test_start, newest))


def why_unfit(labelled_rows: Relation, run_date: date, settings: Ranking) -> str:
    """Why no ranker can be fitted for the date, in words; empty where one can.

    A fit takes rows without a redemption for what they are; a company that starts has only such, and every offer would
    score the same.
    """
    first_shown = labelled_rows.aggregate("min(shown_date)").fetchall()[0][0]
    if first_shown is None:
        return "no impression is known"
    try:
        first, last = windows_before(run_date, first_shown, settings).train
    except NotEnoughHistoryError as error:
        return str(error)
    rows, redeemed = (
        labelled_rows.filter(
            ColumnExpression("shown_date").between(ConstantExpression(first), ConstantExpression(last))
        )
        .aggregate("count(*), coalesce(sum(label), 0)")
        .fetchall()[0]
    )
    if not rows:
        return f"nothing was shown from {first} to {last}, the window to train on"
    return "" if redeemed else f"nothing that was shown from {first} to {last} is known to have been redeemed"


def labelled(training_examples: Relation, redemptions: Relation, run_date: date, settings: Ranking) -> Relation:
    """Training examples with `label`: redeemed within the horizon, as known before the run date."""
    bound = values(run_date=run_date, horizon_days=settings.label_horizon_days)
    return query(
        __package__, "labelled", training_examples=training_examples, redemptions=redemptions, parameters=bound
    )


def with_customer_codes(rows: Relation, customers: Relation) -> Relation:
    """Rows of customers with what each is, as codes (`CONTEXT_FEATURES`); null where master data lacks the customer."""
    return query(__package__, "with_customer_codes", described=rows, customers=customers)


def with_offer_codes(rows: Relation, offers: Relation, offer_products: Relation) -> Relation:
    """Rows of offers with what each is, as codes (`CONTEXT_FEATURES`).

    Parameters
    ----------
    offers, offer_products : of days on which the offers were live; what an offer is does not change.
    """
    return query(__package__, "with_offer_codes", described=rows, offers=offers, offer_products=offer_products)


def with_next_item(rows: Relation, next_item_scores: Relation) -> Relation:
    """Candidates with `next_item_score`; null where the model of purchase sequences says nothing."""
    return query(__package__, "with_next_item", described=rows, signals=next_item_scores)


def with_next_item_examples(rows: Relation, next_item_examples: Relation) -> Relation:
    """Impressions with `next_item_score` as it was when each was shown; null where the model says nothing."""
    return query(__package__, "with_next_item_examples", described=rows, signals=next_item_examples)


def load_examples(
    labelled_rows: Relation,
    window: tuple[date, date],
    seed: int,
    maximum_rows: int,
    *,
    is_balanced: bool = False,
    feature_names: tuple[str, ...] = RANKING_FEATURES,
) -> Examples:
    """Rows of a window in the order of their ids; beyond the maximum, lists are sampled.

    A list is kept or left whole, by a hash of its id and the seed, and weighted by the inverse of its kept share. All
    lists have the same share, so that unweighted metrics hold; or, balanced, those with a redemption get at least half
    of the rows: they are few and say most.
    """
    bound = values(first_date=window[0], last_date=window[1])
    with_redemption, without = query(__package__, "list_counts", labelled=labelled_rows, parameters=bound).fetchall()[0]
    kept_with = kept_without = min(1.0, maximum_rows / max(with_redemption + without, 1))
    if is_balanced:
        room = max(maximum_rows / 2, maximum_rows - without)
        kept_with = min(1.0, room / max(with_redemption, 1))
        kept_without = min(1.0, (maximum_rows - kept_with * with_redemption) / max(without, 1))
    frame = query(
        __package__,
        "sampled",
        labelled=labelled_rows,
        parameters=bound.with_columns(
            kept_with=pl.lit(kept_with), kept_without=pl.lit(kept_without), seed=pl.lit(seed)
        ),
    ).pl()
    return Examples(
        features=frame.select(pl.col(feature_names).cast(pl.Float32).fill_null(float("nan"))).to_numpy(),
        position=frame["position"].cast(pl.Float32).fill_null(float("nan")).to_numpy(),
        label=frame["label"].cast(pl.Int8).to_numpy(),
        weight=frame["weight"].cast(pl.Float32).to_numpy(),
        list_id=frame["slate_id"].cast(pl.Int64).to_numpy(),
        customer_id=frame["customer_id"].cast(pl.Int64).to_numpy(),
        offer_id=frame["offer_id"].cast(pl.Int64).to_numpy(),
        shown_date=frame["shown_date"].to_numpy(),
        impression_id=frame["impression_id"].cast(pl.Int64).to_numpy(),
        policy=frame["policy"],
        feature_names=feature_names,
    )
