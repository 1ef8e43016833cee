"""What the platform reads out of a folder: numbers of ids, defaults of what is not said, the law of time."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from metro_assets.config import Engine, Files
from metro_assets.sources.files.problems import FolderError
from metro_assets.sources.files.source import FilesEndError, FolderSource
from metro_assets.storage.contract import contracts
from metro_assets_tests.sources.files.folders import (
    CUSTOMERS,
    IMPRESSIONS,
    OFFER_PRODUCTS,
    OFFERS,
    ORDER_ITEMS,
    ORDERS,
    PRODUCTS,
    write_folder,
)

ENGINE = Engine(threads=1)


def opened(folder: Path, warehouse: Path | None = None) -> FolderSource:
    return FolderSource(folder, warehouse or folder.parent / "warehouse", ENGINE, Files())


def rows(frame: object) -> list[dict[str, Any]]:
    return pl.DataFrame(frame).to_dicts()


def state(source: FolderSource, day: date, table: str) -> list[dict[str, Any]]:
    return rows(source.state(day)[table])


def events(source: FolderSource, day: date, table: str) -> list[dict[str, Any]]:
    return rows(source.events(day)[table])


def test_every_table_has_the_columns_of_the_contract(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path / "in"))
    day = date(2026, 3, 5)
    frames = {"customers": source.customers(), "products": source.products(), **source.state(day), **source.events(day)}
    for table, frame in frames.items():
        assert set(pl.DataFrame(frame).columns) == set(contracts()[table].column_names), table


def test_ids_that_are_no_numbers_are_numbered_and_whole_numbers_stay(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path / "in"))
    assert [(row["customer_id"], row["metro_card"]) for row in rows(source.customers())] == [
        (1, "K-1"),
        (2, "K-2"),
        (3, "K-3"),
    ]
    assert [row["offer_id"] for row in state(source, date(2026, 3, 5), "offers")] == [100, 101]


def test_a_number_is_kept_for_good(tmp_path: Path) -> None:
    """A new customer, first by name, gets the next number; the others keep theirs."""
    folder = write_folder(tmp_path / "in")
    opened(folder)
    write_folder(folder, customers=CUSTOMERS + "B-0,Alimentara SRL,TRADER,2026-03-01,da\n")
    again = {row["metro_card"]: row["customer_id"] for row in rows(opened(folder).customers())}
    assert again == {"K-1": 1, "K-2": 2, "K-3": 3, "B-0": 4}
    assert len(list((tmp_path / "warehouse" / "files").glob("*.duckdb"))) == 1


def test_numbers_do_not_become_words_in_the_middle(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in")
    opened(folder)
    write_folder(folder, offers=OFFERS + "X-1,2026-03-04,2026-03-10,\n", offer_products=OFFER_PRODUCTS + "X-1,A-1\n")
    with pytest.raises(FolderError, match="offers: had whole numbers for ids"):
        opened(folder)


def test_what_is_not_said_of_an_offer_follows_from_its_terms(tmp_path: Path) -> None:
    percent, silent = state(opened(write_folder(tmp_path / "in")), date(2026, 3, 5), "offers")
    assert (percent["benefit"], percent["mechanic"]) == ("PERCENT", "PERCENTAGE_DISCOUNT")
    assert (percent["name"], percent["category"]) == ("Mozzarella 1 kg", "DAIRY_EGGS")
    assert (silent["benefit"], silent["mechanic"]) == ("UNSTATED", "UNKNOWN")
    assert not silent["is_listed"]


def test_an_offer_with_an_audience_is_listed(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path / "in", offer_audience="offer_id,customer_id\n101,K-2\n"))
    day = date(2026, 3, 5)
    assert [row["is_listed"] for row in state(source, day, "offers")] == [False, True]
    assert state(source, day, "offer_audience") == [{"offer_id": 101, "customer_id": 2}]


def test_an_offer_is_seen_after_its_announcement_while_it_holds(tmp_path: Path) -> None:
    announced = OFFERS.replace("discount_share", "discount_share,announced_date")
    announced = announced.replace("0.20", "0.20,").replace("03-10,", "03-10,,2026-03-05")
    source = opened(write_folder(tmp_path / "in", offers=announced, impressions=None))
    live = {
        day: [row["offer_id"] for row in state(source, date(2026, 3, day), "offers")] for day in (1, 2, 5, 6, 9, 11)
    }
    assert live == {1: [], 2: [100], 5: [100], 6: [100, 101], 9: [101], 11: []}


def test_the_anchor_is_what_had_sold_most_when_the_offer_was_announced(tmp_path: Path) -> None:
    """Of offer 101, A-3 has two lines and A-2 one; but on 2026-03-03, when it was announced, A-2 had none yet."""
    source = opened(write_folder(tmp_path / "in"))
    anchors = {row["product_id"]: row["is_anchor"] for row in state(source, date(2026, 3, 5), "offer_products")}
    assert anchors == {1: True, 2: False, 3: True}
    later = "".join(f"F{number},K-2,2026-03-05 1{number - 4}:00:00\n" for number in range(4, 9))
    lines = "".join(f"F{number},A-2,1,41.50,\n" for number in range(4, 9))
    crowded = opened(write_folder(tmp_path / "in", orders=ORDERS + later, order_items=ORDER_ITEMS + lines))
    assert state(crowded, date(2026, 3, 5), "offer_products") == state(source, date(2026, 3, 5), "offer_products")


def test_a_price_that_no_file_states_is_the_last_one_paid_before_the_date(tmp_path: Path) -> None:
    """A-3 was sold at 60 on the 2nd and 62 on the 3rd; before that it has its category's median, A-2's 41.50."""
    source = opened(write_folder(tmp_path / "in"))
    prices = {day: state(source, date(2026, 3, day), "daily_prices") for day in (2, 3, 4)}
    assert {day: [(row["product_id"], row["base_price_ron"]) for row in kept] for day, kept in prices.items()} == {
        2: [(3, Decimal("41.50"))],
        3: [(3, Decimal("60.00"))],
        4: [(3, Decimal("62.00"))],
    }


def test_a_stated_price_holds_until_the_next_one(tmp_path: Path) -> None:
    changes = "product_id,date,base_price_ron,cost_ron\nA-1,2026-03-01,25.00,20.00\nA-1,2026-03-04,26.00,\n"
    source = opened(write_folder(tmp_path / "in", daily_prices=changes))
    of_first = {
        day: next(
            r["base_price_ron"] for r in state(source, date(2026, 3, day), "daily_prices") if r["product_id"] == 1
        )
        for day in (1, 3, 4, 20)
    }
    assert of_first == {1: Decimal(25), 3: Decimal(25), 4: Decimal(26), 20: Decimal(26)}
    assert [row["is_tagespreis"] for row in rows(source.products())] == [True, False, False]


def test_lines_get_day_customer_tier_and_price_from_what_is_there(tmp_path: Path) -> None:
    tiers = PRODUCTS.replace("price_ron", "price_ron,tier2_quantity,tier2_price_ron")
    tiers = (
        tiers.replace("24.90", "24.90,4,21.90")
        .replace("41.50", "41.50,,")
        .replace("Ulei 5 l,GROCERY_STAPLES,", "Ulei,X,,,")
    )
    amounts = ORDER_ITEMS.replace("unit_price_ron", "net_ron").replace("19.92", "79.68")
    line, other = events(
        opened(write_folder(tmp_path / "in", products=tiers, order_items=amounts)), date(2026, 3, 2), "order_items"
    )
    assert (line["customer_id"], line["tier"], line["unit_price_ron"]) == (1, 2, Decimal("79.68") / 4)
    assert (other["tier"], other["offer_id"]) == (1, None)


def test_without_tiers_no_line_has_one(tmp_path: Path) -> None:
    lines = events(opened(write_folder(tmp_path / "in")), date(2026, 3, 2), "order_items")
    assert [line["tier"] for line in lines] == [None, None]


def test_orders_are_counted_and_added_up_from_their_lines(tmp_path: Path) -> None:
    (order,) = events(opened(write_folder(tmp_path / "in")), date(2026, 3, 2), "orders")
    assert (order["line_count"], order["net_ron"]) == (2, Decimal("19.92") * 4 + Decimal("60.00") * 2)
    assert order["recorded_date"] == date(2026, 3, 2)


def test_redemptions_are_the_lines_under_an_offer_and_find_their_impression(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path / "in"))
    (redemption,) = events(source, date(2026, 3, 2), "redemptions")
    (shown,) = [row for row in events(source, date(2026, 3, 2), "impressions") if row["customer_id"] == 1]
    assert (redemption["offer_id"], redemption["impression_id"]) == (100, shown["impression_id"])
    assert redemption["discount_ron"] is None
    assert redemption["redeemed_at"] == datetime(2026, 3, 2, 9, 30)


def test_redemptions_without_an_order_are_enough(tmp_path: Path) -> None:
    given = "customer_id,offer_id,redeemed_at\nK-2,100,2026-03-04\n"
    items = ORDER_ITEMS.replace(",100\n", ",\n")
    source = opened(write_folder(tmp_path / "in", redemptions=given, order_items=items))
    (redemption,) = events(source, date(2026, 3, 4), "redemptions")
    assert (redemption["customer_id"], redemption["order_id"], redemption["product_id"]) == (2, None, None)
    assert redemption["impression_id"] is not None


def test_redemptions_mark_the_lines_that_no_offer_id_does(tmp_path: Path) -> None:
    given = "order_id,product_id,offer_id,discount_ron\nF1,A-1,100,19.92\n"
    items = ORDER_ITEMS.replace(",100\n", ",\n")
    source = opened(write_folder(tmp_path / "in", redemptions=given, order_items=items))
    assert [line["offer_id"] for line in events(source, date(2026, 3, 2), "order_items")] == [100, None]
    (redemption,) = events(source, date(2026, 3, 2), "redemptions")
    assert (redemption["customer_id"], redemption["discount_ron"]) == (1, Decimal("19.92"))


def test_what_a_customer_is_shown_on_a_day_is_one_list(tmp_path: Path) -> None:
    more = IMPRESSIONS + "K-1,100,2026-03-05 06:00:00,1\n"
    shown = events(opened(write_folder(tmp_path / "in", impressions=more)), date(2026, 3, 5), "impressions")
    assert len(shown) == 2
    assert len({row["slate_id"] for row in shown}) == 1
    assert {(row["channel"], row["policy"], row["propensity"]) for row in shown} == {(None, "unknown", None)}


def test_an_unregistered_customer_is_known_from_the_first_event_on(tmp_path: Path) -> None:
    """K-1 orders on the 2nd, K-2 is shown something then, K-3 does nothing until the last day, the 5th."""
    bare = "customer_id\nK-1\nK-2\nK-3\n"
    source = opened(write_folder(tmp_path / "in", customers=bare))
    customers = rows(source.customers())
    assert [row["registered_date"].day for row in customers] == [2, 2, 5]
    assert {row["segment"] for row in customers} == {"UNKNOWN"}
    assert [row["name"] for row in customers] == ["K-1", "K-2", "K-3"]
    assert {row["has_email_consent"] for row in customers} == {None}


def test_the_files_end_and_do_not_go_on_silently(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in")
    source = opened(folder)
    assert events(source, date(2026, 3, 4), "orders") == []
    with pytest.raises(FilesEndError, match="end on 2026-03-05, before 2026-03-06; export newer ones"):
        source.events(date(2026, 3, 6))
    (folder / "mapping.toml").write_text("complete_to = 2026-03-06\n", encoding="utf-8")
    assert events(opened(folder), date(2026, 3, 6), "orders") == []


def test_rows_left_out_by_where_are_counted(tmp_path: Path) -> None:
    from metro_assets.sources.files.snapshot import check_folder

    returned = ORDER_ITEMS + "F3,A-1,-1,24.90,\n"
    folder = write_folder(tmp_path / "in", order_items=returned, mapping='[order_items]\nwhere = "quantity > 0"\n')
    findings, counts = check_folder(folder, ENGINE, Files(), tmp_path / "room")
    assert findings.notes == ["order_items.csv: 1 of 5 rows are left out by where = 'quantity > 0'"]
    assert counts["order_items"] == 4


def test_parquet_and_hive_folders_say_the_same_as_csv(tmp_path: Path) -> None:
    plain = opened(write_folder(tmp_path / "in"))
    folder = write_folder(tmp_path / "parquet", orders=None, order_items=None, impressions=None)
    with duckdb.connect() as connection:
        for table in ("orders", "order_items"):
            connection.execute(
                f"copy (from read_csv('{tmp_path}/in/{table}.csv')) to '{folder}/{table}.parquet' (format parquet)"
            )
        connection.execute(
            f"copy (select *, shown_at::date as day from read_csv('{tmp_path}/in/impressions.csv')) "
            f"to '{folder}/impressions' (format parquet, partition_by (day))"
        )
    (folder / "mapping.toml").write_text('[impressions]\nignore = ["day"]\n', encoding="utf-8")
    other = opened(folder, tmp_path / "other")
    for day in (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 5)):
        for table in ("orders", "order_items", "impressions", "redemptions"):
            assert events(other, day, table) == events(plain, day, table), table


def test_moments_with_an_offset_are_told_by_the_clock_of_the_stores(tmp_path: Path) -> None:
    """07:30 UTC is 09:30 in Bucharest in winter; 22:30 UTC is the next day."""
    utc = ORDERS.replace("09:30:00", "07:30:00Z").replace("2026-03-03 10:00:00", "2026-03-02T22:30:00Z")
    source = opened(write_folder(tmp_path / "in", orders=utc.replace("08:15:00", "08:15:00+02:00")))
    assert [row["ordered_at"] for row in events(source, date(2026, 3, 2), "orders")] == [datetime(2026, 3, 2, 9, 30)]
    assert [row["ordered_at"] for row in events(source, date(2026, 3, 3), "orders")] == [datetime(2026, 3, 3, 0, 30)]


def test_a_zone_of_the_mapping_is_told_by_the_clock_of_the_stores(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path / "in", mapping='[orders]\ntime_zone = "Europe/London"\n'))
    assert [row["ordered_at"] for row in events(source, date(2026, 3, 2), "orders")] == [datetime(2026, 3, 2, 11, 30)]


def test_stores_of_an_offer_are_a_list(tmp_path: Path) -> None:
    offers = OFFERS.replace("discount_share", "discount_share,store_ids").replace("0.20", "0.20,Cluj|Iași")
    customers = CUSTOMERS.replace("has_email_consent", "has_email_consent,store_id").replace(",da", ",da,Iași")
    source = opened(
        write_folder(
            tmp_path / "in",
            offers=offers.replace("03-10,", "03-10,,"),
            customers=customers.replace(",nu", ",nu,").replace("03-04,", "03-04,,"),
        )
    )
    assert [row["store_ids"] for row in state(source, date(2026, 3, 5), "offers")] == [[1, 2], None]
    assert [row["store_id"] for row in rows(source.customers())] == [2, None, None]


def test_no_day_before_moves_when_a_day_is_added(tmp_path: Path) -> None:
    """The law of time over the whole source: what a run for the 5th reads is the same without the 5th."""
    whole = opened(write_folder(tmp_path / "whole"), tmp_path / "a")
    until = opened(
        write_folder(
            tmp_path / "until",
            orders="\n".join(ORDERS.splitlines()[:-1]) + "\n",
            order_items="\n".join(ORDER_ITEMS.splitlines()[:-1]) + "\n",
            impressions="\n".join(IMPRESSIONS.splitlines()[:-1]) + "\n",
            mapping="complete_to = 2026-03-04\n",
        ),
        tmp_path / "b",
    )
    for day in (date(2026, 3, place) for place in range(1, 5)):
        for table in whole.events(day):
            assert events(whole, day, table) == events(until, day, table), table
    for day in (date(2026, 3, place) for place in range(1, 6)):
        for table in whole.state(day):
            assert state(whole, day, table) == state(until, day, table), table


def test_a_snapshot_is_made_once_for_a_state_of_the_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in")
    opened(folder)
    (first,) = (tmp_path / "warehouse" / "files").glob("*.duckdb")
    made = first.stat().st_mtime_ns
    opened(folder)
    assert first.stat().st_mtime_ns == made
