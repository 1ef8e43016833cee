"""Contract checks: each planted violation is caught by its check, named with examples, and stops what follows."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from metro_assets.config import Engine
from metro_assets.orchestration.checks import CHECKED_DATES, DATE_RULES, contract_checks, table_checks
from metro_assets.orchestration.io import WarehouseIOManager
from metro_assets.orchestration.partitions import daily
from metro_assets.orchestration.tables import table_asset
from metro_assets.storage.contract import contract, contracts
from metro_assets.storage.errors import DamagedFileError, MissingPartitionError
from metro_assets.storage.tables import Warehouse

DAY = date(2026, 1, 5)
PROMISES = {"is_not_empty", "keys_are_unique", "ranges_hold", "references_exist"}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Two customers, two products; every other table is what a test plants."""
    warehouse = Warehouse(tmp_path, Engine(memory_limit="500MB", threads=1))
    warehouse.write("customers", None, customers(1, 2))
    warehouse.write("products", None, products(10, 11))
    return warehouse


def customers(*ids: int) -> pl.DataFrame:
    row = {
        "name": "Pizzeria Napoli SRL",
        "segment": "HORECA",
        "business_type": "PIZZERIA",
        "registered_date": date(2020, 1, 1),
        **dict.fromkeys(("has_email_consent", "has_sms_consent", "has_whatsapp_consent"), True),
    }
    return rows_of("customers", *({"customer_id": number, **row} for number in ids))


def products(*ids: int) -> pl.DataFrame:
    row = {
        "name": "Mozzarella",
        "is_own_brand": True,
        "category": "DAIRY",
        "unit": "kg",
        "is_tagespreis": False,
        "base_price_ron": 20.0,
        "tier2_price_ron": 18.0,
        "tier2_quantity": 6.0,
    }
    return rows_of("products", *({"product_id": number, **row} for number in ids))


def order(order_id: int, customer_id: int = 1, day: date = DAY, **changes: object) -> dict[str, object]:
    row = {
        "order_id": order_id,
        "customer_id": customer_id,
        "ordered_at": f"{day} 07:30:00",
        "line_count": 1,
        "net_ron": 20.0,
        "recorded_date": day,
    }
    return row | changes


def item(order_id: int, product_id: int = 10, **changes: object) -> dict[str, object]:
    row = {
        "order_id": order_id,
        "customer_id": 1,
        "product_id": product_id,
        "quantity": 1.0,
        "tier": 1,
        "unit_price_ron": 20.0,
        "net_ron": 20.0,
        "recorded_date": DAY,
    }
    return row | changes


def rows_of(table: str, *rows: dict[str, object]) -> pl.DataFrame:
    """A frame with every column of the contract; what a row does not name is null."""
    names = contract(table).column_names
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in names})


def failed(warehouse: Warehouse, table: str, dates: list[date] | None = None) -> dict[str, dict[str, object]]:
    """Metadata of the checks that did not pass, by name."""
    shape = contract(table)
    results = list(table_checks(warehouse, shape, (dates or [DAY]) if shape.is_partitioned else []))
    assert {result.check_name for result in results} == PROMISES
    return {
        str(result.check_name): {name: value.value for name, value in result.metadata.items()}
        for result in results
        if not result.passed
    }


def test_rows_that_keep_the_contract_pass(warehouse: Warehouse) -> None:
    warehouse.write("orders", DAY, rows_of("orders", order(1), order(2, customer_id=2)))
    warehouse.write("order_items", DAY, rows_of("order_items", item(1), item(1, 11), item(2)))
    for table in ("customers", "products", "orders", "order_items"):
        assert failed(warehouse, table) == {}


def test_a_duplicate_key_is_shown(warehouse: Warehouse) -> None:
    warehouse.write("orders", DAY, rows_of("orders", order(1), order(2), order(2, customer_id=2)))
    broken = failed(warehouse, "orders")
    assert set(broken) == {"keys_are_unique"}
    assert "2)" in str(broken["keys_are_unique"]["examples"])


