"""One table of all campaigns: every coupon of every list with its features as of the campaign's first morning."""

from __future__ import annotations

from datetime import date, timedelta

from metro_assets.config import Features, Ranking
from metro_assets.features.offer_sets import features_of_sets
from metro_assets.features.training import History, examples
from metro_assets.ranking.examples import labelled
from metro_assets.sql import Relation, on_date, query, stored, union

LONGEST_CAMPAIGN_DAYS = 200
AFTER_EVERYTHING = date(2018, 12, 31)
"""Labels are joined once, for they are final; who may learn from which is the protocol's matter (`protocol.py`)."""


def matrix_of(history: History, shown_dates: list[date], settings: Features) -> Relation:
    """One row per impression of the dates: columns of `training_examples`, `SET_FEATURES`, label and campaign_id."""
    day = timedelta(days=1)
    base = labelled(
        examples(history, [shown + day for shown in shown_dates], settings),
        history.redemptions,
        AFTER_EVERYTHING,
        Ranking(label_horizon_days=LONGEST_CAMPAIGN_DAYS),
    )
    sets = [_sets_on(history, shown, settings) for shown in shown_dates]
    return stored(query(__package__, "matrix", base=base, sets=union(sets)))


def _sets_on(history: History, shown: date, settings: Features) -> Relation:
    pairs = stored(on_date(history.impressions, shown).select("customer_id, offer_id").distinct())
    return stored(
        features_of_sets(
            pairs,
            on_date(history.offer_products, shown),
            on_date(history.offers, shown),
            history.products,
            history.order_items,
            shown,
            settings,
        )
    )
