"""Uplift examples: what a random slate showed, and what it could have shown to customers who were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from metro_assets.config import Features, Uplift
from metro_assets.features.training import History, Served, examples, examples_as_served
from metro_assets.features.windows import days_between
from metro_assets.sql import Relation, query, stored, values


@dataclass(frozen=True)
class Trial:
    """The randomised exposure: which arm each due customer fell in, and who may be shown a listed offer."""

    assignments: Relation
    offer_audience: Relation


def uplift_examples_of(
    history: History,
    trial: Trial,
    run_dates: Sequence[date],
    settings: Features,
    uplift: Uplift,
    seed: int,
    served: Served | None = None,
) -> Relation:
    """One row per pair of a randomised moment of the days before the run dates, as `uplift_examples` has it.

    The features are those of `training_examples`, by the same functions, with the pairs in place of the impressions.

    Parameters
    ----------
    history : as training examples read it.
    trial : of at least the days before the run dates.
    served : the daily tables of the day before, for a single run date; the lines need not be read again then.
    """
    pairs = _pairs(history, trial, run_dates, uplift, seed)
    if served is not None and len(run_dates) == 1 and run_dates[0] - timedelta(days=1) in served.dates:
        described = examples_as_served(history, served, run_dates[0], settings, pairs)
    else:
        described = examples(history, run_dates, settings, pairs)
    return query(__package__, "uplift_examples", described=described)


def _pairs(history: History, trial: Trial, run_dates: Sequence[date], uplift: Uplift, seed: int) -> Relation:
    first, last = (day - timedelta(days=1) for day in (min(run_dates), max(run_dates)))
    moments = stored(
        query(
            __package__,
            "randomised_moments",
            assignments=days_between(trial.assignments, first, last),
            customers=history.customers,
            run_dates=pl.DataFrame({"run_date": list(run_dates)}, schema={"run_date": pl.Date}),
        )
    )
    showable = query(
        __package__,
        "showable_offers",
        moments=moments,
        offers=days_between(history.offers, first, last),
        offer_audience=days_between(trial.offer_audience, first, last),
    )
    return stored(
        query(
            __package__,
            "uplift_pairs",
            moments=moments,
            showable=showable,
            impressions=days_between(history.impressions, first, last),
            parameters=values(offers_per_moment=uplift.offers_per_moment, seed=seed),
        )
    )
