"""The table of targets over several worlds, by hand."""

import polars as pl
import pytest
from scipy.stats import t

from metro_assets.studies.success.__main__ import over_seeds


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