def test_a_key_may_come_again_on_another_day(warehouse: Warehouse) -> None:
    tomorrow = DAY + timedelta(days=1)
    for day in (DAY, tomorrow):
        rows = {"customer_id": 1, "arm": "POLICY", "probability": 0.8, "recorded_date": day}
        warehouse.write("assignments", day, rows_of("assignments", rows))
    assert failed(warehouse, "assignments", [DAY, tomorrow]) == {}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"quantity": 0.0}, "quantity > 0"),
        ({"quantity": -3.0}, "quantity > 0"),
        ({"unit_price_ron": -0.01}, "unit_price_ron >= 0"),
        ({"tier": 4}, "tier"),
        ({"recorded_date": DAY - timedelta(days=1)}, "recorded_date >= run_date"),
    ],
)
def test_a_value_out_of_range_is_counted_by_its_rule(
    warehouse: Warehouse, changes: dict[str, object], rule: str
) -> None:
    warehouse.write("orders", DAY, rows_of("orders", order(1), order(2)))
    warehouse.write("order_items", DAY, rows_of("order_items", item(1), item(1, 11, **changes), item(2, **changes)))
    broken = failed(warehouse, "order_items")
    assert set(broken) == {"ranges_hold"}
    counts = broken["ranges_hold"]["broken rows by rule"]
    assert isinstance(counts, dict)
    assert [count for name, count in counts.items() if rule in name] == [2]
    assert len(counts) == 1


def test_a_rule_between_columns_is_checked_and_a_null_breaks_none(warehouse: Warehouse) -> None:
    fine = products(10).with_columns(tier2_price_ron=pl.lit(None), tier2_quantity=pl.lit(None))
    dearer = products(11).with_columns(tier2_price_ron=pl.lit(21.0))
    warehouse.write("products", None, fine)
    assert failed(warehouse, "products") == {}
    warehouse.write("products", None, dearer)
    assert set(failed(warehouse, "products")) == {"ranges_hold"}


def test_a_row_of_another_day_is_found_in_the_wrong_partition(warehouse: Warehouse) -> None:
    late = f"{DAY + timedelta(days=1)} 00:00:00"
    warehouse.write("orders", DAY, rows_of("orders", order(1), order(2, ordered_at=late)))
    broken = failed(warehouse, "orders")
    assert broken["ranges_hold"]["broken rows by rule"] == {DATE_RULES["ordered_at"]: 1}


def test_every_dated_column_of_the_contract_has_its_rule() -> None:
    """A dated column without a rule is one that says nothing of its partition: name it here."""
    free = {"registered_date", "founded_date", "first_date", "last_date", "from_date", "to_date"}
    free |= {"finished_at", "published_at", "judged_date"}
    dated = {
        column.name
        for shape in contracts().values()
        for column in shape.columns
        if column.name.endswith(("_date", "_at"))
    }
    assert dated == free | set(DATE_RULES)


def test_an_orphan_is_shown_with_the_table_it_is_not_in(warehouse: Warehouse) -> None:
    warehouse.write("orders", DAY, rows_of("orders", order(1), order(2, customer_id=77)))
    warehouse.write("order_items", DAY, rows_of("order_items", item(1), item(999)))
    assert "77" in str(failed(warehouse, "orders")["references_exist"]["orphans"])
    orphans = failed(warehouse, "order_items")["references_exist"]["orphans"]
    assert isinstance(orphans, dict)
    assert list(orphans) == ["order_id not in orders"]
    assert "999" in orphans["order_id not in orders"]


def test_an_order_of_the_day_before_is_no_parent_of_todays_line(warehouse: Warehouse) -> None:
    yesterday = DAY - timedelta(days=1)
    warehouse.write("orders", yesterday, rows_of("orders", order(1, day=yesterday)))
    warehouse.write("orders", DAY, rows_of("orders", order(2)))
    warehouse.write("order_items", yesterday, rows_of("order_items", item(1, recorded_date=yesterday)))
    warehouse.write("order_items", DAY, rows_of("order_items", item(1)))
    assert set(failed(warehouse, "order_items", [yesterday, DAY])) == {"references_exist"}


def test_an_empty_partition_is_empty_and_breaks_nothing_else(warehouse: Warehouse) -> None:
    warehouse.write("orders", DAY, rows_of("orders"))
    broken = failed(warehouse, "orders")
    assert set(broken) == {"is_not_empty"}
    assert broken["is_not_empty"]["rows"] == 0
    assert broken["is_not_empty"]["checked partitions"] == str(DAY)


