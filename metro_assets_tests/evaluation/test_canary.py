"""The canary: still where a run knows only what came before, loud where a feature reads what came after."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pytest

from metro_assets.config import Canary, Engine, Gate, Settings, load_settings
from metro_assets.evaluation.assets import point_in_time_canaries, promotion_gates
from metro_assets.evaluation.canary import (
    canary_objections,
    canary_rows,
    moments,
    moved_values,
    planted_events,
    sampled_customers,
)
from metro_assets.evaluation.gate import gate_row
from metro_assets.features import daily
from metro_assets.features.daily import features_again
from metro_assets.sequences.again import sequences_again
from metro_assets.sql import Relation, dated, union
from metro_assets.storage.contract import contract
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import Category, Segment
from metro_assets_tests.conftest import RUN_DATE
from metro_assets_tests.evaluation.test_gate import GOOD
from metro_assets_tests.frames import (
    DAY,
    ago,
    connection,
    customer,
    impression,
    line,
    offer,
    offer_product,
    on_days,
    orders_of,
    product,
    redemption,
    relation,
)

Tables = dict[str, Relation]
SETTINGS = Settings(canary=Canary(customers=2, days_after=1, late_days=(3,)))
MADE = ("customer_products", "customer_features", "offer_features", "interaction_features")
KEYS = {name: contract(name).key for name in MADE}


def candidate(customer_id: int, offer_id: int) -> dict[str, Any]:
    return {"run_date": DAY, "customer_id": customer_id, "offer_id": offer_id}


def opened(database: duckdb.DuckDBPyConnection) -> Tables:
    """Three customers, one of them a trader, with two offers; what the features are, made from what they did."""
    lines = [
        line(ago(days), product_id, quantity, customer_id=number, offer_id=1 if product_id == 1 else None)
        for number in (1, 2, 3)
        for days, product_id, quantity in ((1, 1, 2), (4, 2, 6), (9, 1, 1))
    ]
    offers = [offer(1, valid_to_date=DAY + timedelta(days=7)), offer(2, category=Category.COFFEE_TEA)]
    shown = [impression(number, ago(4), customer_id=number) for number in (1, 2, 3)]
    rows: dict[str, Any] = {
        "customers": [customer(1), customer(2), customer(3, segment=Segment.TRADER)],
        "products": [product(1), product(2, category=Category.COFFEE_TEA)],
        "offers": on_days(offers, [ago(days) for days in range(10)]),
        "offer_products": [offer_product(1, 1), offer_product(2, 2)],
        "daily_prices": [],
        "orders": orders_of(lines),
        "order_items": lines,
        "impressions": shown,
        "redemptions": [redemption(1, ago(1), impression_id=1)],
        "candidate_pool": [candidate(number, offer_id) for number in (1, 2, 3) for offer_id in (1, 2)],
    }
    tables = {name: relation(database, name, parts) for name, parts in rows.items()}
    everybody = tables["customers"].select("customer_id")
    tables |= {name: relation(database, name, []) for name in MADE}
    for made_here in (("customer_products", "offer_features"), ("customer_features", "interaction_features")):
        made = features_again(tables, everybody, DAY, SETTINGS, None)
        tables |= {name: _kept(database, name, made[name]) for name in made_here}
    return tables


def _kept(database: duckdb.DuckDBPyConnection, name: str, made: Relation | pl.DataFrame) -> Relation:
    rows = made if isinstance(made, pl.DataFrame) else dated(made, DAY).pl()
    columns = relation(database, name, []).columns
    return database.from_arrow(rows.select(columns).to_arrow())


@pytest.fixture(scope="module")
def world() -> Iterator[Tables]:
    with connection() as database:
        yield opened(database)


@pytest.fixture(scope="module")
def clean(world: Tables) -> pl.DataFrame:
    """The canary of the features as they are."""
    return flown(world)


def flown(world: Tables, again: Callable[..., Any] = features_again) -> pl.DataFrame:
    return canary_rows(world, KEYS, [again], DAY, SETTINGS, None)


def moved(rows: pl.DataFrame) -> dict[str, int]:
    """Values that moved, per table."""
    sums = rows.group_by("table_name").agg(pl.col("moved_count").sum())
    return dict(sums.filter(pl.col("moved_count") > 0).rows())


# what is made up --------------------------------------------------------------------------------------------------


def test_the_moments_are_those_that_a_run_must_not_know() -> None:
    tomorrow = DAY + timedelta(days=1)
    assert moments(DAY, SETTINGS.canary).rows() == [
        (DAY, DAY),
        (tomorrow, tomorrow),
        (DAY, ago(1)),  # known before it happened
        (ago(3), DAY),  # known late
    ]


def test_every_sampled_customer_does_everything_with_every_candidate_at_every_moment(world: Tables) -> None:
    sampled = sampled_customers(world["customers"], DAY, SETTINGS.canary, seed=1)
    planted = planted_events(world, sampled, DAY, SETTINGS.canary)
    customers = {row[0] for row in sampled.fetchall()}
    counts = {name: len(rows.pl()) for name, rows in planted.items()}
    lines: pl.DataFrame = planted["order_items"].pl()
    for name, rows in planted.items():
        assert (rows.columns, rows.types) == (world[name].columns, world[name].types)
    assert len(customers) == 2
    assert set(lines["customer_id"]) == customers
    assert counts == {
        "orders": 2 * 4,  # customers x moments
        "order_items": 2 * 2 * 4,  # customers x products of their offers x moments
        "impressions": 2 * 2 * 4,
        "redemptions": 2 * 2 * 4,
    }
    assert (lines["net_ron"] == 100_000).all()


def test_the_sample_is_of_registered_customers_and_the_same_every_time() -> None:
    with connection() as database:
        customers = [customer(number) for number in range(1, 40)] + [customer(99, registered_date=DAY)]
        table = relation(database, "customers", customers)
        twice = [set(sampled_customers(table, DAY, Canary(customers=10), seed=1).fetchall()) for _ in range(2)]
        everybody = sampled_customers(table, DAY, Canary(), seed=1).fetchall()
    assert twice[0] == twice[1]
    assert len(twice[0]) == 10
    assert {row[0] for row in everybody} == set(range(1, 40))


# what moved -------------------------------------------------------------------------------------------------------


def test_what_moved_by_hand() -> None:
    kept = pl.DataFrame({"customer_id": [1, 2, 3], "spend_ron": [10.0, 200.0, None], "last_date": [ago(1)] * 3})
    made = pl.DataFrame(
        {
            "customer_id": [4, 3, 2, 1],
            "spend_ron": [1.0, 5.0, 200.0001, 10.1],
            "last_date": [ago(1), DAY, ago(1), ago(1)],
        }
    )
    found = moved_values("customer_features", kept, made, ["customer_id"], tolerance=1e-6)
    counts = {row["column_name"]: (row["moved_count"], row["value_count"]) for row in found.iter_rows(named=True)}
    assert counts == {
        "customer_id": (1, 4),  # customer 4 came
        "spend_ron": (2, 3),  # 10 became 10.1, null became 5; 200.0001 is within a millionth of 200
        "last_date": (1, 3),
    }
    examples = dict(found.select("column_name", "example").rows())
    assert examples["spend_ron"] == "customer_id 1: 10.0, with what came after 10.1"


def test_a_table_without_rows_is_compared_and_nothing_moved() -> None:
    empty = pl.DataFrame(schema={"customer_id": pl.Int32, "value": pl.Float32})
    found = moved_values("t", empty, empty, ["customer_id"], tolerance=0)
    assert found.select("value_count", "moved_count").rows() == [(0, 0), (0, 0)]


def test_the_features_know_nothing_of_what_came_after(clean: pl.DataFrame) -> None:
    rows = clean
    assert set(rows["table_name"]) == set(MADE)
    assert moved(rows) == {}
    assert rows["planted_count"].unique().to_list() == [2 * 4 + 3 * 2 * 2 * 4]
    compared = dict(rows.filter(column_name="customer_id, offer_id").select("table_name", "value_count").rows())
    assert compared == {"interaction_features": 2 * 2}
    assert set(rows.columns) == {column.name for column in contract("point_in_time_canaries").columns}


def test_a_feature_that_forgets_when_things_became_known_is_caught(
    world: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    def window_only(events: Relation, as_of_date: date, window_days: int) -> Relation:
        """Forgets that a row of an earlier day may have become known later."""
        return events.filter(f"run_date < date '{as_of_date}'")

    monkeypatch.setattr("metro_assets.features.customers.known_before", window_only)
    rows = flown(world)
    assert set(moved(rows)) == {"customer_products"}  # the others are made of what is stored, so it alone is named
    late = rows.filter(column_name="order_count").row(0, named=True)
    assert (late["moved_count"], late["value_count"]) == (2 * 2, 2 * 2)
    assert ": 2, with what came after 3" in late["example"]


def test_a_feature_that_reads_the_outcome_of_the_day_is_caught(world: Tables) -> None:
    def knows_today(tables: Mapping[str, Relation], sampled: Relation, *others: Any) -> dict[str, Any]:
        """price_sensitivity_match with the redemptions of the run date in it, as if they were of the day before."""
        today = tables["redemptions"].filter(f"run_date = date '{DAY}' and recorded_date = date '{DAY}'")
        shifted = today.project("* replace (run_date - 1 as run_date, recorded_date - 1 as recorded_date)")
        leaky = {**tables, "redemptions": union([tables["redemptions"], _typed(shifted, tables["redemptions"])])}
        return features_again(leaky, sampled, *others)

    rows = flown(world, knows_today)
    assert rows.filter(column_name="price_sensitivity_match")["moved_count"].to_list() == [2 * 2]
    assert rows.filter(column_name="offer_redemption_rate")["moved_count"].item() > 0
    assert set(moved(rows)) == {"interaction_features", "offer_features"}


def _typed(rows: Relation, like: Relation) -> Relation:
    casts = zip(like.columns, like.types, strict=True)
    return rows.select(*(duckdb.ColumnExpression(name).cast(kind).alias(name) for name, kind in casts))


# the gate ---------------------------------------------------------------------------------------------------------


def days_of(rows: pl.DataFrame, *run_dates: date) -> pl.DataFrame:
    return pl.concat([rows.with_columns(run_date=pl.lit(day)) for day in run_dates])


def with_a_leak(clean: pl.DataFrame) -> pl.DataFrame:
    """Three of four order counts moved."""
    return clean.with_columns(
        moved_count=pl.when(pl.col("column_name") == "order_count").then(pl.lit(3)).otherwise("moved_count")
    )


def test_the_gate_refuses_who_learned_from_what_moves(clean: pl.DataFrame) -> None:
    leaky = with_a_leak(clean)
    assert canary_objections(days_of(clean, ago(1), DAY), ago(1)) == []
    for canaries in (
        pl.concat([days_of(leaky, ago(1)), days_of(clean, DAY)]),  # it was fitted on what leaked
        pl.concat([days_of(clean, ago(1)), days_of(leaky, DAY)]),  # it would be served on what leaks
    ):
        leaks = canary_objections(canaries, ago(1))
        row = gate_row("challenger", "champion", ago(1), GOOD, None, leaks, Gate())
        assert not row["is_passed"]
        (objection,) = row["objections"]
        assert objection.endswith("moved 3 of 4 values of customer_products.order_count")


def test_a_day_without_a_canary_is_no_clean_one(clean: pl.DataFrame) -> None:
    for canaries in (
        days_of(clean, DAY).clear(),
        days_of(clean, DAY),
        days_of(clean.with_columns(planted_count=0), ago(1)),
    ):
        (objection,) = canary_objections(canaries, ago(1))
        assert objection == f"no canary of {ago(1)} says whether the future moved what it was fitted on"


# on a day as it is run --------------------------------------------------------------------------------------------


def partitions_of(root: Path, database: duckdb.DuckDBPyConnection) -> Tables:
    """What the asset reads, as the warehouse holds it."""
    warehouse = Warehouse(root, Engine(memory_limit="1GB", threads=1))
    events = ("offers", "orders", "order_items", "impressions", "redemptions")
    tables = {name: warehouse.read(database, name) for name in ("customers", "products")}
    for name in (*events, "offer_products", "daily_prices", "candidate_pool", "next_item_scores", *MADE):
        first = RUN_DATE - timedelta(days=90 if name in events else 0)
        tables[name] = warehouse.read(database, name, (first, RUN_DATE), allow_missing=True)
    return tables


@pytest.mark.slow
def test_the_day_as_it_is_run_is_clean_and_a_planted_leak_closes_every_gate(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse, models, settings = Warehouse(ran, Engine(threads=1)), ModelStore(ran), load_settings(ran)
    context = dg.build_asset_context(partition_key=str(RUN_DATE))
    with warehouse.connection() as database:
        stored = warehouse.read(database, "point_in_time_canaries", [RUN_DATE]).pl()
        assert canary_objections(stored, RUN_DATE) == []
        assert stored["value_count"].sum() > 10_000

        honest = daily.interaction_features_on

        def leaky(run_date: date, *moments: Relation, **tables: Any) -> Relation:
            """bought_before is also 1 where the offer is redeemed on the run date itself."""
            features, redemptions = honest(run_date, *moments, **tables), tables["redemptions"]
            today = redemptions.filter(f"run_date = date '{run_date}'").select("customer_id", "offer_id")  # noqa: F841
            return features.query(
                "features",
                "select * replace (((bought_before = 1) or (customer_id, offer_id) in (from today))::integer::float "
                "as bought_before) from features",
            )

        monkeypatch.setattr(daily, "interaction_features_on", leaky)
        canaries = point_in_time_canaries(
            context,
            settings=settings,
            models=models,
            stages_again=(features_again, sequences_again),
            **partitions_of(ran, database),
        )
        assert set(moved(canaries)) == {"interaction_features"}
        gates = promotion_gates(
            context,
            holdout_scores=warehouse.read(database, "holdout_scores", [RUN_DATE]),
            point_in_time_canaries=canaries.with_columns(run_date=pl.lit(RUN_DATE)),
            customers=warehouse.read(database, "customers"),
            settings=settings,
            models=models,
        )
    assert len(gates)
    for row in gates.iter_rows(named=True):
        assert not row["is_passed"]
        assert any("values of interaction_features.bought_before" in objection for objection in row["objections"])
