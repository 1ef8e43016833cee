"""A whole day as a user meets it: run, run again, killed, vandalised, read meanwhile."""

import os
import shutil
import signal
import subprocess
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metro_assets.config import Engine
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.contract import contracts
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import (
    CUSTOMER_FEATURES,
    FURTHER_INTERACTION_FEATURES,
    INTERACTION_FEATURES,
    OFFER_FEATURES,
)
from metro_assets_tests.conftest import ALGORITHMS, RUN_DATE, metro, program

pytestmark = pytest.mark.slow

ENGINE = Engine(memory_limit="1GB", threads=1)
EVENTS = ("orders", "order_items", "assignments", "impressions", "redemptions", "web_visits")
STATE = ("daily_prices", "offers", "offer_products", "offer_audience")
RUN_METADATA = {"pipeline_runs", "published_recommendations"}
DERIVED = {name for name, shape in contracts().items() if shape.is_partitioned} - {*EVENTS, *STATE} - RUN_METADATA


def rows(root: Path, table: str, day: date | None) -> pl.DataFrame:
    warehouse = Warehouse(root, ENGINE)
    with warehouse.connection() as connection:
        return warehouse.read(connection, table, [day] if day else None).pl()


def derived(root: Path, day: date) -> dict[str, pl.DataFrame]:
    return {table: rows(root, table, day) for table in sorted(DERIVED)}


def data(root: Path, table: str, day: date) -> bytes:
    """Every value of a partition, in the order of its rows; the file itself holds a random identity of DuckDB's, and
    whatever memory held where a value is null."""
    return rows(root, table, day).write_ndjson().encode()


def assert_same(first: dict[str, pl.DataFrame], second: dict[str, pl.DataFrame]) -> None:
    for table, frame in first.items():
        assert_frame_equal(frame, second[table], check_exact=True)


def model_files(root: Path, day: date) -> dict[str, bytes]:
    store = ModelStore(root)
    return {
        f"{algorithm}/{name}": content
        for algorithm in ALGORITHMS
        for name, content in store.load(f"{algorithm}_ranker", day).items()
        if not name.endswith(".parquet")
    }


def test_the_run_shows_progress_ten_offers_with_reasons_and_what_next(ran: Path) -> None:
    printed = ran.with_suffix(".log").read_text(encoding="utf-8")
    for stage in ("events_of_the_day", "customer_features", "candidate_pool", "recommendations"):
        assert f"✓ {stage}" in printed
    assert "─  10  " in printed
    assert "RON/" in printed
    assert "with the offer" in printed
    assert "metro recommend" in printed
    assert "metro status" in printed
    assert "metro ui" in printed


def test_every_table_holds_the_run_date(ran: Path) -> None:
    for name, shape in contracts().items():
        if name in EVENTS:
            assert rows(ran, name, RUN_DATE - timedelta(days=1)).height > 0, name
        elif shape.is_partitioned:
            assert Warehouse(ran, ENGINE).exists(name, RUN_DATE), name


