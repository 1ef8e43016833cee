"""Partitions: written whole or not at all, read lazily, refused where they do not fit."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metro_assets.config import Engine
from metro_assets.storage.contract import contract, contracts, data_contract_markdown
from metro_assets.storage.errors import (
    ContractError,
    DamagedFileError,
    MissingPartitionError,
    MissingTableError,
    StaleSchemaError,
    explained,
)
from metro_assets.storage.tables import Warehouse

DAY = date(2026, 1, 5)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path, Engine(memory_limit="500MB", threads=1))


def web_visits(*pairs: tuple[int, int], day: date = DAY) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": [customer for customer, _ in pairs],
            "product_id": [product for _, product in pairs],
            "viewed_at": [f"{day} 10:00:00" for _ in pairs],
            "recorded_date": [day for _ in pairs],
        },
        schema_overrides={"customer_id": pl.Int64, "product_id": pl.Int64, "recorded_date": pl.Date},
    ).with_columns(pl.col("viewed_at").cast(pl.String).str.to_datetime())


def read(warehouse: Warehouse, dates=None, table: str = "web_visits") -> list[tuple]:
    with warehouse.connection() as connection:
        return warehouse.read(connection, table, dates).select("run_date, customer_id, product_id").fetchall()


def test_a_partition_comes_back_typed_sorted_and_dated(warehouse: Warehouse) -> None:
    written = warehouse.write("web_visits", DAY, web_visits((2, 1), (1, 9), (1, 3)))
    assert written.row_count == 3
    assert read(warehouse) == [(DAY, 1, 3), (DAY, 1, 9), (DAY, 2, 1)]
    with warehouse.connection() as connection:
        types = warehouse.read(connection, "web_visits").types
    assert [str(kind) for kind in types] == ["INTEGER", "INTEGER", "TIMESTAMP", "DATE", "DATE"]


def test_a_range_reads_its_days_only(warehouse: Warehouse) -> None:
    days = [DAY + timedelta(days=offset) for offset in range(4)]
    for number, day in enumerate(days):
        warehouse.write("web_visits", day, web_visits((number, 1), day=day))
    assert [row[1] for row in read(warehouse, (days[1], days[2]))] == [1, 2]
    assert warehouse.partitions("web_visits") == days


def test_an_empty_partition_is_a_partition(warehouse: Warehouse) -> None:
    warehouse.write("web_visits", DAY, web_visits())
    assert read(warehouse, [DAY]) == []


def test_rewriting_replaces_and_is_idempotent(warehouse: Warehouse) -> None:
    warehouse.write("web_visits", DAY, web_visits((1, 1), (2, 2)))
    warehouse.write("web_visits", DAY, web_visits((3, 3)))
    assert read(warehouse) == [(DAY, 3, 3)]
    assert len(list(warehouse.path("web_visits", DAY).parent.iterdir())) == 1


def test_a_relation_is_written_on_its_own_connection(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        rows = connection.sql(
            "select 7::bigint as customer_id, 8 as product_id, timestamp '2026-01-05 09:00' as viewed_at, "
            "date '2026-01-05' as recorded_date, date '1999-01-01' as run_date"
        )
        warehouse.write("web_visits", DAY, rows, connection)
    assert read(warehouse) == [(DAY, 7, 8)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop("viewed_at"), "web_visits lacks viewed_at"),
        (lambda frame: frame.with_columns(colour=pl.lit(1)), "has unknown colour"),
        (lambda frame: frame.with_columns(viewed_at=pl.lit(None, dtype=pl.Datetime)), "viewed_at"),
        (lambda frame: frame.with_columns(customer_id=pl.lit("abc")), "Could not convert string"),
        (lambda frame: frame.with_columns(customer_id=pl.lit(2**40)), "out of range"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_the_old_stay(warehouse: Warehouse, change, words: str) -> None:
    warehouse.write("web_visits", DAY, web_visits((1, 1)))
    with pytest.raises(ContractError, match=words):
        warehouse.write("web_visits", DAY, change(web_visits((2, 2))))
    assert read(warehouse) == [(DAY, 1, 1)]
    assert len(list(warehouse.path("web_visits", DAY).parent.iterdir())) == 1


def test_a_missing_partition_names_table_date_and_remedy(warehouse: Warehouse) -> None:
    warehouse.write("web_visits", DAY, web_visits((1, 1)))
    with pytest.raises(
        MissingPartitionError, match=r"web_visits lacks run date 2026-01-06.*metro run --date 2026-01-07"
    ):
        read(warehouse, [DAY, DAY + timedelta(days=1)])
    with (
        pytest.raises(MissingTableError, match="products was never materialised"),
        warehouse.connection() as connection,
    ):
        warehouse.read(connection, "products")


def test_missing_partitions_may_be_left_out(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        empty = warehouse.read(connection, "web_visits", [DAY], allow_missing=True)
        assert empty.columns[-1] == "run_date"
        assert empty.fetchall() == []


def test_a_damaged_file_is_named_with_the_remedy(warehouse: Warehouse) -> None:
    path = warehouse.write("web_visits", DAY, web_visits((1, 1))).path
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(DamagedFileError, match=r"data\.duckdb is damaged.*delete its folder"), explained():
        read(warehouse)


def test_a_file_of_another_contract_is_recognised(warehouse: Warehouse) -> None:
    path = warehouse.path("web_visits", DAY)
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table web_visits_0000 as select 1 as customer_id")
    with pytest.raises(StaleSchemaError, match="another version of the data contract"), explained():
        read(warehouse)


def test_leftovers_of_dead_writers_are_swept_and_those_of_the_living_are_not(warehouse: Warehouse) -> None:
    folder = warehouse.write("web_visits", DAY, web_visits((1, 1))).path.parent
    dead = folder / ".writing-999999999-abc.duckdb"
    alive = folder / ".writing-1-abc.duckdb"
    for path in (dead, alive):
        path.write_bytes(b"")
    assert warehouse.sweep() == 1
    assert alive.exists()


def test_the_catalogue_has_a_view_per_table(warehouse: Warehouse) -> None:
    warehouse.write("web_visits", DAY, web_visits((5, 6)))
    with duckdb.connect(str(warehouse.rebuild_catalogue()), read_only=True) as connection:
        assert connection.sql("select customer_id, run_date from web_visits").fetchall() == [(5, DAY)]


def test_every_table_of_the_schema_has_a_comment_a_key_and_described_columns() -> None:
    for shape in contracts().values():
        assert shape.comment.startswith("One row is"), shape.name
        assert shape.key, shape.name
    assert contract("order_items").key == ("order_id", "product_id")
    assert not contract("products").is_partitioned


def test_the_contract_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "data-contract.md"
    assert page.read_text(encoding="utf-8") == data_contract_markdown(), "regenerate it: metro docs contract"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), unique=True, max_size=60),
    low=st.integers(0, 40),
    high=st.integers(0, 40),
)
def test_queries_over_files_equal_queries_over_a_native_table(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]], low: int, high: int
) -> None:
    """The comparison behind the pin on DuckDB: older versions answered filters over files wrongly."""
    warehouse = Warehouse(tmp_path_factory.mktemp("wh"), Engine(memory_limit="500MB", threads=2))
    for offset in range(3):
        day = DAY + timedelta(days=offset)
        warehouse.write("web_visits", day, web_visits(*rows[offset::3], day=day))
    with warehouse.connection() as connection:
        files = warehouse.read(connection, "web_visits")
        files.create("native")
        query = (
            f"select run_date, count(*), sum(product_id), min(customer_id) from {{}} "
            f"where customer_id between {low} and {high} and run_date >= date '{DAY + timedelta(days=1)}' "
            "group by run_date order by run_date"
        )
        assert connection.sql(query.format("files")).fetchall() == connection.sql(query.format("native")).fetchall()
