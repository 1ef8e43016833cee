"""The eight features of a customer and the products each buys, worked by hand."""

import math
from collections.abc import Sequence
from datetime import timedelta

import pytest

from metro_assets.config import Features
from metro_assets.features.customers import features_of_customers, moments_of_day, purchases_by_product, spend_at
from metro_assets.vocabulary import CUSTOMER_FEATURES, Category
from metro_assets_tests.frames import DAY, Row, ago, connection, customer, line, orders_of, product, relation

DAIRY, COFFEE, MEAT = (
    product(1),
    product(2, category=Category.COFFEE_TEA, is_own_brand=True),
    product(3, category=Category.MEAT_POULTRY),
)


def bought(
    lines: Sequence[Row], customers: Sequence[Row] = (customer(),), customers_per_range: int = 6_250
) -> dict[tuple[int, int], Row]:
    """Rows of customer_products by customer and product."""
    settings = Features(customers_per_range=customers_per_range)
    with connection() as database:
        items, owners = relation(database, "order_items", lines), relation(database, "customers", customers)
        rows = purchases_by_product(items, owners, DAY, settings).pl().rows(named=True)
    return {(row["customer_id"], row["product_id"]): row for row in rows}


def described(
    lines: Sequence[Row], customers: Sequence[Row] = (customer(),), orders: Sequence[Row] | None = None
) -> dict[int, Row]:
    """Rows of customer_features by customer."""
    settings = Features()
    with connection() as database:
        owners = relation(database, "customers", customers)
        items = relation(database, "order_items", lines)
        visits = relation(database, "orders", orders_of(lines) if orders is None else orders)
        products = relation(database, "products", [DAIRY, COFFEE, MEAT])
        spend = spend_at(purchases_by_product(items, owners, DAY, settings), products, DAY)
        rows = features_of_customers(moments_of_day(owners, DAY, settings), spend, visits).pl().rows(named=True)
    return {row["customer_id"]: row for row in rows}


def test_every_feature_of_three_orders() -> None:
    found = described(
        [
            line(ago(20), 1, quantity=3, unit_price_ron=10.00),
            line(ago(20), 2, quantity=1, unit_price_ron=20.00, offer_id=1),
            line(ago(9), 1, quantity=2, unit_price_ron=9.00, tier=2),
            line(ago(4), 3, quantity=6, unit_price_ron=2.00, tier=3, offer_id=2),
        ]
    )[1]
    dairy, coffee, meat = 30 + 18, 20, 12
    total = dairy + coffee + meat
    assert found["recency_days"] == 4
    assert found["frequency_orders"] == 3
    assert found["monetary_ron"] == total
    assert found["avg_basket_ron"] == total / 3
    assert found["promo_affinity"] == (20 + 12) / total
    shares = dairy / total, coffee / total, meat / total
    assert found["category_entropy"] == pytest.approx(-sum(share * math.log(share) for share in shares))
    assert found["own_brand_share"] == 20 / total
    assert found["tier_affinity"] == 2 / 4


def test_a_single_order_of_one_category() -> None:
    found = described([line(ago(1), quantity=2, unit_price_ron=7.50)])[1]
    assert {name: found[name] for name in CUSTOMER_FEATURES} == {
        "recency_days": 1,
        "frequency_orders": 1,
        "monetary_ron": 15,
        "avg_basket_ron": 15 / 1,
        "promo_affinity": 0,
        "category_entropy": 0,
        "own_brand_share": 0,
        "tier_affinity": 0 / 1,
    }


def test_equal_spend_on_all_categories_has_the_greatest_entropy() -> None:
    found = described([line(ago(2), 1), line(ago(2), 2), line(ago(2), 3)])[1]
    assert found["category_entropy"] == pytest.approx(math.log(3))


def test_who_never_ordered_has_counts_of_zero_and_shares_of_null() -> None:
    found = described([line(ago(3))], customers=[customer(1), customer(2)])[2]
    counts = {"frequency_orders": 0, "monetary_ron": 0}
    assert {name: found[name] for name in CUSTOMER_FEATURES} == dict.fromkeys(CUSTOMER_FEATURES) | counts


