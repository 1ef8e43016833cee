"""Training examples: impressions with the features as they stood when each was shown, many days in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from metro_assets.config import Features
from metro_assets.features.customers import features_of_customers
from metro_assets.features.offers import features_of_offers
from metro_assets.features.pairs import WindowSums, features_of_pairs
from metro_assets.features.windows import customer_ranges, customers_between, days_between
from metro_assets.sql import Relation, briefly_stored, query, stored, union, values


@dataclass(frozen=True)
class History:
    """The tables that training examples read, over at least the shown days and the windows before them."""

    customers: Relation
    products: Relation
    offers: Relation
    offer_products: Relation
    daily_prices: Relation
    orders: Relation
    order_items: Relation
    impressions: Relation
    redemptions: Relation


def examples(history: History, run_dates: Sequence[date], settings: Features) -> Relation:
    """One row per impression of the days before the run dates, as `training_examples` has it, with `run_date`.

    Every day's lines are aggregated once, however many run dates there are. An impression that became known after its
    run date is in no example, and one whose offer was not live is left out.
    """
    first_shown, last_shown = min(run_dates) - timedelta(days=1), max(run_dates) - timedelta(days=1)
    first_known = first_shown - timedelta(days=settings.window_days)
    bound = values(window_days=settings.window_days)
    shown = stored(
        query(
            __package__,
            "shown",
            impressions=days_between(history.impressions, first_shown, last_shown),
            run_dates=pl.DataFrame({"run_date": list(run_dates)}, schema={"run_date": pl.Date}),
        )
    )
    moments = stored(query(__package__, "moments_of_impressions", shown=shown, parameters=bound))
    lines = days_between(history.order_items, first_known, last_shown - timedelta(days=1))
    sums = _sums_of_moments(history, lines, shown, moments, settings)
    offer_features = features_of_offers(
        query(__package__, "live_when_shown", offers=history.offers, shown=shown),
        history.offers,
        history.offer_products,
        history.daily_prices,
        history.products,
        lines,
        history.impressions,
        history.redemptions,
        settings,
    )
    pair_features = features_of_pairs(
        query(__package__, "shown_pairs", shown=shown),
        moments,
        sums,
        history.redemptions,
        history.customers,
        offer_features,
        settings,
    )
    return query(
        __package__,
        "training_examples",
        shown=shown,
        customer_features=features_of_customers(moments, sums.spend, history.orders),
        offer_features=offer_features,
        pair_features=pair_features,
    )


def _sums_of_moments(
    history: History, lines: Relation, shown: Relation, moments: Relation, settings: Features
) -> WindowSums:
    """Window sums per moment: lines are aggregated by day, a range of customers at a time, then added up."""
    categories = stored(query(__package__, "categories", products=history.products))
    spend, segment_days, purchases = [], [], []
    for first, last in customer_ranges(history.customers, settings.customers_per_range):
        own_lines = customers_between(lines, first, last)
        own_moments = customers_between(moments, first, last)
        daily_sums = query(
            __package__,
            "spend_by_day",
            lines=own_lines,
            products=history.products,
            categories=categories,
            customers=history.customers,
            moments=own_moments,
        )
        with briefly_stored(daily_sums) as by_day:
            spend.append(stored(query(__package__, "spend_of_moments", by_day=by_day, moments=own_moments)))
            segment_days.append(stored(query(__package__, "segment_spend_by_day", by_day=by_day)))
        bought = query(
            __package__,
            "purchases_of_moments",
            lines=own_lines,
            shown=customers_between(shown, first, last),
            offer_products=history.offer_products,
            parameters=values(window_days=settings.window_days),
        )
        purchases.append(stored(bought))
    return WindowSums(
        purchases=union(purchases),
        spend=query(__package__, "named_spend", spend=union(spend), categories=categories),
        segment_spend=stored(
            query(
                __package__,
                "segment_spend_of_moments",
                segment_days=union(segment_days),
                moments=moments,
                categories=categories,
            )
        ),
    )
