"""The row builders build what the contract accepts."""

from importlib.resources import files

import pytest

from metro_assets_tests.frames import (
    DAY,
    Row,
    connection,
    customer,
    daily_price,
    described_offer,
    frame,
    impression,
    line,
    listed_for,
    offer,
    offer_product,
    orders_of,
    product,
    purchases,
    redemption,
    relation,
    tiers,
)

ROWS: dict[str, list[Row]] = {
    "customers": [customer(), customer(2, store_id=None)],
    "products": [product(), product(2, **tiers())],
    "daily_prices": [daily_price()],
    "offers": [offer(), offer(2, store_ids=[1, 2])],
    "offer_products": [offer_product(), offer_product(2, 2)],
    "offer_audience": [listed_for(1, 1)],
    "orders": orders_of([line(DAY), line(DAY, 2, quantity=3, unit_price_ron=2.10), line(DAY, customer_id=2)]),
    "order_items": [line(DAY), line(DAY, 2, quantity=3, unit_price_ron=2.10), line(DAY, customer_id=2)],
    "impressions": [impression()],
    "redemptions": [redemption(order_id=orders_of([line(DAY)])[0]["order_id"])],
    "customer_products": [purchases()],
    "offer_features": [described_offer()],
}


def test_the_contract_accepts_the_rows_that_the_builders_build() -> None:
    with connection() as database:
        database.execute(files("metro_assets.storage").joinpath("schema.sql").read_text(encoding="utf-8"))
        for table, rows in ROWS.items():
            relation(database, table, rows).create_view("built")
            database.execute(f"insert into {table} by name from built")
            database.execute("drop view built")
            assert database.sql(f"select count(*) from {table}").fetchall() == [(len(rows),)], table
        orders = database.sql("select customer_id, line_count, net_ron from orders order by customer_id").fetchall()
    assert [(owner, lines, float(net)) for owner, lines, net in orders] == [(1, 2, 10.00 + 3 * 2.10), (2, 1, 10.00)]


def test_a_column_that_the_contract_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError, match="customers has no colour"):
        frame("customers", [customer(colour="red")])
