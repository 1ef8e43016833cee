"""The table of targets over several worlds, by hand, and what it takes from an experiment and from Complete Journey."""

from pathlib import Path

import polars as pl
import pytest
from scipy.stats import t

from metro_assets.experiments.results import SCHEMA
from metro_assets.studies.success.__main__ import over_seeds
from metro_assets.studies.success.facts import journey_facts, regret_facts, twin_facts


def test_the_interval_over_worlds_is_students() -> None:
    rows = [("NDCG@10", "oracle", 0.70, 42), ("NDCG@10", "oracle", 0.74, 43), ("epochs", "kept", 2.0, 42)]
    by_seed = pl.DataFrame(rows, schema=["target", "of", "value", "seed"], orient="row")
    oracle, epochs = over_seeds(by_seed).rows(named=True)
    # the standard deviation of two values is their distance over the root of 2, the error of the mean half the distance
    error = 0.04 / 2
    quantile = float(t.ppf(0.975, 1))
    assert (oracle["worlds"], oracle["least"], oracle["most"]) == (2, 0.70, 0.74)
    assert oracle["mean"] == pytest.approx(0.72)
    assert oracle["lower"] == pytest.approx(0.72 - quantile * error)
    assert oracle["upper"] == pytest.approx(0.72 + quantile * error)
    assert (epochs["mean"], epochs["lower"], epochs["upper"]) == (2.0, None, None)


def test_regret_stands_beside_the_other_targets_in_the_same_shape(tmp_path: Path) -> None:
    figures = [
        ("uplift", "regret_ron", 8.0, 6.0, 10.0, 5),
        ("uplift", "incremental_margin_ron", 12.0, 9.0, 15.0, 5),
        ("uplift", "gini", 0.8, None, None, 5),
    ]
    pl.DataFrame(figures, schema=SCHEMA, orient="row").write_parquet(tmp_path / "experiment_results.parquet")
    of_worlds = over_seeds(pl.DataFrame([("epochs", "kept", 2.0)], schema=["target", "of", "value"], orient="row"))
    table = pl.concat([of_worlds, twin_facts(tmp_path)])
    assert table.select("target", "of", "worlds", "mean", "lower", "upper").rows()[1:] == [
        ("regret in the twin, RON", "uplift", 5, 8.0, 6.0, 10.0),
        ("margin in the twin, RON", "uplift", 5, 12.0, 9.0, 15.0),
    ]


def test_who_explores_loses_least_where_the_best_is_known() -> None:
    lost = {row["of"]: row["value"] for row in regret_facts(seed=42)}
    assert min(lost, key=lambda of: lost[of]) == "thompson, redemptions lost"
    assert list(regret_facts(seed=42)) == list(regret_facts(seed=42))


def test_complete_journey_answers_to_the_same_targets(tmp_path: Path) -> None:
    metric = {"metric": "ndcg_at_10", "lower": 0.3, "upper": 0.5}
    pl.DataFrame(
        [
            metric | {"algorithm": "wide_deep", "population": "REDEEMERS", "value": 0.4},
            metric | {"algorithm": "wide_deep", "population": "ALL", "value": 0.1},
        ]
    ).write_csv(tmp_path / "phase_2.csv")
    paired = {"order": "wide_deep", "against": "logistic", "difference": -0.01, "lower": -0.02, "upper": 0.0}
    pl.DataFrame([paired]).write_csv(tmp_path / "phase_2_paired.csv")
    order = {"difference": 0.1, "difference_lower": 0.0, "difference_upper": 0.2, "against": "popularity"}
    pl.DataFrame(
        [
            order | {"order": "sasrec", "target": "next basket", "population": "never bought before"},
            order | {"order": "sasrec", "target": "next 7 days", "population": "never bought before"},
            order | {"order": "popularity", "target": "next basket", "population": "never bought before"},
        ]
    ).write_csv(tmp_path / "next_items.csv")
    assert journey_facts(tmp_path).rows() == [
        ("NDCG@10", "wide_deep", 0.4, 0.3, 0.5),
        ("NDCG@10 gained", "wide_deep less logistic", -0.01, -0.02, 0.0),
        ("next item", "sasrec less popularity, never bought before", 0.1, 0.0, 0.2),
    ]
