"""Every kind of bad file: what is said of it, with the column, the number of rows, examples and a remedy."""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import metro_assets
from metro_assets.config import Engine, Files, today
from metro_assets.sources.files import snapshot
from metro_assets.sources.files.mapping import MappingError
from metro_assets.sources.files.problems import Findings, FolderError, Problem
from metro_assets.sources.files.snapshot import check_folder, take_snapshot
from metro_assets_tests.sources.files.folders import (
    CUSTOMERS,
    IMPRESSIONS,
    OFFERS,
    ORDER_ITEMS,
    ORDERS,
    PRODUCTS,
    write_folder,
)


def found(folder: Path, **limits: Any) -> Findings:
    findings, _ = check_folder(folder, Engine(threads=1), Files(**limits), folder.parent / "room")
    return findings


def only(folder: Path, **limits: Any) -> Problem:
    """The one problem of a folder; it always has a remedy."""
    findings = found(folder, **limits)
    assert len(findings.problems) == 1, [problem.line() for problem in findings.problems]
    assert findings.problems[0].remedy
    return findings.problems[0]


def test_the_good_folder_has_no_problem_and_says_what_it_lacks(tmp_path: Path) -> None:
    findings = found(write_folder(tmp_path / "in"))
    assert findings.problems == []
    absent = {(table, column): text for table, column, text in findings.absences}
    assert absent["products", "cost_ron"].startswith("null: margin_impact_ron and expected_margin_ron are null")
    assert absent["web_visits", ""] == "no reason speaks of the web shop"
    assert ("products", "base_price_ron") not in absent


