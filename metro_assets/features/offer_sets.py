"""Features of a customer and the whole set of products of an offer: the habit itself, its shelves, the set's reach.

An offer on one product is a set of one. At a single date, so that the daily tables and training examples call the same
function: a day's candidates are pairs at the run date, an example is a pair at the day on which it was shown.
"""

from __future__ import annotations

from datetime import date, timedelta

from metro_assets.config import Features
from metro_assets.features.windows import known_before
from metro_assets.sql import Relation, query, stored, values


def features_of_sets(
    pairs: Relation,
    offer_products: Relation,
    offers: Relation,
    products: Relation,
    order_items: Relation,
    as_of_date: date,
    settings: Features,
) -> Relation:
    """One row per pair: customer_id, offer_id and `vocabulary.SET_FEATURES`; zero where nothing was bought.

    Parameters
    ----------
    pairs : customer_id and offer_id, without duplicates.
    offer_products, offers : as they hold on the date.
    order_items : lines of at least `set_window_days` before the date; what was recorded on it or later is not read.
    """
    bound = values(
        as_of_date=as_of_date,
        half_life_days=settings.set_half_life_days,
        window_days=settings.window_days,
        recent_days=settings.set_recent_days,
        prior_ron=settings.set_prior_ron,
    )
    known = stored(known_before(order_items, as_of_date, settings.set_window_days))
    own = query(__package__, "set_own_lines", lines=known, pairs=pairs, parameters=bound)
    shelves = stored(query(__package__, "set_shelves", products=products))
    sets = stored(query(__package__, "set_products", pairs=pairs, offer_products=offer_products))
    recent = known_before(known, as_of_date, settings.window_days)
    return query(
        __package__,
        "set_features",
        pairs=pairs,
        offers=offers,
        purchases=stored(query(__package__, "set_purchases", pairs=pairs, sets=sets, lines=own, parameters=bound)),
        affinities=stored(
            query(__package__, "set_affinities", pairs=pairs, sets=sets, shelves=shelves, lines=own, recent=recent)
        ),
        reach=stored(query(__package__, "set_reach", sets=sets, products=products, lines=recent)),
        spend=stored(query(__package__, "set_spend", lines=recent)),
        parameters=bound,
    )


def first_day_of(as_of_date: date, settings: Features) -> date:
    """The first day whose lines the features of the date read."""
    return as_of_date - timedelta(days=settings.set_window_days)
