"""The rules that forbid an offer to a customer, and why a customer got fewer than asked."""

from __future__ import annotations

from datetime import date

import duckdb

from metro_assets.config import Selection
from metro_assets.sql import Relation, query, values

WEEK_DAYS = 7


def judged_candidates(
    scored_candidates: Relation,
    offers: Relation,
    customers: Relation,
    impressions: Relation,
    redemptions: Relation,
    run_date: date,
    settings: Selection,
) -> Relation:
    """One row per scored candidate with a live offer: category and `barrier`, the first rule that forbids it or null.

    Parameters
    ----------
    impressions : of at least the six days before the run date; with today's showing they make the week of the rule.
    redemptions : of at least the days on which the live offers were valid before the run date.
    """
    return query(
        __package__,
        "judged_candidates",
        scored_candidates=scored_candidates,
        offers=offers,
        customers=customers,
        impressions=impressions,
        redemptions=redemptions,
        parameters=values(
            run_date=run_date,
            week_start_date=run_date.fromordinal(run_date.toordinal() - WEEK_DAYS + 1),
            maximum_weekly_exposures=settings.maximum_weekly_exposures,
        ),
    )


def eligible_candidates(judged: Relation) -> Relation:
    """The judged candidates that no rule forbids."""
    return judged.filter(duckdb.ColumnExpression("barrier").isnull())


def shortfalls(
    customers: Relation, judged: Relation, recommendations: Relation, run_date: date, settings: Selection
) -> Relation:
    """One row per customer and algorithm with fewer offers than a slate has: the count and the reason.

    The reason is the first that leaves too few: no consent, no candidates, too few of them, then each rule in turn.
    """
    return query(
        __package__,
        "shortfalls",
        customers=customers,
        judged=judged,
        recommendations=recommendations,
        parameters=values(run_date=run_date, slate_size=settings.slate_size),
    )
