"""A history rewritten: what is asked for is what comes out, and nothing is made on or after the run date."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metro_assets.dashboard.simulation.changes import ASSUMED_OFFER_ID, Assortment, changed
from metro_assets.dashboard.simulation.history import History
from metro_assets.dashboard.simulation.scenario import Scenario

RUN_DATE = date(2026, 5, 18)
WINDOW, SEED = 90, 42
MONEY = pl.Decimal(12, 2)
ASSORTMENT = Assortment(
    products=pl.DataFrame(
        {
            "product_id": [1, 2, 3, 4, 5],
            "name": ["Milk", "Cheese", "Beer", "Mop", "Soap"],
            "category": ["DAIRY", "DAIRY", "BEER", "CLEANING", "CLEANING"],
            "base_price_ron": [5.0, 20.0, 4.0, 30.0, 10.0],
            "tier2_quantity": [6.0, None, None, None, 3.0],
            "tier2_price_ron": [4.5, None, None, None, 9.0],
            "tier3_quantity": [None] * 5,
            "tier3_price_ron": [None] * 5,
            "usual_quantity": [2.0, 1.0, 12.0, 1.0, 3.0],
        },
        schema_overrides=dict.fromkeys(("tier3_quantity", "tier3_price_ron"), pl.Float64),
    ),
    popular=pl.DataFrame(
        {"segment": ["HORECA"] * 2, "category": ["CLEANING"] * 2, "place": [1, 2], "product_id": [5, 4]},
    ),
)


def ago(days: int) -> date:
    return RUN_DATE - timedelta(days=days)


def history(*lines: tuple[int, int, int, float, float], redeemed: tuple[tuple[int, int, float], ...] = ()) -> History:
    """Lines of (order, days ago, product, quantity, net RON), redemptions of (order, product, discount RON)."""
    under = {(order, product) for order, product, _ in redeemed}
    days = {order: days for order, days, *_ in lines}
    frame = pl.DataFrame(
        [
            {
                "order_id": order,
                "customer_id": 7,
                "product_id": product,
                "quantity": quantity,
                "tier": 1,
                "unit_price_ron": net / quantity,
                "net_ron": net,
                "offer_id": 100 if (order, product) in under else None,
                "recorded_date": ago(age),
                "run_date": ago(age),
            }
            for order, age, product, quantity, net in lines
        ],
        schema={
            "order_id": pl.Int64,
            "customer_id": pl.Int32,
            "product_id": pl.Int32,
            "quantity": pl.Decimal(9, 3),
            "tier": pl.Int8,
            "unit_price_ron": pl.Decimal(9, 2),
            "net_ron": MONEY,
            "offer_id": pl.Int32,
            "recorded_date": pl.Date,
            "run_date": pl.Date,
        },
    )
    orders = frame.group_by("order_id", "customer_id", "run_date", "recorded_date").agg(
        line_count=pl.len().cast(pl.Int16), net_ron=pl.col("net_ron").sum()
    )
    redemptions = pl.DataFrame(
        [
            {
                "redemption_id": place,
                "customer_id": 7,
                "offer_id": 100,
                "impression_id": None,
                "order_id": order,
                "product_id": product,
                "redeemed_at": datetime.combine(ago(days[order]), datetime.min.time()),
                "discount_ron": discount,
                "recorded_date": ago(days[order]),
                "run_date": ago(days[order]),
            }
            for place, (order, product, discount) in enumerate(redeemed)
        ],
        schema={
            "redemption_id": pl.Int64,
            "customer_id": pl.Int32,
            "offer_id": pl.Int32,
            "impression_id": pl.Int64,
            "order_id": pl.Int64,
            "product_id": pl.Int32,
            "redeemed_at": pl.Datetime("us"),
            "discount_ron": pl.Decimal(9, 2),
            "recorded_date": pl.Date,
            "run_date": pl.Date,
        },
    )
    customer = pl.DataFrame({"customer_id": [7], "segment": ["HORECA"], "business_type": ["PIZZERIA"]})
    return History(customer, orders, frame, redemptions, pl.DataFrame(), pl.DataFrame())


THREE_ORDERS = history(
    (11, 2, 1, 2, 10.0),
    (11, 2, 2, 1, 20.0),
    (12, 12, 1, 2, 10.0),
    (12, 12, 3, 12, 48.0),
    (13, 32, 2, 1, 20.0),
    redeemed=((12, 3, 12.0),),
)


def play(start: History, **scenario: object) -> History:
    return changed(start, Scenario.model_validate(scenario), ASSORTMENT, RUN_DATE, WINDOW, SEED)


def spend(lines: pl.DataFrame) -> dict[str, float]:
    """RON by category."""
    rows = lines.join(ASSORTMENT.products, on="product_id").group_by("category").agg(pl.col("net_ron").sum())
    return {category: float(net) for category, net in rows.iter_rows()}


def test_another_segment_leaves_every_purchase_as_it_was() -> None:
    after = play(THREE_ORDERS, as_segment="TRADER", as_type="KIOSK")
    assert after.customer.row(0) == (7, "TRADER", "KIOSK")
    assert after.lines is THREE_ORDERS.lines
    assert after.orders is THREE_ORDERS.orders


def test_a_rhythm_repeats_the_newest_baskets_back_from_the_last_order() -> None:
    after = play(THREE_ORDERS, every=20)
    # The last order stays 2 days ago: 2, 22, 42, 62, 82.
    assert sorted(after.orders["run_date"]) == sorted(ago(2 + 20 * step) for step in range(5))
    newest = after.lines.sort("run_date", descending=True)["product_id"].to_list()
    assert sorted(newest[:2]) == [1, 2]
    # Five orders of three baskets: the fourth is the newest basket again.
    assert len(after.lines) == 2 + 2 + 1 + 2 + 2


def test_a_rhythm_that_is_due_moves_the_last_order_nearer() -> None:
    late = history((1, 40, 1, 1, 5.0))
    assert play(late, every=10).orders["run_date"].max() == ago(10)


def test_lines_of_an_order_are_dropped_and_added_by_habit() -> None:
    shorter = play(THREE_ORDERS, lines=1)
    # Milk and cheese were bought twice, cheese for more money: the order of both keeps the cheese.
    assert shorter.lines.filter(pl.col("order_id") == 11)["product_id"].to_list() == [2]
    longer = play(THREE_ORDERS, lines=3)
    # In proportion to 2, 2 and 1 lines, 3.6 + 3.6 + 1.8, as far as the customer has products.
    assert sorted(longer.lines.group_by("order_id").len()["len"]) == [2, 3, 3]
    # Nobody buys a product twice in an order, so there are no longer ones than the customer has products.
    assert play(THREE_ORDERS, lines=50).lines.group_by("order_id").len()["len"].to_list() == [3, 3, 3]


def test_shares_of_categories_move_within_the_same_spend() -> None:
    after = spend(play(THREE_ORDERS, category=["BEER"], share=[75]).lines)
    assert after["BEER"] == pytest.approx(0.75 * 108.0, abs=0.02)
    assert after["DAIRY"] == pytest.approx(0.25 * 108.0, abs=0.02)


def test_a_category_that_is_new_begins_with_what_the_segment_buys() -> None:
    after = play(THREE_ORDERS, category=["CLEANING"], share=[50])
    assert spend(after.lines)["CLEANING"] == pytest.approx(0.5 * 108.0, abs=0.03)
    assert set(after.lines["product_id"]) == {1, 2, 3, 4, 5}
    begun = after.lines.filter(pl.col("product_id") == 5)
    assert begun["tier"].to_list() == [2] * len(begun)


def test_a_category_without_a_share_is_not_bought() -> None:
    assert set(play(THREE_ORDERS, category=["DAIRY"], share=[0]).lines["product_id"]) == {3}


def test_a_basket_is_scaled_with_its_discounts() -> None:
    after = play(THREE_ORDERS, basket=72)
    assert float(after.orders["net_ron"].sum()) == pytest.approx(3 * 72.0, abs=0.05)
    # 108 RON become 216: what was redeemed on the beer doubles as well.
    assert after.redemptions["discount_ron"].to_list() == [Decimal("24.00")]


def test_a_product_is_bought_so_often_and_so_lately() -> None:
    after = play(THREE_ORDERS, product=[4], times=[3], last=[5])
    mops = after.lines.filter(pl.col("product_id") == 4).sort("run_date", descending=True)
    assert len(mops) == 3
    assert mops["run_date"][0] == ago(5)
    # Evenly before it, (90 - 5) / 3 days apart, but on the day of an order where one is near: 33 becomes 32.
    assert mops["run_date"].to_list() == [ago(5), ago(32), ago(62)]
    assert mops["order_id"][1] == 13
    assert mops["unit_price_ron"].to_list() == [Decimal("30.00")] * 3


def test_a_product_is_bought_no_more() -> None:
    assert set(play(THREE_ORDERS, product=[1], times=[0], last=[None]).lines["product_id"]) == {2, 3}


def test_an_unknown_product_is_not_bought() -> None:
    assert len(play(THREE_ORDERS, product=[999], times=[4], last=[1]).lines) == len(THREE_ORDERS.lines)


def test_a_share_of_the_spend_comes_under_offers() -> None:
    everything = play(THREE_ORDERS, promo=100)
    assert everything.lines["offer_id"].null_count() == 0
    assert set(everything.lines["offer_id"]) == {100, ASSUMED_OFFER_ID}
    assert len(everything.redemptions) == len(everything.lines)
    # The depth of what was redeemed, 12 / (12 + 48), is that of the lines that are added.
    milk = everything.redemptions.filter(pl.col("product_id") == 1)["discount_ron"].to_list()
    assert milk == [Decimal("2.50")] * 2
    nothing = play(THREE_ORDERS, promo=0)
    assert nothing.lines["offer_id"].null_count() == len(nothing.lines)
    assert nothing.redemptions.is_empty()


def test_a_depth_is_what_was_taken_off_before_the_price_that_was_paid() -> None:
    # 48 RON after 50 % were 96 before it.
    assert play(THREE_ORDERS, depth=50).redemptions["discount_ron"].to_list() == [Decimal("48.00")]


def test_a_customer_without_purchases_has_only_what_a_product_adds() -> None:
    nobody = history()
    for scenario in ({"every": 3}, {"lines": 4}, {"basket": 100}, {"promo": 50}, {"category": ["BEER"], "share": [50]}):
        assert play(nobody, **scenario).lines.is_empty()
    assert len(play(nobody, product=[1], times=[2], last=[3]).lines) == 2


knobs = st.fixed_dictionaries(
    {},
    optional={
        "every": st.floats(0.5, 90),
        "lines": st.floats(1, 20),
        "basket": st.floats(1, 5_000),
        "promo": st.floats(0, 100),
        "depth": st.floats(0, 90),
        "category": st.just(["BEER", "CLEANING"]),
        "product": st.just([1, 4]),
    },
)


@given(knobs, st.integers(0, 180), st.integers(1, 90), st.floats(0, 100), st.floats(0, 100))
@settings(max_examples=60, deadline=None)
def test_nothing_is_made_on_or_after_the_run_date(
    asked: dict[str, object], times: int, last: int, beer: float, cleaning: float
) -> None:
    if "category" in asked:
        asked |= {"share": [beer, cleaning]}
    if "product" in asked:
        asked |= {"times": [times, 2], "last": [last, 1]}
    after = play(THREE_ORDERS, **asked)
    for rows in (after.lines, after.orders, after.redemptions):
        assert rows.filter((pl.col("run_date") >= RUN_DATE) | (pl.col("recorded_date") >= RUN_DATE)).is_empty()
        assert rows.filter(pl.col("run_date") < ago(WINDOW)).is_empty()
    key = ["order_id", "product_id"]
    assert after.lines.select(key).is_duplicated().sum() == 0
    assert after.lines.schema == THREE_ORDERS.lines.schema
    assert after.orders.select(pl.exclude("ordered_at")).schema == THREE_ORDERS.orders.schema
    assert (after.lines["quantity"] > 0).all()
    if "product" in asked:
        bought = after.lines.filter(pl.col("product_id") == 4)
        assert len(bought) == 2
        assert bought["run_date"].max() == ago(1)


def test_what_was_not_known_that_morning_is_left_out() -> None:
    late = THREE_ORDERS.lines.with_columns(
        recorded_date=pl.when(pl.col("order_id") == 11).then(pl.lit(RUN_DATE)).otherwise("recorded_date")
    )
    start = History(THREE_ORDERS.customer, THREE_ORDERS.orders, late, THREE_ORDERS.redemptions, late, late)
    assert set(play(start, basket=50).orders["order_id"]) == {12, 13}


def test_the_address_holds_the_whole_scenario() -> None:
    scenario = Scenario.model_validate(
        {
            "customer": "7",
            "date": "",
            "every": "2.5",
            "category": ["DAIRY", "BEER", "CLEANING"],
            "share": ["", "40", ""],
            "product": ["4", "", "12"],
            "times": ["3", "", ""],
            "last": ["5", "", "2"],
        }
    )
    found = scenario.parameters()
    assert found == [
        ("customer", "7"),
        ("every", "2.5"),
        ("category", "BEER"),
        ("share", "40"),
        ("product", "4"),
        ("times", "3"),
        ("last", "5"),
    ]
    again: dict[str, object] = {}
    for name, value in found:
        is_list = name in {"category", "share", "product", "times", "last"}
        again[name] = [*again.get(name, []), value] if is_list else value  # type: ignore[misc]
    read = Scenario.model_validate(again)
    assert read.parameters() == found
    assert (read.shares, read.purchases, read.every) == (scenario.shares, scenario.purchases, 2.5)


def test_shares_beyond_everything_are_scaled_down() -> None:
    scenario = Scenario(customer=1, category=["A", "B"], share=[100, 100])
    assert scenario.shares == {"A": 0.5, "B": 0.5}
