"""Two laws over random histories: both paths give the same features, and nothing from the date on moves them."""

from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from metro_assets.config import Features
from metro_assets.vocabulary import Benefit, Category, OfferMechanic, Segment
from metro_assets_tests.features.both_paths import (
    PROBES,
    Tables,
    as_served,
    assert_same_features,
    daily,
    probed,
    relations,
    served_on,
    tables,
    trained,
)
from metro_assets_tests.frames import (
    Row,
    connection,
    customer,
    daily_price,
    impression,
    line,
    offer,
    offer_product,
    on_days,
    orders_of,
    product,
    redemption,
    tiers,
)

FIRST = date(2026, 4, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(20)]
EVENTS = {"orders", "order_items", "impressions", "redemptions"}
SETTINGS = Features(window_days=7, customers_per_range=3)

CUSTOMERS = [
    customer(1),
    customer(2, registered_date=DAYS[3]),
    customer(3, segment=Segment.TRADER),
    customer(4, segment=Segment.TRADER),
    customer(9),
]
PRODUCTS = [
    product(1, is_tagespreis=True),
    product(2, category=Category.COFFEE_TEA, is_own_brand=True, **tiers()),
    product(3, category=Category.MEAT_POULTRY, cost_ron=None),
    product(4),
]
OFFERS = [
    offer(1, FIRST, stacks_with_tiers=True, valid_to_date=DAYS[-1]),
    offer(
        2,
        FIRST,
        category=Category.COFFEE_TEA,
        mechanic=OfferMechanic.VOLUME_BONUS,
        benefit=Benefit.BONUS_UNITS,
        minimum_quantity=2,
        free_quantity=1,
        funding_share=0.3,
        valid_to_date=DAYS[-1],
    ),
    offer(3, FIRST, benefit=Benefit.GIFT, gift_product_id=1, valid_to_date=DAYS[-1]),
]
COVERS = [offer_product(1, 1), offer_product(1, 3, is_anchor=False), offer_product(2, 2), offer_product(3, 4)]


def random_history(seed: int) -> Tables:
    """Twenty days in which customers buy, see and redeem at random; some rows are known late, some early."""
    random = np.random.default_rng(seed)

    def event(day: date) -> Row:
        delay = int(random.choice([0, 0, 0, 0, 1, 3, -1]))
        return {
            "run_date": day,
            "customer_id": int(random.integers(1, 5)),
            "recorded_date": day + timedelta(days=delay),
        }

    def some(most: int) -> range:
        return range(int(random.integers(0, most)))

    bought = [
        line(
            product_id=int(random.integers(1, 5)),
            quantity=int(random.integers(1, 9)),
            unit_price_ron=float(random.integers(100, 999)) / 100,
            order_id=number,
            tier=int(random.integers(1, 4)),
            offer_id=1 if random.random() < 0.4 else None,
            **event(day),
        )
        for number, day in enumerate(day for day in DAYS for _ in some(14))
    ]
    shown = [
        impression(number, offer_id=int(random.integers(1, 4)), **event(day))
        for number, day in enumerate(day for day in DAYS for _ in some(10))
    ]
    taken = [
        redemption(
            number,
            offer_id=int(random.integers(1, 4)),
            impression_id=number if random.random() < 0.7 else None,
            discount_ron=float(random.integers(0, 500)) / 100,
            **event(day),
        )
        for number, day in enumerate(day for day in DAYS for _ in some(8))
    ]
    prices = [daily_price(1, day, base_price_ron=float(random.integers(800, 1200)) / 100) for day in DAYS]
    orders = [order | {"recorded_date": event(order["run_date"])["recorded_date"]} for order in orders_of(bought)]
    return tables(
        customers=CUSTOMERS,
        products=PRODUCTS,
        offers=on_days(OFFERS, DAYS),
        offer_products=on_days(COVERS, DAYS),
        daily_prices=prices,
        order_items=bought,
        orders=orders,
        impressions=shown,
        redemptions=taken,
    )


def known_before(rows: Tables, day: date) -> Tables:
    """The tables without events that happened or became known on or after the day, and without later days' state."""
    events = {
        table: [row for row in rows[table] if row["run_date"] < day and row["recorded_date"] < day] for table in EVENTS
    }
    state = {
        table: [row for row in rows[table] if row["run_date"] <= day]
        for table in ("offers", "offer_products", "daily_prices")
    }
    return rows | events | state


@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
@given(seed=st.integers(0, 2**31), day=st.sampled_from(DAYS[2:]))
def test_both_paths_agree_and_nothing_from_the_date_on_moves_a_feature(seed: int, day: date) -> None:
    """If no event from the date on moves a value when it goes, none does when it comes or changes.

    Examples of all days are made in one pass over the whole history, so that of each the future is at hand.
    """
    rows = random_history(seed)
    with connection() as database:
        past, history = relations(database, known_before(rows, day)), relations(database, probed(rows, [day]))
        without_future = daily(past, served_on(past, day, SETTINGS), day, SETTINGS)
        tables_of_day = served_on(history, day, SETTINGS)
        served, kept = (path(history, tables_of_day, day, SETTINGS) for path in (daily, as_served))
        learned = trained(history, DAYS, SETTINGS)
    assert_frame_equal(served, without_future, check_exact=True)
    shown_then = (pl.col("shown_date") == day) & (pl.col("impression_id") >= PROBES)
    assert_same_features(served, learned.filter(shown_then))
    assert_same_features(served, kept.filter(shown_then))
