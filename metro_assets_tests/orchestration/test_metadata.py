"""What the web UI shows of a table: no customer's identity, cells that fit, and what ran for a date."""

from datetime import date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from metro_assets.config import Engine
from metro_assets.orchestration.metadata import IDENTITIES, MAXIMUM_CELL, PREVIEW_ROWS, markdown_table, written_metadata
from metro_assets.orchestration.run_log import SCHEMA, table_runs
from metro_assets.storage.contract import contract
from metro_assets.storage.tables import Warehouse

RUN_DATE = date(2026, 5, 18)
SECRETS = {"name": "Pizzeria Napoli SRL", "cui": "RO14399840", "metro_card": "6420001234567"}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path, Engine(memory_limit="500MB", threads=1))


def customers(count: int) -> pl.DataFrame:
    row = {
        **SECRETS,
        "segment": "HORECA",
        "business_type": "PIZZERIA",
        "county": "Cluj",
        "registered_date": date(2020, 1, 1),
        **dict.fromkeys(("has_email_consent", "has_sms_consent", "has_whatsapp_consent"), True),
    }
    names = contract("customers").column_names
    rows = [{"customer_id": number, **row} for number in range(1, count + 1)]
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in names})


def test_the_preview_of_customers_shows_no_identity(warehouse: Warehouse) -> None:
    written = warehouse.write("customers", None, customers(20))
    shown = written_metadata(warehouse, "customers", [written], None, 0.5)
    preview = str(shown["preview"].value)
    assert "PIZZERIA" in preview
    assert "Cluj" in preview
    for column, secret in SECRETS.items():
        assert column in IDENTITIES
        assert secret not in str(shown)
        assert f"| {column} |" not in preview
    assert preview.count("\n") == 1 + PREVIEW_ROWS
    assert shown["dagster/row_count"] == 20
    assert shown["file_bytes"] == written.path.stat().st_size


def test_the_contract_keeps_identities_in_customers_alone() -> None:
    """A table that took them along would show them in its preview."""
    from metro_assets.storage.contract import contracts

    holders = {
        name
        for name, shape in contracts().items()
        if {"cui", "metro_card"} & set(shape.column_names)
        or ("name" in shape.column_names and "customer_id" in shape.column_names)
    }
    assert holders == {"customers"}


def test_a_markdown_table_cuts_long_cells_and_says_when_there_is_no_row() -> None:
    frame = pl.DataFrame({"a": [1], "b": ["x" * 500]})
    assert markdown_table(frame) == f"| a | b |\n|---|---|\n| 1 | {'x' * MAXIMUM_CELL} |"
    assert markdown_table(frame.clear()) == "no rows"


# the run log ------------------------------------------------------------------------------------------------------


def record(instance: dg.DagsterInstance, table: str, partition: str | None, rows: int) -> None:
    materialization = dg.AssetMaterialization(
        table,
        partition=partition,
        metadata={"dagster/row_count": rows, "seconds": 1.5, "file_bytes": 4096, "preview": "| … |"},
        tags={"dagster/code_version": "c0de"},
    )
    instance.report_runless_asset_event(materialization)


def test_the_run_log_has_the_newest_materialisation_of_each_table_for_the_date() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for rows in (1, 2):
            record(instance, "recommendations", "2026-05-18", rows)
        record(instance, "recommendations", "2026-05-19", 99)
        record(instance, "orders", "2026-05-17", 3)
        record(instance, "orders", "2026-05-18", 98)
        record(instance, "customers", None, 4)
        log = table_runs(instance, RUN_DATE)
    assert log.schema == pl.Schema(SCHEMA)
    found = log.select("table_name", "row_count", "seconds", "file_bytes", "code_version").rows()
    assert found == [
        ("customers", 4, 1.5, 4096, "c0de"),
        ("orders", 3, 1.5, 4096, "c0de"),
        ("recommendations", 2, 1.5, 4096, "c0de"),
    ]
    assert "duckdb 2." in log["library_versions"][0]
    assert (datetime.now() - log["finished_at"][0]).total_seconds() < 86_400


def test_the_run_log_of_a_date_on_which_nothing_ran_is_empty_and_typed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        log = table_runs(instance, RUN_DATE)
    assert log.is_empty()
    assert log.schema == pl.Schema(SCHEMA)


def test_a_float_has_six_digits_in_a_preview() -> None:
    frame = pl.DataFrame({"share": [1 / 3, 1234567.891, 0.5, None], "count": [1234567, 2, 3, 4]})
    lines = markdown_table(frame).splitlines()[2:]
    assert lines == ["| 0.333333 | 1234567 |", "| 1.23457e+06 | 2 |", "| 0.5 | 3 |", "| None | 4 |"]
