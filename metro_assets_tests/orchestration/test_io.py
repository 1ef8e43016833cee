"""Tables in and out: only the dependency's partitions, as the parameter is annotated, a range date by date."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pytest

from metro_assets.config import Engine
from metro_assets.orchestration.io import WarehouseIOManager
from metro_assets.orchestration.partitions import daily, days, run_dates
from metro_assets.orchestration.tables import table_asset
from metro_assets.storage.errors import MissingPartitionError, StaleSchemaError
from metro_assets.storage.tables import Warehouse

FIRST = date.fromisoformat(str(daily.get_first_partition_key()))
Relation = duckdb.DuckDBPyRelation


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Web visits of the first ten days of the calendar: on each, the customer with the number of the day."""
    warehouse = Warehouse(tmp_path, Engine(memory_limit="500MB", threads=1))
    for number in range(10):
        warehouse.write("web_visits", day(number), visits((number, 1), on=day(number)))
    return warehouse


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def visits(*pairs: tuple[int, int], on: date) -> pl.DataFrame:
    viewed = datetime(on.year, on.month, on.day, 10)
    rows = [
        {"customer_id": customer, "product_id": product, "viewed_at": viewed, "recorded_date": on}
        for customer, product in pairs
    ]
    return pl.DataFrame(rows)


def run(
    warehouse: Warehouse, *assets: dg.AssetsDefinition, first: date, last: date | None = None
) -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last or first)}
    made = {key for asset in assets for key in asset.keys}
    sources = [dg.AssetSpec(name, partitions_def=daily) for name in ("web_visits", "assignments")]
    defs = dg.Definitions(
        assets=[*assets, *(source for source in sources if source.key not in made)],
        resources={"io_manager": WarehouseIOManager(warehouse)},
        executor=dg.in_process_executor,
    )
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(tags=tags, instance=dg.DagsterInstance.ephemeral())


def reader(seen: list[Any], annotation: Any, window: dg.AssetIn) -> dg.AssetsDefinition:
    """An asset that remembers what it was handed."""

    def read(web_visits: Any) -> None:
        seen.append(web_visits if isinstance(web_visits, pl.DataFrame) else web_visits.pl())
        seen.append(type(web_visits))

    read.__annotations__["web_visits"] = annotation
    decorate: Callable[..., dg.AssetsDefinition] = dg.asset(
        name="reader",
        ins={"web_visits": window},
        partitions_def=daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    return decorate(read)


@pytest.mark.parametrize("kind", [Relation, pl.DataFrame])
def test_an_input_is_what_its_parameter_says(warehouse: Warehouse, kind: type) -> None:
    seen: list[Any] = []
    run(warehouse, reader(seen, kind, days(0, 0)), first=day(4))
    frame, handed = seen
    assert handed is kind
    assert frame.select("customer_id", "product_id", "run_date").rows() == [(4, 1, day(4))]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (-3, -1), (-2, 0), (-90, -1)])
def test_an_input_is_limited_to_its_window(warehouse: Warehouse, first: int, last: int) -> None:
    seen: list[Any] = []
    run(warehouse, reader(seen, Relation, days(first, last)), first=day(5))
    expected = [number for number in range(10) if 5 + first <= number <= 5 + last]
    assert seen[0]["customer_id"].sort().to_list() == expected


def test_a_range_reads_the_union_of_the_windows_once(warehouse: Warehouse) -> None:
    seen: list[Any] = []
    run(warehouse, reader(seen, Relation, days(-2, -1)), first=day(5), last=day(7))
    assert seen[0]["customer_id"].sort().to_list() == [3, 4, 5, 6]
    assert len(seen) == 2


def test_a_damaged_partition_outside_the_window_is_not_opened(warehouse: Warehouse) -> None:
    warehouse.path("web_visits", day(1)).write_bytes(b"garbage")
    seen: list[Any] = []
    run(warehouse, reader(seen, pl.DataFrame, days(-3, -1)), first=day(5))
    assert seen[0].height == 3


def test_a_missing_partition_of_the_window_is_an_error_unless_it_may_be_missing(warehouse: Warehouse) -> None:
    seen: list[Any] = []
    with pytest.raises((dg.Failure, MissingPartitionError), match="web_visits lacks 2 run dates"):
        run(warehouse, reader(seen, Relation, days(-3, -1)), first=day(12))
    run(warehouse, reader(seen, Relation, days(-3, -1, may_be_missing=True)), first=day(12))
    assert seen[0]["customer_id"].to_list() == [9]
    run(warehouse, reader(seen, Relation, days(0, 0, may_be_missing=True)), first=day(20))
    assert seen[2].height == 0
    assert seen[2].columns == ["customer_id", "product_id", "viewed_at", "recorded_date", "run_date"]


