"""What a purchase of a pair would earn, counted by hand."""

from collections.abc import Sequence

import pytest

from metro_assets.features.margins import margins_of_pairs
from metro_assets_tests.frames import (
    Row,
    connection,
    daily_price,
    described_offer,
    offer,
    offer_product,
    product,
    purchases,
    relation,
    tiers,
)


def margins(**given: Sequence[Row]) -> dict[tuple[int, int], tuple[float, float | None, float | None]]:
    """Units and margins of the pairs; unless given, customer 1 and offer 1, a tenth off product 1."""
    tables: dict[str, Sequence[Row]] = {
        "candidate_pool": [{"customer_id": 1, "offer_id": 1}],
        "offers": [offer()],
        "offer_products": [offer_product()],
        "offer_features": [described_offer()],
        "daily_prices": [],
        "products": [product()],
        "customer_products": [],
    } | given
    with connection() as database:
        rows = margins_of_pairs(*(relation(database, name, tables[name]) for name in tables)).pl()
    return {(row[0], row[1]): row[2:] for row in rows.rows()}


def test_a_stranger_buys_the_anchor_in_typical_units() -> None:
    found = margins(offer_features=[described_offer(typical_quantity=2.6)])
    assert found[1, 1] == pytest.approx((3, 10 - 6, 10 * 0.9 - 6))


def test_who_knows_a_product_of_the_offer_buys_that_in_their_own_units_at_their_tier() -> None:
    found = margins(
        products=[product(1), product(2, **tiers())],
        offer_products=[offer_product(), offer_product(1, 2, is_anchor=False)],
        customer_products=[
            purchases(1, 1, order_count=1, usual_quantity=9.0),
            purchases(1, 2, order_count=5, usual_quantity=6.0),
        ],
    )
    # six units at 21.90; a tenth off 24.90 is 22.41, worth nothing
    assert found[1, 1] == pytest.approx((6, 21.90 - 15.00, 21.90 - 15.00))


def test_the_supplier_pays_its_share_and_the_minimum_is_bought() -> None:
    found = margins(
        offers=[offer(minimum_quantity=4, funding_share=0.25)], customer_products=[purchases(usual_quantity=1.0)]
    )
    assert found[1, 1] == pytest.approx((4, 4.00, 4.00 - (1 - 0.25) * 1.00))


def test_prices_of_the_day_and_tenths_of_a_kilogram() -> None:
    found = margins(
        products=[product(unit="kg")],
        daily_prices=[daily_price(1, base_price_ron=20.00, cost_ron=11.00)],
        customer_products=[purchases(usual_quantity=1.26)],
    )
    assert found[1, 1] == pytest.approx((1.3, 20 - 11, 20 * 0.9 - 11))


def test_an_unknown_cost_is_an_unknown_margin() -> None:
    assert margins(products=[product(cost_ron=None)])[1, 1][1:] == (None, None)


def test_no_pair_no_row() -> None:
    assert margins(candidate_pool=[]) == {}
