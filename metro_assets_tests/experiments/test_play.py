"""Days that are played: the same after a kill, the same for all but what offers change, learning as they go."""

import shutil
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from metro_assets.experiments.plan import CONTROL, ORACLE, Plan
from metro_assets.experiments.play import play, read_choices, record_path
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse

TABLES = ("orders", "order_items", "impressions", "redemptions")
LEARNED = ("customer_products", "customer_features", "offer_features", "training_examples")


def rows(plan: Plan, policy: str, table: str) -> pl.DataFrame:
    """Everything of a table that was written for the played days."""
    warehouse = plan.warehouse(plan.seeds[0], policy)
    with warehouse.connection() as connection:
        return warehouse.read(connection, table, (plan.start, plan.end - timedelta(days=1)), allow_missing=True).pl()


def contents(plan: Plan, policy: str) -> dict[str, pl.DataFrame]:
    choices = pl.concat([read_choices(plan, plan.seeds[0], policy, day) for day in plan.dates])
    return {table: rows(plan, policy, table) for table in (*TABLES, *LEARNED)} | {"choices": choices}


def test_what_was_chosen_is_what_was_shown(played: Plan) -> None:
    shown = rows(played, "logistic", "impressions").filter(pl.col("policy") == "logistic")
    chosen = contents(played, "logistic")["choices"].filter(pl.col("arm") == "POLICY")
    pairs = {(row["customer_id"], row["offer_id"], row["rank"]) for row in chosen.iter_rows(named=True)}
    assert pairs == {(row["customer_id"], row["offer_id"], row["position"]) for row in shown.iter_rows(named=True)}
    assert (shown["propensity"] == 1).all()


def test_the_control_shows_nothing_but_random_slates(played: Plan) -> None:
    assert set(rows(played, CONTROL, "impressions")["policy"]) == {"exploration-v1"}


def test_an_algorithm_is_fitted_anew_on_what_it_lived_through(played: Plan) -> None:
    models = ModelStore(played.path(played.seeds[0], "logistic"))
    fitted = [version.run_date for version in models.versions("logistic_ranker")]
    assert fitted == [played.start, played.start + timedelta(days=2)]
    examples = rows(played, "logistic", "training_examples")
    assert "logistic" in set(examples["policy"])


def test_the_oracle_shows_only_what_gains(played: Plan) -> None:
    assert contents(played, ORACLE)["choices"]["score"].min() > 0


def test_the_history_is_shared_not_copied(played: Plan) -> None:
    seed, before = played.seeds[0], played.start - timedelta(days=3)
    own = played.warehouse(seed, "logistic").path("order_items", before)
    assert own.samefile(played.warehouse(seed, CONTROL).path("order_items", before))


def test_whoever_is_stopped_goes_on_to_the_same_end(played: Plan, copied_experiment: Plan) -> None:
    """The second day was half written when its process was killed."""
    plan, seed = copied_experiment, copied_experiment.seeds[0]
    for day in plan.dates[1:]:
        record_path(plan, seed, "logistic", day).unlink()
        for table in ("orders", "redemptions", "training_examples"):
            shutil.rmtree(plan.warehouse(seed, "logistic").path(table, day).parent)
    days = 0

    def count() -> None:
        nonlocal days
        days += 1

    play(plan, seed, "logistic", count)
    assert days == 2
    before, after = contents(played, "logistic"), contents(plan, "logistic")
    assert {name for name, frame in before.items() if not frame.equals(after[name])} == set()


def test_a_finished_policy_is_not_played_again(played: Plan) -> None:
    play(played, played.seeds[0], ORACLE, lambda: pytest.fail("a finished day was played again"))


def test_nothing_that_was_shared_was_changed(played: Plan) -> None:
    """A policy's tables are names of the history's files; a write gives a policy a file of its own."""
    history = Warehouse(played.history(played.seeds[0]), played.engine)
    assert max(history.partitions("orders")) < played.start
    with history.connection() as connection:
        policies = history.read(connection, "impressions").select("policy").distinct().fetchall()
    assert {name for (name,) in policies} == {"logging-v1", "exploration-v1"}


@pytest.mark.slow
def test_a_policy_may_read_purchase_sequences(copied_experiment: Plan) -> None:
    """Its network is fitted with its ranker, on purchases before the first impression that the ranker learns from."""
    settings = copied_experiment.settings
    quick = settings.model_copy(
        update={
            "ranking": settings.ranking.model_copy(update={"train_days": 6, "validation_days": 2, "test_days": 2}),
            "sequences": settings.sequences.model_copy(update={"validation_days": 2, "maximum_epochs": 1}),
        }
    )
    plan, seed = replace(copied_experiment, settings=quick, days=1), copied_experiment.seeds[0]
    play(plan, seed, "sasrec")
    models = ModelStore(plan.path(seed, "sasrec"))
    (network,), (ranker,) = models.versions("next_item_model"), models.versions("sasrec_ranker")
    assert network.run_date == ranker.run_date == plan.start
    metadata = models.metadata("next_item_model", plan.start)
    assert metadata["cut-off"] == str(plan.start - timedelta(days=6 + 2 + 2 + 2 - 1))
    chosen = read_choices(plan, seed, "sasrec", plan.start)
    assert len(chosen) > 50
    record_path(plan, seed, "sasrec", plan.start).unlink()
    play(plan, seed, "sasrec")
    assert read_choices(plan, seed, "sasrec", plan.start).equals(chosen)