def test_a_missing_file(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", orders=None))
    assert (problem.file, problem.what) == ("orders.csv", "is missing")


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert only(tmp_path / "nowhere").what == "is no folder"


def test_a_missing_column_and_a_column_too_many(tmp_path: Path) -> None:
    problems = found(write_folder(tmp_path / "in", orders=ORDERS.replace("ordered_at", "when"))).problems
    assert [(problem.column, problem.what) for problem in problems] == [
        ("when", "is in no column of the contract"),
        ("ordered_at", "is missing"),
    ]


def test_a_row_with_a_cell_too_many_is_told_by_its_line(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", orders=ORDERS + "F9,K-1,2026-03-05 09:00:00,more\n"))
    assert (problem.what, problem.row_count, problem.examples) == (
        "a line has more cells than the header",
        1,
        ("line 5",),
    )


def test_a_wrong_type_with_its_examples(tmp_path: Path) -> None:
    items = ORDER_ITEMS.replace("F1,A-1,4,", "F1,A-1,four,").replace("F2,A-3,1,", "F2,A-3,one,")
    problem = only(write_folder(tmp_path / "in", order_items=items))
    assert (problem.file, problem.column, problem.row_count) == ("order_items.csv", "quantity", 2)
    assert problem.what == "is not a number that fits (decimal(9,3))"
    assert sorted(problem.examples) == ["order_id F1, product_id A-1: four", "order_id F2, product_id A-3: one"]


def test_an_unparsable_date(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", offers=OFFERS.replace("2026-03-02", "02.03.2026")))
    assert (problem.column, problem.what) == ("valid_from_date", "is not a date (date)")
    assert 'date_format = "%d.%m.%Y"' in problem.remedy
    assert problem.examples == ("offer_id 100: 02.03.2026",)


def test_mixed_time_zones(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", orders=ORDERS.replace("09:30:00", "09:30:00+02:00")))
    assert problem.what == "mixes time zones: 1 moments with an offset and 2 without"


def test_duplicate_keys_count_every_row(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", order_items=ORDER_ITEMS + "F1,A-1,1,24.90,\n"))
    assert problem.what == "order_id, product_id stands in several rows"
    assert (problem.row_count, problem.examples) == (2, ("order_id F1, product_id A-1: 2 rows",))


def test_an_impression_without_an_id_is_one_by_what_it_says(tmp_path: Path) -> None:
    again = IMPRESSIONS + "K-1,100,2026-03-02 06:00:00,3\n"
    assert only(write_folder(tmp_path / "in", impressions=again)).column == "customer_id, offer_id, shown_at"


def test_orphan_keys(tmp_path: Path) -> None:
    lost = ORDER_ITEMS + "F2,A-9,1,10.00,\nF9,A-1,1,10.00,999\n"
    problems = found(write_folder(tmp_path / "in", order_items=lost)).problems
    assert {(problem.column, problem.what, problem.examples) for problem in problems} == {
        ("order_id", "is not in orders", ("order_id F9",)),
        ("product_id", "is not in products", ("product_id A-9",)),
        ("offer_id", "is not in offers", ("offer_id 999",)),
    }


@pytest.mark.parametrize(
    ("quantity", "what"),
    [("-2", "does not fulfil quantity > 0"), ("0", "does not fulfil quantity > 0"), ("250000", "is absurdly large")],
)
def test_negative_and_absurd_quantities(tmp_path: Path, quantity: str, what: str) -> None:
    items = ORDER_ITEMS.replace("F3,A-2,3,", f"F3,A-2,{quantity},")
    problem = only(write_folder(tmp_path / "in", order_items=items))
    assert (problem.column, problem.what, problem.row_count) == ("quantity", what, 1)
    assert problem.examples == (f"order_id F3, product_id A-2, quantity {float(quantity):.3f}",)


def test_what_is_absurd_is_a_setting(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", order_items=ORDER_ITEMS.replace("F3,A-2,3,", "F3,A-2,250000,"))
    assert found(folder, maximum_quantity=300_000).problems == []


@pytest.mark.parametrize("content", ["", "customer_id,name\n"])
def test_an_empty_table(tmp_path: Path, content: str) -> None:
    assert only(write_folder(tmp_path / "in", customers=content)).what in {"is empty", "has no rows"}


def test_an_optional_table_without_rows_is_as_if_it_were_missing(tmp_path: Path) -> None:
    findings = found(write_folder(tmp_path / "in", web_visits="customer_id,product_id,viewed_at\n"))
    assert findings.problems == []
    assert ("web_visits", "", "no reason speaks of the web shop") in findings.absences


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    windows = CUSTOMERS.replace("ș", "ş").encode("cp1250")
    folder = write_folder(tmp_path / "in", customers=windows)
    problem = only(folder)
    assert (problem.what, problem.row_count) == ("a line is not in the encoding", 1)
    assert 'encoding = "cp1250"' in problem.remedy
    (folder / "mapping.toml").write_text('[customers]\nencoding = "cp1250"\n', encoding="utf-8")
    assert found(folder).problems == []


def test_a_header_that_is_not_utf_8(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path / "in", customers=CUSTOMERS.replace("name", "nume ş").replace("ș", "ş").encode("cp1250")
    )
    assert only(folder).what.startswith("is not in the encoding utf-8")


def test_an_encoding_that_the_file_is_not_in(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", mapping='[customers]\nencoding = "ascii"\n')
    assert only(folder).what.startswith("is not in the encoding ascii")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert found(write_folder(tmp_path / "in", customers=CUSTOMERS.encode("utf-8-sig"))).problems == []


def test_semicolons_are_found_and_decimal_commas_asked_for(tmp_path: Path) -> None:
    commas = PRODUCTS.replace(",", ";").replace("24.90", "24,90").replace("41.50", "1.241,50")
    folder = write_folder(tmp_path / "in", products=commas)
    problem = only(folder)
    assert (problem.column, problem.row_count) == ("base_price_ron", 2)
    assert 'decimal = ","' in problem.remedy
    (folder / "mapping.toml").write_text('[products]\ndecimal = ","\nthousands = "."\n', encoding="utf-8")
    assert found(folder).problems == []


def test_a_thousands_mark_in_the_wrong_place_is_no_number(tmp_path: Path) -> None:
    """Read as 24 thousand and 9 hundred, 24.90 would be a hundred times too much without a word."""
    mapping = '[products]\ndecimal = ","\nthousands = "."\n'
    problem = only(write_folder(tmp_path / "in", mapping=mapping))
    assert (problem.column, problem.row_count) == ("base_price_ron", 2)


def test_a_quote_that_does_not_end(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", customers=CUSTOMERS + 'K-4,"Dan SRL,TRADER,2026-01-01,da\n'))
    assert problem.what == "a line has a quote that does not end"


def test_a_column_that_stands_twice(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", orders=ORDERS.replace("customer_id", "order_id")))
    assert problem.what == "stands twice in the header"


def test_an_empty_cell_of_a_required_column(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", products=PRODUCTS.replace("Făină 00 10 kg", "")))
    assert (problem.column, problem.what) == ("name", "is empty")
    assert problem.examples == ("product_id A-2",)


def test_a_day_that_has_not_come(tmp_path: Path) -> None:
    tomorrow = today() + timedelta(days=1)
    problem = only(write_folder(tmp_path / "in", orders=ORDERS + f"F9,K-1,{tomorrow} 09:00:00\n"))
    assert problem.what == "is before 2000 or has not come yet"


def test_an_impression_while_the_offer_is_not_live(tmp_path: Path) -> None:
    late = IMPRESSIONS.replace("K-2,100,2026-03-02", "K-2,100,2026-03-09")
    problem = only(write_folder(tmp_path / "in", impressions=late))
    assert problem.what == "is on a day on which the offer was not live, or not announced before"


def test_an_offer_used_before_it_was_announced(tmp_path: Path) -> None:
    announced = OFFERS.replace("discount_share", "discount_share,announced_date").replace("0.20", "0.20,2026-03-02")
    problems = found(write_folder(tmp_path / "in", offers=announced.replace("03-10,", "03-10,,"))).problems
    assert {problem.file for problem in problems} == {"impressions.csv", "order_items.csv"}


def test_no_example_shows_who_a_customer_is(tmp_path: Path) -> None:
    clients = "customer_id,name,cui,metro_card\n,Pizzeria Ana SRL,RO123,4711\n,Bogdan PFA,RO124,4712\n"
    told = str(found(write_folder(tmp_path / "in", customers=clients)).problems)
    assert not any(secret in told for secret in ("Ana", "Bogdan", "RO12", "471"))


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", orders=None)
    (folder / "orders.parquet").write_bytes(b"PAR1 this is none")
    assert only(folder).what.startswith("cannot be read")


def test_the_same_table_twice(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in")
    pl.read_csv(folder / "orders.csv").write_parquet(folder / "orders.parquet")
    assert only(folder).what == "is the same table twice"


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is half-loaded: no snapshot is made, and the one before stays."""
    folder, warehouse = write_folder(tmp_path / "in"), tmp_path / "warehouse"
    before = take_snapshot(folder, warehouse, Engine(threads=1), Files())
    (folder / "orders.csv").write_text(ORDERS + "F4,K-2,2026-03-06 10:00:00\n", encoding="utf-8")
    read = snapshot.type_rows

    def appending(*arguments: Any) -> None:
        with (folder / "order_items.csv").open("a", encoding="utf-8") as file:
            file.write("F4,A-1,1,24.90,\n")
        read(*arguments)

    monkeypatch.setattr(snapshot, "type_rows", appending)
    with pytest.raises(FolderError, match="changed while it was read"):
        take_snapshot(folder, warehouse, Engine(threads=1), Files())
    assert [path.name for path in (warehouse / "files").glob("*.duckdb")] == [before.name]
    assert not list((warehouse / "files").glob(".building-*"))


def test_every_problem_at_once(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path / "in",
        orders=ORDERS.replace("2026-03-03", "soon"),
        order_items=ORDER_ITEMS.replace("F1,A-1,4,", "F1,A-1,-4,"),
        products=PRODUCTS + "A-1,Mozzarella again,DAIRY_EGGS,25\n",
        offer_products=None,
    )
    assert {(problem.file, problem.column) for problem in found(folder).problems} == {
        ("offer_products.csv", ""),
        ("orders.csv", "ordered_at"),
        ("order_items.csv", "quantity"),
        ("products.csv", "product_id"),
    }


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("[customers", "is not valid TOML"),
        ("sepparator = ';'", "sepparator is neither a table nor a setting"),
        ("[customers.columns]\nnume = 'x'", "customers.columns.nume is no column of the contract"),
        ("encoding = 'klingon'", "klingon is no encoding"),
        ("time_zone = 'Mars/Olympus'", "Mars/Olympus is no time zone"),
        ("thousands = '.'", "thousands and decimal are the same mark"),
        ("separator = ';;'", "separator"),
    ],
)
def test_a_mapping_that_says_nonsense(tmp_path: Path, mapping: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        found(write_folder(tmp_path / "in", mapping=mapping))


def test_a_mapped_name_that_the_file_does_not_have(tmp_path: Path) -> None:
    problems = found(write_folder(tmp_path / "in", mapping='[orders.columns]\nordered_at = "Data"\n')).problems
    assert ("Data", "is not in the header, and ordered_at is mapped to it") in {(p.column, p.what) for p in problems}


def test_a_where_that_is_no_condition(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", mapping='[orders]\nwhere = "nothing like it"\n'))
    assert problem.what.startswith("its where cannot be used")


def test_a_day_is_complete_only_after_its_events(tmp_path: Path) -> None:
    problem = only(write_folder(tmp_path / "in", mapping=f"complete_to = {date(2026, 3, 4)}\n"))
    assert problem.what == "is before the newest event, 2026-03-05"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    """Two million lines with 400 MB for DuckDB; ten million with a gigabyte are in the decision record."""
    measured = subprocess.run(
        [sys.executable, "-m", "benchmarks.folder", "--lines", "2000000", "--memory", "400MB"],
        cwd=Path(metro_assets.__file__).parents[1],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "0 problems, 2,000,000 lines" in measured.stdout, measured.stdout + measured.stderr
    peak = int(measured.stdout.rsplit("peak ", 1)[1].split(" ")[0].replace(",", ""))
    assert peak < 400 + 300
