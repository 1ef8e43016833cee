"""Training examples: impressions with the features as they stood when each was shown, many days in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from metro_assets.config import Features
from metro_assets.features.customers import features_of_customers
from metro_assets.features.offers import features_of_offers
from metro_assets.features.pairs import WindowSums, features_of_pairs, sums_at
from metro_assets.features.windows import customer_ranges, customers_between, days_between
from metro_assets.sql import Relation, briefly_stored, on_date, query, stored, union, values


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


@dataclass(frozen=True)
class Served:
    """The daily tables of the days on which the impressions were shown, as far as they were made."""

    customer_products: Relation
    customer_features: Relation
    offer_features: Relation

    @property
    def dates(self) -> set[date]:
        """Days of which all three tables are there."""
        tables = (self.customer_products, self.customer_features, self.offer_features)
        return set.intersection(*({row[0] for row in rows.aggregate("run_date").fetchall()} for rows in tables))


def examples(
    history: History, run_dates: Sequence[date], settings: Features, pairs: Relation | None = None
) -> Relation:
    """One row per impression of the days before the run dates, as `training_examples` has it, with `run_date`.

    Every day's lines are aggregated once, however many run dates there are. An impression that became known after its
    run date is in no example; one whose offer was not live or whose customer was not registered is left out.

    `pairs` in the shape of impressions, if given, are described in their place: the features of what might have been
    shown.
    """
    first_shown, last_shown = min(run_dates) - timedelta(days=1), max(run_dates) - timedelta(days=1)
    first_known = first_shown - timedelta(days=settings.window_days)
    shown, moments = _shown_before(history, pairs, run_dates, settings)
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
    customer_features = features_of_customers(moments, sums.spend, history.orders)
    return _joined(history, shown, moments, sums, customer_features, offer_features, settings)


def examples_as_served(
    history: History, served: Served, run_date: date, settings: Features, pairs: Relation | None = None
) -> Relation:
    """The same rows for one run date, from the daily tables of the day before: the features as they were served.

    A day's lines need not be read again; that both ways agree to the bit is a property under test.
    """
    shown_date = run_date - timedelta(days=1)
    customer_products, customer_features, offer_features = (
        on_date(rows, shown_date)
        for rows in (served.customer_products, served.customer_features, served.offer_features)
    )
    shown, moments = _shown_before(history, pairs, [run_date], settings)
    offer_products = on_date(history.offer_products, shown_date)
    return _joined(
        history,
        shown,
        moments,
        sums_at(shown_date, moments, customer_products, offer_products, history.products, history.customers),
        customer_features.select("*, run_date as as_of_date"),
        query(
            __package__,
            "described_offers",
            offers=on_date(history.offers, shown_date),
            offer_features=offer_features,
        ),
        settings,
    )


def _shown_before(
    history: History, pairs: Relation | None, run_dates: Sequence[date], settings: Features
) -> tuple[Relation, Relation]:
    """Impressions, or the pairs in their place, of the day before each run date; their customers and days."""
    day = timedelta(days=1)
    rows = history.impressions if pairs is None else pairs
    shown = stored(
        query(
            __package__,
            "shown",
            impressions=days_between(rows, min(run_dates) - day, max(run_dates) - day),
            run_dates=pl.DataFrame({"run_date": list(run_dates)}, schema={"run_date": pl.Date}),
            customers=history.customers,
        )
    )
    bound = values(window_days=settings.window_days)
    return shown, stored(query(__package__, "moments_of_impressions", shown=shown, parameters=bound))


def _joined(
    history: History,
    shown: Relation,
    moments: Relation,
    sums: WindowSums,
    customer_features: Relation,
    offer_features: Relation | pl.DataFrame,
    settings: Features,
) -> Relation:
    """Impressions with the features of their customer, of their offer and of the pair."""
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
        customer_features=customer_features,
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