def test_who_only_got_goods_for_nothing_has_no_share_of_spend() -> None:
    found = described([line(ago(3), unit_price_ron=0.00, tier=2, offer_id=1)])[1]
    assert (found["monetary_ron"], found["avg_basket_ron"]) == (0, 0 / 1)
    assert (found["promo_affinity"], found["own_brand_share"], found["category_entropy"]) == (None, None, None)
    assert found["tier_affinity"] == 1 / 1


def test_a_line_without_a_tier_is_not_bought_at_a_better_tier() -> None:
    found = described([line(ago(3), 1, tier=None), line(ago(3), 2, tier=2)])[1]
    assert found["tier_affinity"] == 1 / 2


def test_day_90_is_in_the_window_day_91_and_the_run_date_are_out() -> None:
    days = {91: 1.00, 90: 2.00, 0: 4.00}
    lines = [line(ago(days_ago), unit_price_ron=price) for days_ago, price in days.items()]
    found, products = described(lines)[1], bought(lines)
    assert (found["recency_days"], found["frequency_orders"], found["monetary_ron"]) == (90, 1, 2.00)
    assert (products[1, 1]["first_date"], products[1, 1]["last_date"]) == (ago(90), ago(90))


def test_a_late_row_counts_once_it_is_known() -> None:
    in_time, too_late = line(ago(5), recorded_date=ago(1)), line(ago(2), recorded_date=DAY)
    found = described([in_time, too_late])[1]
    assert (found["recency_days"], found["frequency_orders"], found["monetary_ron"]) == (5, 1, 10.00)
    assert bought([too_late]) == {}


def test_an_order_is_known_apart_from_its_lines() -> None:
    lines = [line(ago(5))]
    late_order = [row | {"recorded_date": DAY} for row in orders_of(lines)]
    found = described(lines, orders=late_order)[1]
    assert (found["recency_days"], found["frequency_orders"], found["avg_basket_ron"]) == (None, 0, None)
    assert found["monetary_ron"] == 10.00


def test_two_orders_of_one_day_are_two() -> None:
    found = described([line(ago(3), order_id=1), line(ago(3), order_id=2)])[1]
    assert (found["recency_days"], found["frequency_orders"], found["avg_basket_ron"]) == (3, 2, 20 / 2)


def test_only_customers_registered_before_the_run_date_have_features() -> None:
    customers = [customer(1, registered_date=ago(1)), customer(2, registered_date=DAY)]
    assert described([], customers).keys() == {1}


def test_no_customers_no_rows() -> None:
    assert described([], customers=[]) == {}
    assert bought([], customers=[]) == {}


def test_what_a_customer_buys_how_much_and_how_often() -> None:
    found = bought(
        [
            line(ago(10), quantity=4),
            line(ago(4), quantity=1, unit_price_ron=9.00, offer_id=1),
            line(ago(1), quantity=4, unit_price_ron=8.00, tier=2),
        ]
    )[1, 1]
    assert found["order_count"] == 3
    assert found["usual_quantity"] == (4 + 1 + 4) / 3
    assert float(found["net_ron"]) == 40 + 9 + 32
    assert float(found["offer_ron"]) == 9
    assert found["tier_line_count"] == 1
    assert (found["first_date"], found["last_date"]) == (ago(10), ago(1))
    assert found["cycle_days"] == (10 - 1) / 2


def test_what_was_bought_on_one_day_only_has_no_cycle() -> None:
    assert bought([line(ago(4))])[1, 1]["cycle_days"] is None
    twice = bought([line(ago(4), order_id=1), line(ago(4), order_id=2)])[1, 1]
    assert (twice["order_count"], twice["cycle_days"]) == (2, None)


@pytest.mark.parametrize("customers_per_range", [1, 3])
def test_customers_taken_a_few_at_a_time_are_neither_lost_nor_doubled(customers_per_range: int) -> None:
    owners = [customer(number) for number in (7, 3, 20, 11)]
    lines = [line(ago(2) - timedelta(days=number), customer_id=number) for number in (3, 7, 11, 20)]
    found = bought(lines, owners, customers_per_range)
    assert {owner: row["order_count"] for (owner, _), row in found.items()} == {3: 1, 7: 1, 11: 1, 20: 1}
