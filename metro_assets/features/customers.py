"""Features of customers: what they bought in the window, how often, how varied, how drawn to offers."""

from __future__ import annotations

from datetime import date, timedelta

from metro_assets.config import Features
from metro_assets.features.windows import customer_ranges, customers_between, known_before
from metro_assets.sql import Relation, query, stored, union, values


def purchases_by_product(order_items: Relation, customers: Relation, run_date: date, settings: Features) -> Relation:
    """One row per customer and product bought in the window, as `customer_products` has it, without `run_date`."""
    known = known_before(order_items, run_date, settings.window_days)
    parts = [
        stored(query(__package__, "customer_products", lines=customers_between(known, first, last)))
        for first, last in customer_ranges(customers, settings.customers_per_range)
    ]
    return union(parts)


def moments_of_day(customers: Relation, run_date: date, settings: Features) -> Relation:
    """One row per customer known at the date: customer_id, as_of_date, from_date."""
    window_start = run_date - timedelta(days=settings.window_days)
    parameters = values(as_of_date=run_date, from_date=window_start)
    return query(__package__, "moments_of_day", customers=customers, parameters=parameters)


def spend_at(customer_products: Relation, products: Relation, run_date: date) -> Relation:
    """Window sums per customer and category at the date, from what each customer bought."""
    return query(
        __package__,
        "spend_of_products",
        customer_products=customer_products,
        products=products,
        parameters=values(as_of_date=run_date),
    )


def features_of_customers(moments: Relation, spend: Relation, orders: Relation) -> Relation:
    """The eight customer features per moment: customer_id, as_of_date and `vocabulary.CUSTOMER_FEATURES`.

    Parameters
    ----------
    moments : customer_id, as_of_date and from_date, the first day of the window.
    spend : window sums per moment and category.
    orders : orders of at least the moments' windows.
    """
    visits = query(__package__, "visits", orders=orders, moments=moments)
    return query(__package__, "customer_features", moments=moments, spend=spend, visits=visits)