def test_a_file_of_another_contract_is_an_error_with_its_remedy(warehouse: Warehouse) -> None:
    path = warehouse.path("web_visits", day(4))
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table web_visits_00000000 as select 1 as customer_id")
    with pytest.raises((dg.Failure, StaleSchemaError), match="delete its folder"):
        run(warehouse, reader([], pl.DataFrame, days(0, 0)), first=day(4))


def test_inputs_of_one_step_can_be_joined(warehouse: Warehouse) -> None:
    warehouse.write("assignments", day(4), assigned(4, on=day(4)))
    found = []

    @dg.asset(ins={"web_visits": days(0, 0), "assignments": days(0, 0)}, partitions_def=daily)
    def joined(web_visits: Relation, assignments: Relation) -> None:
        assert assignments.columns
        both = web_visits.query("visits", "select customer_id, arm from visits join assignments using (customer_id)")
        found.append(both.fetchall())

    run(warehouse, joined, first=day(4))
    assert found == [[(4, "POLICY")]]


def assigned(*customers: int, on: date) -> pl.DataFrame:
    rows = [
        {"customer_id": customer, "arm": "POLICY", "probability": 0.8, "recorded_date": on} for customer in customers
    ]
    return pl.DataFrame(rows)


@table_asset(ins={"web_visits": days(0, 0)})
def assignments(context: dg.AssetExecutionContext, web_visits: Relation) -> Relation:
    """Lazily, from the relation of the input: whoever looked is assigned, on its own date."""
    assert run_dates(context)
    return web_visits.query(
        "seen", "select run_date, customer_id, 'POLICY' as arm, 0.5 as probability, run_date as recorded_date from seen"
    )


def stored(warehouse: Warehouse, table: str, on: date) -> list[int]:
    with warehouse.connection() as connection:
        rows = warehouse.read(connection, table, [on]).select("customer_id").fetchall()
    return [customer for (customer,) in rows]


def test_a_relation_is_written_with_rows_size_and_preview_in_its_metadata(warehouse: Warehouse) -> None:
    result = run(warehouse, assignments, first=day(4))
    assert stored(warehouse, "assignments", day(4)) == [4]
    (event,) = result.asset_materializations_for_node("assignments")
    metadata = event.metadata
    assert metadata["dagster/row_count"].value == 1
    assert metadata["path"].value == str(warehouse.path("assignments", day(4)))
    assert metadata["file_bytes"].value == warehouse.path("assignments", day(4)).stat().st_size
    assert "| 4 | POLICY | 0.5 |" in str(metadata["preview"].value)


def test_a_range_is_written_date_by_date(warehouse: Warehouse) -> None:
    result = run(warehouse, assignments, first=day(2), last=day(4))
    assert warehouse.partitions("assignments") == [day(2), day(3), day(4)]
    assert [stored(warehouse, "assignments", day(number)) for number in (2, 3, 4)] == [[2], [3], [4]]
    events = result.asset_materializations_for_node("assignments")
    assert [event.partition for event in events] == [str(day(number)) for number in (2, 3, 4)]
    assert {event.metadata["dagster/row_count"].value for event in events} == {3}


def test_a_date_of_the_range_without_rows_is_an_empty_partition(warehouse: Warehouse) -> None:
    warehouse.write("web_visits", day(3), visits((1, 1), on=day(3)).clear())
    run(warehouse, assignments, first=day(2), last=day(4))
    assert stored(warehouse, "assignments", day(3)) == []
    assert warehouse.exists("assignments", day(3))


def test_a_frame_over_a_range_is_written_date_by_date_too(warehouse: Warehouse) -> None:
    @table_asset()
    def assignments() -> pl.DataFrame:
        frames = [
            assigned(number, number + 100, on=day(number)).with_columns(run_date=day(number)) for number in (2, 3)
        ]
        return pl.concat(frames)

    run(warehouse, assignments, first=day(2), last=day(3))
    assert [stored(warehouse, "assignments", day(number)) for number in (2, 3)] == [[2, 102], [3, 103]]


def test_a_rerun_replaces_the_partition(warehouse: Warehouse) -> None:
    run(warehouse, assignments, first=day(4))
    warehouse.write("web_visits", day(4), visits((8, 1), on=day(4)))
    run(warehouse, assignments, first=day(4))
    assert stored(warehouse, "assignments", day(4)) == [8]
    assert len(list(warehouse.path("assignments", day(4)).parent.iterdir())) == 1
