"""The pipeline as Dagster loads it: every table an asset that says what it is, and windows that tell the truth."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster import AssetKey
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._utils.schedules import schedule_execution_time_iterator

from metro_assets.config import TIME_ZONE, Ranking, load_settings
from metro_assets.definitions import STAGES, defs
from metro_assets.orchestration.jobs import (
    EVENT_TABLES,
    EXAMPLE_TABLES,
    MASTER_TABLES,
    SOURCE_TABLES,
    STATE_TABLES,
    every_morning,
)
from metro_assets.orchestration.partitions import daily
from metro_assets.storage.contract import contracts
from metro_assets.storage.tables import Warehouse

MODELS = {"product2vec", "next_item_model", "champion"} | {f"{algorithm}_ranker" for algorithm in Ranking().algorithms}
"""Assets that are kept in the model store, not as tables."""
GRAPH = defs.resolve_asset_graph()
BUCHAREST = ZoneInfo(TIME_ZONE)
DERIVED = sorted(set(contracts()) - set(SOURCE_TABLES))
ONE_DATE = MODELS | {
    "product_vectors",
    "customer_vectors",
    "bandit_posterior",
    "next_item_scores",
    "sampled_examples",
    "next_item_examples",
    "holdout_scores",
    "scored_candidates",
    "drift_log",
    "evaluation_metrics",
    "point_in_time_canaries",
    "promotion_gates",
    "policy_estimates",
    "pipeline_runs",
}
"""Assets that a backfill gives a run per date: fitted models and what is measured with them."""

STATE_WINDOWS = {
    "offer_features": {"offers": (-90, 0)},
    "training_examples": {
        "offers": (-91, -1),
        "offer_products": (-1, -1),
        "daily_prices": (-1, -1),
        "customer_products": (-1, -1),
        "customer_features": (-1, -1),
        "offer_features": (-1, -1),
    },
    "uplift_examples": {
        "offers": (-91, -1),
        "offer_products": (-1, -1),
        "offer_audience": (-1, -1),
        "daily_prices": (-1, -1),
        "customer_products": (-1, -1),
        "customer_features": (-1, -1),
        "offer_features": (-1, -1),
    },
    "uplift_ranker": {
        "uplift_examples": (-61, 0),
        "offers": (-62, -1),
        "offer_products": (-62, -1),
        "daily_prices": (-62, -1),
    },
    "evaluation_metrics": {
        "offers": (-7, -7),
        "offer_products": (-14, -7),
        "scored_candidates": (-7, -7),
        "interaction_features": (-7, -7),
        "candidate_pool": (-7, -7),
        "recommendations": (-7, -7),
    },
    "logistic_ranker": {"training_examples": (-61, 0)},
    "boosted_trees_ranker": {"training_examples": (-61, 0)},
    "bandit_posterior": {"training_examples": (-61, 0), "bandit_posterior": (-1, -1)},
    "wide_deep_ranker": {"training_examples": (-61, 0), "offers": (-61, 0), "offer_products": (-61, 0)},
    "thompson_ranker": {"training_examples": (-61, 0), "offers": (-61, 0), "offer_products": (-61, 0)},
    "sasrec_ranker": {"training_examples": (-61, 0)},
    "sampled_examples": {"training_examples": (-61, 0)},
    "next_item_examples": {"training_examples": (-61, -6), "offer_products": (-62, -7)},
    "policy_estimates": {"recommendations": (-13, -7)},
    "drift_log": {"training_examples": (-13, 0)},
    "point_in_time_canaries": {"offers": (-90, 0)},
    "promotion_gates": {"holdout_scores": (-6, 0), "point_in_time_canaries": (-6, 0)},
}
"""Upstream tables of state that are not read at the run date alone, in days from it."""
EVENT_WINDOWS = {
    "customer_products": {"order_items": (-90, -1)},
    "product2vec": {"orders": (-90, -1), "order_items": (-90, -1)},
    "customer_features": {"orders": (-90, -1)},
    "offer_features": {"order_items": (-90, -1), "impressions": (-90, -1), "redemptions": (-90, -1)},
    "training_examples": {
        "orders": (-91, -2),
        "order_items": (-91, -2),
        "impressions": (-91, -1),
        "redemptions": (-91, -2),
    },
    "uplift_examples": {
        "assignments": (-1, -1),
        "orders": (-91, -2),
        "order_items": (-91, -2),
        "impressions": (-91, -1),
        "redemptions": (-91, -2),
    },
    "uplift_ranker": {"order_items": (-62, -1), "redemptions": (-62, -1)},
    "interaction_features": {"redemptions": (-90, -1)},
    "logistic_ranker": {"redemptions": (-62, -1)},
    "boosted_trees_ranker": {"redemptions": (-62, -1)},
    "wide_deep_ranker": {"redemptions": (-62, -1)},
    "bandit_posterior": {"redemptions": (-62, -1)},
    "thompson_ranker": {"redemptions": (-62, -1)},
    "sasrec_ranker": {"redemptions": (-62, -1)},
    "sampled_examples": {"redemptions": (-62, -1)},
    "next_item_model": {"order_items": (-62 - 90, -63)},
    "next_item_scores": {"order_items": (-90, -1)},
    "next_item_examples": {"order_items": (-62 - 90, -8)},
    "point_in_time_canaries": {
        "orders": (-90, -1),
        "order_items": (-90, -1),
        "impressions": (-90, -1),
        "redemptions": (-90, -1),
    },
    "policy_estimates": {"assignments": (-13, -7), "impressions": (-13, -7), "redemptions": (-13, -1)},
    "recommendations": {"impressions": (-6, -1), "redemptions": (-60, -1), "web_visits": (-7, -1)},
    "recommendation_shortfalls": {"impressions": (-6, -1), "redemptions": (-60, -1)},
    "drift_log": {"redemptions": (-14, -1)},
    "evaluation_metrics": {"order_items": (-14 - 28, -7 - 1), "impressions": (-7, -7), "redemptions": (-7, -1)},
}
"""Upstream events of every asset that reads any, in days from the run date: all of them end before it."""


def assets() -> list[str]:
    return sorted(key.path[-1] for key in GRAPH.materializable_asset_keys)


def specs() -> dict[str, dg.AssetSpec]:
    return {spec.key.path[-1]: spec for spec in defs.resolve_all_asset_specs()}


def upstream_dates(asset: str, parent: str, *run_dates: date) -> list[date]:
    """Partitions of the parent that the asset reads for the run dates."""
    mapping = GRAPH.get_partition_mapping(AssetKey(asset), AssetKey(parent))
    with partition_loading_context():
        result = mapping.get_upstream_mapped_partitions_result_for_partitions(
            daily.subset_with_partition_keys([str(day) for day in run_dates]), daily, daily
        )
        keys = sorted(result.partitions_subset.get_partition_keys())
    return [date.fromisoformat(key) for key in keys]


def parents(asset: str) -> set[str]:
    return {key.path[-1] for key in GRAPH.get(AssetKey(asset)).parent_keys}


def last_date() -> date:
    return date.fromisoformat(str(daily.get_last_partition_key()))


# tables and assets ------------------------------------------------------------------------------------------------


def test_assets_are_the_tables_of_the_contract_and_the_models() -> None:
    assert set(assets()) == set(contracts()) | MODELS


def test_every_asset_lies_in_the_group_of_its_stage() -> None:
    assert {spec.group_name for spec in specs().values()} == set(STAGES)
    for name, spec in specs().items():
        module = STAGES[str(spec.group_name)]
        owned = {key.path[-1] for key in _keys_defined_in(module)}
        assert name in owned, f"{name} is in the group {spec.group_name}"


def _keys_defined_in(module: Any) -> set[AssetKey]:
    values = [part for value in vars(module).values() for part in (value if isinstance(value, list) else [value])]
    found = [value for value in values if isinstance(value, dg.AssetsDefinition)]
    return {key for asset in found for key in asset.keys}


@pytest.mark.parametrize("name", assets())
def test_an_asset_says_what_it_is_whose_and_of_which_code(name: str) -> None:
    spec = specs()[name]
    assert spec.description
    assert spec.owners == ["team:offers"]
    assert spec.kinds
    assert list(spec.key.path) == [name]
    if name in contracts():
        assert spec.description.startswith("One row is")
        assert "duckdb" in spec.kinds
    if name != "champion":
        assert spec.code_version


@pytest.mark.parametrize("name", list(contracts()))
def test_a_table_shows_its_columns_with_types_and_units(name: str) -> None:
    shape = contracts()[name]
    schema = specs()[name].metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert [column.name for column in schema.columns] == list(shape.column_names)
    by_name = {column.name: column for column in schema.columns}
    for column in shape.columns:
        assert by_name[column.name].type == column.type.lower()
        assert by_name[column.name].description == (column.comment or None)
        assert by_name[column.name].constraints.nullable == column.is_nullable
    assert schema.constraints is not None
    assert f"key: {', '.join(shape.key)}" in schema.constraints.other


def test_amounts_of_money_state_their_unit_where_they_are_described() -> None:
    for name, shape in contracts().items():
        for column in shape.columns:
            if column.name.endswith("_ron") and column.comment:
                assert "ron" in column.comment.lower(), f"{name}.{column.name}"


def test_tables_are_partitioned_by_run_date_exactly_where_the_contract_says() -> None:
    for name in assets():
        is_partitioned = contracts()[name].is_partitioned if name in contracts() else True
        expected = daily if is_partitioned else None
        assert GRAPH.get(AssetKey(name)).partitions_def == expected, name
    assert {name for name in assets() if GRAPH.get(AssetKey(name)).partitions_def is None} == set(MASTER_TABLES)


def test_todays_partition_exists_this_morning() -> None:
    assert last_date() == datetime.now(BUCHAREST).date()
    assert daily.get_first_partition_key() == str(load_settings().calendar_start)


# windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*DERIVED, *MODELS}))
def test_the_windows_of_an_asset_are_those_of_the_domain(name: str) -> None:
    run_date = last_date()
    for parent in sorted(parents(name) - set(MASTER_TABLES)):
        if parent in EVENT_TABLES:
            assert parent in EVENT_WINDOWS.get(name, {}), f"{name} reads {parent}: state its window here"
            first, last = EVENT_WINDOWS[name][parent]
            assert last <= -1
        else:
            first, last = STATE_WINDOWS.get(name, {}).get(parent, (0, 0))
            assert last <= 0
        window = [run_date + timedelta(days=offset) for offset in range(first, last + 1)]
        expected = [day for day in window if day >= load_settings().calendar_start]
        assert upstream_dates(name, parent, run_date) == expected, f"{name} <- {parent}"


def test_every_stated_window_is_one_that_is_read() -> None:
    for windows in (EVENT_WINDOWS, STATE_WINDOWS):
        for name, stated in windows.items():
            assert set(stated) <= parents(name), name


@pytest.mark.parametrize("name", sorted({*DERIVED, *MODELS}))
def test_no_asset_reads_events_of_its_run_date_or_later_on_any_day_of_the_calendar(name: str) -> None:
    days = [date.fromisoformat(key) for key in daily.get_partition_keys()]
    for parent in parents(name) & set(EVENT_TABLES):
        for run_date in (days[0], days[1], days[7], days[40], days[-2], days[-1]):
            assert all(day < run_date for day in upstream_dates(name, parent, run_date)), f"{name} <- {parent}"


def test_windows_are_cut_at_the_start_of_the_calendar_not_refused() -> None:
    start = date.fromisoformat(str(daily.get_first_partition_key()))
    assert upstream_dates("customer_products", "order_items", start) == []
    third = start + timedelta(days=2)
    assert upstream_dates("customer_products", "order_items", third) == [start, start + timedelta(days=1)]


def test_a_range_reads_the_union_of_its_windows() -> None:
    run_date = last_date()
    both = upstream_dates("training_examples", "impressions", run_date - timedelta(days=1), run_date)
    assert both == [run_date + timedelta(days=offset) for offset in range(-92, 0)]


# checks -----------------------------------------------------------------------------------------------------------


def checks_of(name: str) -> dict[str, dg.AssetCheckSpec]:
    return {key.name: GRAPH.get_check_spec(key) for key in GRAPH.get_check_keys_for_assets({AssetKey(name)})}


@pytest.mark.parametrize("name", list(contracts()))
def test_every_promise_of_the_contract_is_a_check_that_stops_what_follows(name: str) -> None:
    shape, checks = contracts()[name], checks_of(name)
    expected = {"keys_are_unique"}
    expected |= {"references_exist"} if shape.foreign_keys else set()
    expected |= {"ranges_hold"} if shape.checks else set()
    assert expected <= set(checks)
    for check in expected:
        assert checks[check].blocking, check
        assert checks[check].description, check


def test_only_tables_that_may_be_empty_are_not_checked_for_rows() -> None:
    unchecked = {name for name in contracts() if "is_not_empty" not in checks_of(name)}
    assert unchecked == {
        "offer_audience",
        "web_visits",
        "customer_products",
        "product_vectors",
        "customer_vectors",
        "training_examples",
        "uplift_examples",
        "interaction_features",
        "candidate_margins",
        "bandit_posterior",
        "next_item_scores",
        "sampled_examples",
        "next_item_examples",
        "recommendation_shortfalls",
        "promotion_gates",
        "drift_log",
        "policy_estimates",
    }


def test_opinions_warn_and_promises_block() -> None:
    warnings = {
        (name, check)
        for name in assets()
        for check, spec in checks_of(name).items()
        if not spec.blocking and check != "ranges_hold"
    }
    assert warnings == {
        ("champion", "auc_and_ndcg_agree"),
        ("champion", "is_not_too_good"),
        ("champion", "all_are_fitted"),
        ("drift_log", "drift_is_not_significant"),
        ("point_in_time_canaries", "nothing_moved"),
    }


def test_a_check_of_references_waits_for_the_tables_it_looks_into() -> None:
    """Else two steps of one run race: the impressions of a day are checked against offers not yet written."""
    for name, shape in contracts().items():
        for check, spec in checks_of(name).items():
            if check in {"keys_are_unique", "references_exist"}:
                waits_for = {dep.asset_key.path[-1] for dep in spec.additional_deps}
                assert waits_for == {key.table for key in shape.foreign_keys}, f"{name}: {check}"


def test_a_broken_slate_stops_the_publication() -> None:
    promised = {"every_customer_is_served", "no_offer_is_expired", "categories_are_capped", "ranks_are_dense"}
    checks = checks_of("recommendation_shortfalls")
    assert promised <= set(checks)
    assert all(checks[name].blocking for name in promised)
    assert "recommendation_shortfalls" in parents("published_recommendations")


# backfills and jobs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", assets())
def test_a_backfill_takes_one_run_for_a_range_unless_a_model_is_fitted(name: str) -> None:
    policy = GRAPH.get(AssetKey(name)).backfill_policy
    if name in ONE_DATE:
        assert policy == dg.BackfillPolicy.multi_run(1)
    elif name not in MASTER_TABLES:
        assert policy == dg.BackfillPolicy.single_run()


def tables_of_job(name: str) -> set[str]:
    return {key.path[-1] for key in defs.resolve_job_def(name).asset_layer.executable_asset_keys}


@pytest.mark.filterwarnings("ignore:.*varying BackfillPolicies")
def test_the_jobs_of_a_morning_cover_every_table_and_each_has_its_part() -> None:
    assert tables_of_job("history") == set(SOURCE_TABLES)
    assert tables_of_job("examples") == set(EXAMPLE_TABLES)
    assert tables_of_job("day") == set(assets()) - {*MASTER_TABLES, *EVENT_TABLES}
    for name in ("history", "examples", "day"):
        job = defs.resolve_job_def(name)
        assert job.description
        assert job.partitions_def == daily
        assert job.executor_def == dg.in_process_executor


def test_the_definitions_load_in_a_fresh_process_without_a_warning(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("METRO_", "DAGSTER_"))}
    code = "import dagster as dg; from metro_assets.definitions import defs; dg.Definitions.validate_loadable(defs)"
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code],
        env=environment | {"METRO_WAREHOUSE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


# the schedule -----------------------------------------------------------------------------------------------------


def ticks(start: datetime, count: int) -> list[datetime]:
    schedule = every_morning
    times = schedule_execution_time_iterator(
        start.timestamp(), str(schedule.cron_schedule), schedule.execution_timezone
    )
    return [tick.astimezone(BUCHAREST) for tick in islice(times, count)]


@pytest.mark.parametrize(
    ("start", "hours_utc"),
    [
        (datetime(2026, 3, 27, 12, tzinfo=UTC), [3, 2, 2]),  # the clocks go forward on 29 March
        (datetime(2026, 10, 23, 12, tzinfo=UTC), [2, 3, 3]),  # and back on 25 October
    ],
)
def test_the_schedule_fires_at_five_in_bucharest_on_every_day_when_the_clocks_change_too(
    start: datetime, hours_utc: list[int]
) -> None:
    found = ticks(start, 3)
    assert [(tick.hour, tick.minute) for tick in found] == [(5, 0)] * 3
    assert [tick.date() for tick in found] == [start.date() + timedelta(days=offset) for offset in (1, 2, 3)]
    assert [tick.astimezone(UTC).hour for tick in found] == hours_utc


def filled(root: Path, start: date, *, events_to: date, examples_to: date, recommended: date) -> Warehouse:
    """A warehouse that has files where a run would have left them; nobody reads them here."""
    warehouse = Warehouse(root, load_settings(root).engine)

    def touch(tables: tuple[str, ...], first: date, last: date) -> None:
        for table in tables:
            for offset in range((last - first).days + 1):
                path = warehouse.path(table, first + timedelta(days=offset))
                path.parent.mkdir(parents=True)
                path.touch()

    touch((*STATE_TABLES, *EVENT_TABLES), start, events_to)
    touch(EXAMPLE_TABLES, start, examples_to)
    touch(("recommendations",), recommended, recommended)
    return warehouse


def requests(root: Path, warehouse: Warehouse, start: date, moment: datetime) -> list[dg.RunRequest]:
    with dg.build_schedule_context(
        scheduled_execution_time=moment,
        repository_def=defs.get_repository_def(),
        resources={"settings": load_settings(root, history_start=start), "warehouse": warehouse},
    ) as context:
        found = every_morning.evaluate_tick(context).run_requests
    return list(found or [])


@pytest.mark.parametrize("run_date", [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30), date(2026, 10, 25)])
def test_a_tick_makes_the_same_days_partition_after_yesterdays_events(tmp_path: Path, run_date: date) -> None:
    start, yesterday = run_date - timedelta(days=120), run_date - timedelta(days=1)
    before = run_date - timedelta(days=2)
    warehouse = filled(tmp_path, start, events_to=before, examples_to=yesterday, recommended=yesterday)
    moment = datetime(run_date.year, run_date.month, run_date.day, 5, tzinfo=BUCHAREST)
    events, derived = requests(tmp_path, warehouse, start, moment)
    assert _range(events) == (yesterday, yesterday)
    assert _selected(events) == set(SOURCE_TABLES)
    assert _range(derived) == (run_date, run_date)
    assert _selected(derived) == set(assets()) - {*MASTER_TABLES, *EVENT_TABLES}
    assert int(events.tags["dagster/priority"]) > int(derived.tags["dagster/priority"])
    assert events.run_key != derived.run_key


def test_missed_mornings_are_healed_by_one_run_over_their_range(tmp_path: Path) -> None:
    run_date = date(2026, 5, 18)
    start, seen = run_date - timedelta(days=120), run_date - timedelta(days=6)
    warehouse = filled(tmp_path, start, events_to=seen, examples_to=seen, recommended=seen)
    moment = datetime(2026, 5, 18, 5, tzinfo=BUCHAREST)
    events, examples, derived = requests(tmp_path, warehouse, start, moment)
    missed = (seen + timedelta(days=1), run_date - timedelta(days=1))
    assert _range(events) == missed
    assert _range(examples) == missed
    assert _selected(examples) == set(EXAMPLE_TABLES)
    assert _range(derived) == (run_date, run_date)
    priorities = [int(request.tags["dagster/priority"]) for request in (events, examples, derived)]
    assert priorities == sorted(priorities, reverse=True)


def test_the_schedule_is_off_until_a_person_starts_it() -> None:
    assert every_morning.default_status == dg.DefaultScheduleStatus.RUNNING


def _range(request: dg.RunRequest) -> tuple[date, date]:
    tags = request.tags
    return (
        date.fromisoformat(tags["dagster/asset_partition_range_start"]),
        date.fromisoformat(tags["dagster/asset_partition_range_end"]),
    )


def _selected(request: dg.RunRequest) -> set[str]:
    return {key.path[-1] for key in request.asset_selection or []}