def test_the_persistent_instance_has_the_runs_with_their_checks(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(ran / "dagster"))
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
        assert {run.job_name for run in runs} == {"history", "examples", "day"}
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        for table in DERIVED | {*EVENTS, *STATE, "published_recommendations"}:
            assert instance.get_latest_materialization_event(dg.AssetKey(table)), table
        newest = next(run for run in runs if run.tags.get("metro/run_date") == str(RUN_DATE) and run.job_name == "day")
        events = instance.all_logs(newest.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        checks = [event.dagster_event.asset_check_evaluation_data for event in events]
        assert len(checks) > 40
        assert all(check.passed for check in checks if check.blocking)


def test_training_rows_have_the_features_that_were_served(ran: Path) -> None:
    """No train/serve skew: impressions of a materialised date carry that date's features, bit for bit."""
    served_date = RUN_DATE - timedelta(days=7)
    examples = rows(ran, "training_examples", served_date + timedelta(days=1))
    assert examples.height > 100
    columns = {
        "customer_features": (["customer_id"], CUSTOMER_FEATURES),
        "offer_features": (["offer_id"], OFFER_FEATURES),
        "interaction_features": (["customer_id", "offer_id"], INTERACTION_FEATURES + FURTHER_INTERACTION_FEATURES),
    }
    for table, (key, features) in columns.items():
        served = rows(ran, table, served_date).select(*key, pl.col(features).cast(pl.Float32))
        trained = examples.join(served.select(key), on=key, how="semi").sort("impression_id")
        assert trained.height > 0.5 * examples.height, table
        expected = trained.select("impression_id", *key).join(served, on=key, how="left").sort("impression_id")
        assert_frame_equal(trained.select(features), expected.select(features), check_exact=True)


def test_running_again_gives_the_same_bytes_while_a_reader_never_fails(copied: Path) -> None:
    before = derived(copied, RUN_DATE), model_files(copied, RUN_DATE)
    written = {name: data(copied, name, RUN_DATE) for name in DERIVED | {*STATE}}
    reader, failures, lookups, stop = RecommendationReader(copied, ENGINE), [], [0], threading.Event()
    customer = reader.in_force().some_customer()

    def look_up() -> None:
        while not stop.is_set():
            try:
                assert [offer.rank for offer in reader.in_force().slate(customer).offers] == list(range(1, 11))
                lookups[0] += 1
            except Exception as error:
                failures.append(error)
            time.sleep(0.001)

    thread = threading.Thread(target=look_up)
    thread.start()
    done = metro("run", "--date", RUN_DATE, warehouse=copied)
    stop.set()
    thread.join()
    reader.close()
    assert done.returncode == 0, done.stderr
    assert not failures
    assert lookups[0] > 100
    assert "history" not in done.stdout
    assert_same(before[0], derived(copied, RUN_DATE))
    assert before[1] == model_files(copied, RUN_DATE)
    assert written == {name: data(copied, name, RUN_DATE) for name in written}


def vandalise(root: Path) -> None:
    """Rows dated on or after the run date, and rows of days before it that became known on it or later."""
    warehouse = Warehouse(root, ENGINE)
    for table in EVENTS:
        yesterday = rows(root, table, RUN_DATE - timedelta(days=1)).drop("run_date")
        numbers = [name for name in ("quantity", "net_ron", "discount_ron") if name in yesterday.columns]
        absurd = yesterday.with_columns((pl.col(numbers) * 7).name.keep()).head(500)
        for offset in range(3):
            day = RUN_DATE + timedelta(days=offset)
            warehouse.write(table, day, absurd.with_columns(recorded_date=pl.lit(day)))
        if table == "assignments":
            continue
        for back in (1, 2, 8, 15, 40):
            day = RUN_DATE - timedelta(days=back)
            old = rows(root, table, day).drop("run_date")
            fresh = [name for name in ("order_id", "impression_id", "redemption_id", "slate_id") if name in old.columns]
            late = old.with_columns(
                *(pl.col(name) + 10**15 for name in fresh),
                *(pl.col(name) * 5 for name in numbers),
                recorded_date=pl.lit(RUN_DATE),
            )
            if not fresh:
                late = late.with_columns(pl.col("customer_id") + 1).join(
                    old, on=["customer_id", "product_id"], how="anti"
                )
                late = late.unique(["customer_id", "product_id"]) if "product_id" in late.columns else late
            warehouse.write(table, day, pl.concat([old, late], how="vertical_relaxed"))
    for table in STATE:
        tomorrow = RUN_DATE + timedelta(days=1)
        warehouse.write(table, tomorrow, rows(root, table, RUN_DATE).drop("run_date").head(3))


def test_nothing_known_on_or_after_the_run_date_moves_what_is_derived_for_it(copied: Path) -> None:
    """The point-in-time law, over every derived table, the models, and training rows as of their own moments."""
    before, models = derived(copied, RUN_DATE), model_files(copied, RUN_DATE)
    shown = [RUN_DATE - timedelta(days=back) for back in (0, 3, 10, 30)]
    examples = {day: rows(copied, "training_examples", day) for day in shown}
    vandalise(copied)
    shutil.rmtree(copied / "tables" / "training_examples")
    for folder in ("customer_features", "recommendations", "interaction_features"):
        shutil.rmtree(copied / "tables" / folder / f"run_date={RUN_DATE}")
    done = metro("run", "--date", RUN_DATE, "--no-backtest", warehouse=copied)
    assert done.returncode == 0, done.stdout + done.stderr
    for day, frame in examples.items():
        assert_frame_equal(frame, rows(copied, "training_examples", day), check_exact=True)
    assert_same(before, derived(copied, RUN_DATE))
    assert models == model_files(copied, RUN_DATE)


def test_a_planted_leak_is_caught(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature that knows the future makes a ranker too good: the check of the rankers warns."""
    warehouse = Warehouse(copied, ENGINE)
    redeemed = pl.concat(
        rows(copied, "redemptions", RUN_DATE - timedelta(days=back)).select("customer_id", "offer_id")
        for back in range(1, 75)
    ).unique()
    for day in warehouse.partitions("training_examples"):
        leaking = (
            rows(copied, "training_examples", day)
            .drop("run_date")
            .join(redeemed.with_columns(leak=pl.lit(1.0)), on=["customer_id", "offer_id"], how="left")
            .with_columns(discount_depth=pl.col("leak").fill_null(0.0).cast(pl.Float32))
            .drop("leak")
        )
        warehouse.write("training_examples", day, leaking)
    environment = os.environ | {"METRO_WAREHOUSE": str(copied), "DAGSTER_HOME": str(copied / "dagster")}
    done = subprocess.run(
        [program("dagster"), "asset", "materialize", "-m", "metro_assets.definitions",
         "--select", "logistic_ranker,boosted_trees_ranker,champion", "--partition", str(RUN_DATE)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    store = ModelStore(copied)
    inside = [
        store.metadata(f"{algorithm}_ranker", RUN_DATE)["metrics"]["test"]["auc_within_lists"]
        for algorithm in ALGORITHMS
    ]
    assert min(inside) > 0.95
    monkeypatch.setenv("DAGSTER_HOME", str(copied / "dagster"))
    with dg.DagsterInstance.get() as instance:
        run = instance.get_runs(limit=1)[0]
        events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        failed = [event.dagster_event.asset_check_evaluation_data for event in events]
        assert any(not check.passed and check.check_name == "is_not_too_good" for check in failed)


def test_a_run_that_is_killed_leaves_yesterdays_answers_and_heals_when_run_again(copied: Path) -> None:
    before = derived(copied, RUN_DATE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("METRO_", "DAGSTER_HOME"))}
    with subprocess.Popen(
        [program("metro"), "run", "--date", str(RUN_DATE)],
        env=environment | {"METRO_WAREHOUSE": str(copied)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "✓ interaction_features" in line:
                break
        os.kill(process.pid, signal.SIGKILL)
    reader = RecommendationReader(copied, ENGINE)
    opened = reader.in_force()
    assert len(opened.slate(opened.some_customer()).offers) == 10
    reader.close()
    done = metro("run", "--date", RUN_DATE, warehouse=copied)
    assert done.returncode == 0, done.stderr
    assert "1 earlier run(s) had been killed" in done.stdout
    assert_same(before, derived(copied, RUN_DATE))
