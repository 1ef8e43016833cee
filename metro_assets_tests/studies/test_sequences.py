"""The study of next-item orders on a tiny warehouse: every order against every target, by the same customers."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from metro_assets.studies.sequences import main


@pytest.mark.slow
def test_every_order_is_judged_on_the_same_customers(ran: Path, tmp_path: Path) -> None:
    output = tmp_path / "sequences.csv"
    main(warehouse=ran, run_date=datetime(2026, 5, 18), output=output, threads=1)
    rows = pl.read_csv(output)
    assert rows["order"].n_unique() == 7
    assert len(rows) == 7 * 4
    assert rows.group_by("target", "population").agg(pl.col("customers").n_unique())["customers"].to_list() == [1] * 4
    best = rows.filter(pl.col("target") == "next basket", pl.col("population") == "all products")
    habit, popular = (
        best.row(by_predicate=pl.col("order") == name, named=True) for name in ("personal frequency", "popularity")
    )
    assert habit["ndcg_at_10"] > popular["ndcg_at_10"]
    assert habit["difference"] == 0
