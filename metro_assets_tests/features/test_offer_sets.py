"""Features of an offer's whole set: arithmetic by hand, sets of one, nothing bought, and no look at the future."""

from collections.abc import Sequence

import pytest

from metro_assets.config import Features
from metro_assets.features.offer_sets import features_of_sets
from metro_assets.vocabulary import SET_FEATURES, Benefit
from metro_assets_tests.frames import DAY, Row, ago, connection, line, offer, offer_product, product, relation

SETTINGS = Features(set_window_days=100, set_half_life_days=50.0, window_days=60, set_recent_days=28, set_prior_ron=20)
MILK, CREAM, BREAD = 1, 2, 3
PRODUCTS = [
    product(MILK, brand="A", subcategory="MILK"),
    product(CREAM, brand="A", subcategory="CREAM"),
    product(BREAD, brand="B", category="BAKERY_PASTRY", subcategory="BREAD"),
]
ON_MILK_AND_CREAM = [offer_product(1, MILK), offer_product(1, CREAM, is_anchor=False)]


def features(
    lines: Sequence[Row],
    offer_products: Sequence[Row] = ON_MILK_AND_CREAM,
    customers: Sequence[int] = (1,),
    **terms: object,
) -> dict[int, dict[str, float]]:
    """The features of offer 1 for each customer."""
    database = connection()
    pairs = database.sql(" union all ".join(f"select {one} as customer_id, 1 as offer_id" for one in customers))
    found = features_of_sets(
        pairs,
        relation(database, "offer_products", offer_products),
        relation(database, "offers", [offer(1, **terms)]),
        relation(database, "products", PRODUCTS),
        relation(database, "order_items", lines),
        DAY,
        SETTINGS,
    ).pl()
    assert set(found.columns) == {"customer_id", "offer_id", *SET_FEATURES}
    return {row["customer_id"]: row for row in found.iter_rows(named=True)}


def test_a_habit_is_counted_whole_recent_and_decayed() -> None:
    found = features([line(ago(50), MILK), line(ago(10), MILK, quantity=2), line(ago(10), CREAM), line(ago(5), BREAD)])
    mine = found[1]
    assert mine["set_lines"] == 3
    assert mine["set_recent_lines"] == 2
    assert mine["set_decayed_lines"] == pytest.approx(0.5 + 2 * 0.5 ** (10 / 50))
    assert mine["set_decayed_ron"] == pytest.approx(0.5 * 10 + 0.5 ** (10 / 50) * (20 + 10))
    assert mine["set_products_bought"] == 2
    assert mine["set_tenure_days"] == 50
    assert mine["set_spend_share"] == pytest.approx(mine["set_decayed_ron"] / (10 + 20 + 10 + 10 + 20))


def test_a_shelf_counts_by_the_part_of_it_that_the_set_sells() -> None:
    # milk only is on offer: half of the brand's lines in the category, all of the type's
    mine = features([line(ago(50), MILK), line(ago(50), CREAM)], [offer_product(1, MILK)])[1]
    assert mine["set_type_lines"] == pytest.approx(0.5)
    assert mine["set_type_expected_lines"] == pytest.approx(0.5 * 1)
    assert mine["set_brand_expected_lines"] == pytest.approx((0.5 + 0.5) * 1 / 2)
    assert mine["set_category_expected_lines"] == pytest.approx((0.5 + 0.5) * 1 / 2)
    assert mine["set_share_of_type"] == pytest.approx(0.5 / (0.5 + 0.5))
    assert mine["set_share_of_brand"] == pytest.approx(0.5 / (1.0 + 0.5))


def test_reach_counts_all_customers_of_the_window() -> None:
    lines = [line(ago(1), MILK), line(ago(1), MILK, customer_id=2), line(ago(1), BREAD, customer_id=2)]
    mine = features([*lines, line(ago(61), CREAM, customer_id=2)])[1]
    assert (mine["set_buyers"], mine["set_sold_lines"], mine["set_sold_ron"]) == (2, 2, 20)
    assert (mine["set_products"], mine["set_sold_products"]) == (2, 1)
    assert (mine["set_types"], mine["set_categories"], mine["set_brands"]) == (2, 1, 1)


def test_who_bought_nothing_has_zeros_beside_the_sets_reach() -> None:
    found = features([line(ago(1), MILK)], customers=(1, 2))
    assert found[2]["set_lines"] == found[2]["set_type_lines"] == found[2]["set_spend_share"] == 0
    assert found[2]["set_buyers"] == found[1]["set_buyers"] == 1


def test_no_line_at_all_is_no_obstacle() -> None:
    assert features([])[1]["set_sold_ron"] == 0


def test_terms_are_the_value_of_the_whole_benefit() -> None:
    plain = features([])[1]
    assert (plain["offer_value_ron"], plain["offer_minimum_quantity"], plain["is_supplier_funded"]) == (None, 1, 0)
    two = features([], benefit=Benefit.AMOUNT, discount_ron=0.50, minimum_quantity=2, funding_share=1.0)[1]
    assert (two["offer_value_ron"], two["offer_minimum_quantity"], two["is_supplier_funded"]) == (2 * 0.50, 2, 1)


def test_nothing_of_the_date_or_later_moves_a_value_nor_what_became_known_later() -> None:
    past = [line(ago(10), MILK), line(ago(3), BREAD, customer_id=2)]
    future = [
        line(DAY, CREAM),
        line(ago(-5), MILK, customer_id=2),
        line(ago(4), CREAM, recorded_date=DAY),
        line(ago(101), CREAM),
    ]
    assert features([*past, *future], customers=(1, 2)) == features(past, customers=(1, 2))


def test_the_order_of_rows_does_not_matter() -> None:
    lines = [line(ago(day), MILK + day % 3, customer_id=1 + day % 2) for day in range(1, 40)]
    first, again = (features(rows, customers=(1, 2)) for rows in (lines, lines[::-1]))
    for customer in first:
        assert first[customer] == pytest.approx(again[customer], nan_ok=True)
