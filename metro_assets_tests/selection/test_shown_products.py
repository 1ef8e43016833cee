"""Overlapping offers of a slate each show a product of their own, as far as there is one."""

from collections.abc import Callable
from typing import Any

import polars as pl

from metro_assets.selection.shown_products import shown_products
from metro_assets.sql import Relation

Table = Callable[..., Relation]
OFFERS = {10: (1, 2, 3), 20: (1, 2), 30: (1,), 40: (9,)}
"""Products of each offer, the anchor first; the customer buys 1 most, then 2, then 3, and never 9."""


def chosen(offers: list[int], algorithm: str = "logistic") -> list[dict[str, Any]]:
    return [
        {"customer_id": 1, "algorithm": algorithm, "rank": rank, "offer_id": offer, "score": 1 / rank}
        for rank, offer in enumerate(offers, start=1)
    ]


def shown(table: Table, rows: list[dict[str, Any]], orders: dict[int, int]) -> dict[tuple[str, int], int]:
    """Product by algorithm and rank."""
    covered = [
        {"offer_id": offer, "product_id": product, "is_anchor": product == products[0]}
        for offer, products in OFFERS.items()
        for product in products
    ]
    bought = [
        {"customer_id": 1, "product_id": product, "order_count": count, "net_ron": 10, "usual_quantity": 2.0}
        for product, count in orders.items()
    ]
    found = shown_products(
        table("recommendations", pl.DataFrame(rows)),
        table("offer_products", covered),
        table("customer_products", bought),
    )
    return {
        (algorithm, rank): product
        for algorithm, rank, product in found.select("algorithm", "rank", "product_id").rows()
    }


def test_the_better_ranked_offer_chooses_first_and_none_is_shown_twice(table: Table) -> None:
    found = shown(table, chosen([10, 20, 40]), {1: 9, 2: 5, 3: 2})
    assert found == {("logistic", 1): 1, ("logistic", 2): 2, ("logistic", 3): 9}


def test_an_offer_with_nothing_else_to_show_shows_its_best_again(table: Table) -> None:
    found = shown(table, chosen([30, 10, 20]), {1: 9, 2: 5})
    assert found == {("logistic", 1): 1, ("logistic", 2): 2, ("logistic", 3): 1}


def test_slates_do_not_take_products_from_one_another(table: Table) -> None:
    rows = [*chosen([10]), *chosen([20], "boosted_trees")]
    assert shown(table, rows, {1: 9}) == {("logistic", 1): 1, ("boosted_trees", 1): 1}