def test_one_broken_day_of_a_range_breaks_the_check(warehouse: Warehouse) -> None:
    tomorrow = DAY + timedelta(days=1)
    warehouse.write("orders", DAY, rows_of("orders", order(1)))
    warehouse.write("orders", tomorrow, rows_of("orders", order(2, day=tomorrow), order(2, day=tomorrow)))
    assert failed(warehouse, "orders", [DAY]) == {}
    assert set(failed(warehouse, "orders", [DAY, tomorrow])) == {"keys_are_unique"}


def test_a_partition_that_is_missing_or_damaged_is_an_error_with_its_remedy(warehouse: Warehouse) -> None:
    with pytest.raises(MissingPartitionError, match="orders lacks run date 2026-01-05"):
        failed(warehouse, "orders")
    warehouse.write("orders", DAY, rows_of("orders", order(1))).path.write_bytes(b"garbage" * 9000)
    with pytest.raises(DamagedFileError, match="delete its folder"):
        failed(warehouse, "orders")


# in a run ---------------------------------------------------------------------------------------------------------

RUN_DATES = daily.get_partition_keys()[:20]


def run_of(warehouse: Warehouse, rows: pl.DataFrame, key_range: tuple[str, str]) -> dg.ExecuteInProcessResult:
    """A run over run dates of a table, its checks and an asset after it."""

    @table_asset()
    def web_visits() -> pl.DataFrame:
        return rows

    @dg.asset(deps=["web_visits"], partitions_def=daily, backfill_policy=dg.BackfillPolicy.single_run())
    def afterwards() -> None:
        return None

    defs = dg.Definitions(
        assets=[web_visits, afterwards],
        asset_checks=[contract_checks("web_visits", may_be_empty=True)],
        resources={"io_manager": WarehouseIOManager(warehouse), "warehouse": warehouse},
        executor=dg.in_process_executor,
    )
    first, last = key_range
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        tags=tags, raise_on_error=False, instance=dg.DagsterInstance.ephemeral()
    )


def visits(*pairs: tuple[str, int, int]) -> pl.DataFrame:
    rows = [
        {"customer_id": customer, "product_id": product, "viewed_at": f"{day} 10:00:00", "recorded_date": day}
        for day, customer, product in pairs
    ]
    frame = rows_of("web_visits", *rows)
    return frame.with_columns(pl.Series("run_date", [date.fromisoformat(day) for day, _, _ in pairs]))


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key}


def test_what_follows_a_sound_table_is_made(warehouse: Warehouse) -> None:
    result = run_of(warehouse, visits((RUN_DATES[0], 1, 10)), (RUN_DATES[0], RUN_DATES[0]))
    assert result.success
    assert materialized(result) == {"web_visits", "afterwards"}


def test_a_broken_table_stops_what_follows_and_stays_to_be_looked_at(warehouse: Warehouse) -> None:
    result = run_of(warehouse, visits((RUN_DATES[0], 1, 10), (RUN_DATES[0], 1, 10)), (RUN_DATES[0], RUN_DATES[0]))
    assert not result.success
    assert materialized(result) == {"web_visits"}
    evaluations = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert evaluations == {"keys_are_unique": False, "ranges_hold": True, "references_exist": True}
    assert warehouse.exists("web_visits", date.fromisoformat(RUN_DATES[0]))


def test_a_null_where_none_may_be_fails_the_step_and_writes_nothing(warehouse: Warehouse) -> None:
    rows = visits((RUN_DATES[0], 1, 10)).with_columns(customer_id=pl.lit(None))
    result = run_of(warehouse, rows, (RUN_DATES[0], RUN_DATES[0]))
    assert not result.success
    assert materialized(result) == set()
    assert not warehouse.exists("web_visits", date.fromisoformat(RUN_DATES[0]))


def test_a_long_range_is_checked_on_its_newest_dates(warehouse: Warehouse) -> None:
    assert len(RUN_DATES) > CHECKED_DATES
    old = run_of(warehouse, visits(*[(RUN_DATES[0], 1, 10)] * 2), (RUN_DATES[0], RUN_DATES[-1]))
    assert old.success
    over = {str(check.metadata["checked partitions"].value) for check in old.get_asset_check_evaluations()}
    assert over == {", ".join(RUN_DATES[-CHECKED_DATES:])}
    assert not run_of(warehouse, visits(*[(RUN_DATES[-1], 1, 10)] * 2), (RUN_DATES[0], RUN_DATES[-1])).success
