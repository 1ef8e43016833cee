"""The day's figures are what an independent implementation gets, and the comparison sees a difference."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.peer.day import make_day
from benchmarks.peer.equality import KEYS, UnequalError, compare, compare_pools, compare_table
from benchmarks.peer.export import export
from benchmarks.peer.reading import connect
from metro_assets.config import load_settings
from metro_assets_tests.conftest import RUN_DATE

FEATURES = {
    "customer_id": [1, 2],
    "recency_days": [3.0, None],
    "frequency_orders": [4.0, 0.0],
    "monetary_ron": [100.0, 0.0],
    "avg_basket_ron": [25.0, None],
    "promo_affinity": [0.5, None],
    "category_entropy": [0.7, None],
    "own_brand_share": [0.1, None],
    "tier_affinity": [0.2, None],
}


def pool(repeat_ranks: list[int | None]) -> pd.DataFrame:
    """Three offers of one customer, all found by segment popularity."""
    return pd.DataFrame(
        {
            "customer_id": 1,
            "offer_id": [10, 11, 12],
            "category_affinity_rank": [1, 2, 3],
            "segment_popularity_rank": [1, 2, 3],
            "repeat_purchase_rank": repeat_ranks,
            "high_margin_rank": [None, None, None],
            "embedding_rank": [None, None, None],
        }
    ).astype({"high_margin_rank": float, "embedding_rank": float})


@pytest.mark.slow
def test_pandas_over_sqlite_gets_the_same_day(ran: Path, tmp_path: Path) -> None:
    settings, path = load_settings(ran), tmp_path / "peer.sqlite"
    export(settings, RUN_DATE, path)
    database = connect(path)
    make_day(database, settings, RUN_DATE)
    database.close()
    compared = {table.table: table.rows for table in compare(settings, RUN_DATE, path)}
    assert list(compared) == [*list(KEYS)[:3], "candidate_pool", *list(KEYS)[3:]]
    assert min(compared.values()) > 0


def test_equal_tables_are_equal_whatever_their_order() -> None:
    ours = pd.DataFrame(FEATURES)
    compared = compare_table("customer_features", ours, ours.iloc[::-1])
    assert (compared.rows, compared.columns, compared.tied_rows) == (2, 8, 0)


def test_a_number_that_differs_is_named() -> None:
    ours = pd.DataFrame(FEATURES)
    peers = ours.assign(monetary_ron=[100.0 * (1 + 2e-6), 0.0])
    with pytest.raises(UnequalError, match=r"customer_features\.monetary_ron: 1 of 2 rows"):
        compare_table("customer_features", ours, peers)


def test_a_missing_value_is_not_zero() -> None:
    ours = pd.DataFrame(FEATURES)
    with pytest.raises(UnequalError, match="recency_days"):
        compare_table("customer_features", ours, ours.fillna(0.0))


def test_a_row_on_one_side_only_is_told() -> None:
    ours = pd.DataFrame(FEATURES)
    with pytest.raises(UnequalError, match="1 keys on one side only"):
        compare_table("customer_features", ours, ours.head(1))


def test_repeat_purchases_of_one_weight_may_change_places() -> None:
    # two purchases, the last 57 days ago, weigh as much as one of yesterday: 2 x .5^(57/56) = .5^(1/56)
    weights = pd.DataFrame({"customer_id": 1, "offer_id": [10, 11, 12], "weight": [0.9877, 0.9877, 0.5]})
    compared, one_sided = compare_pools(pool([1, 2, 3]), pool([2, 1, 3]), weights)
    assert (compared.tied_rows, len(one_sided)) == (2, 0)
    compared, _ = compare_pools(pool([1, None, None]), pool([None, 1, None]), weights)
    assert compared.tied_rows == 2


def test_pools_without_a_tie_are_equal() -> None:
    weights = pd.DataFrame({"customer_id": 1, "offer_id": [10, 11, 12], "weight": [0.9877, 0.9877, 0.5]})
    compared, one_sided = compare_pools(pool([1, 2, None]), pool([1, 2, None]), weights)
    assert (compared.rows, compared.tied_rows, len(one_sided)) == (3, 0, 0)


def test_repeat_purchases_of_other_weights_may_not() -> None:
    weights = pd.DataFrame({"customer_id": 1, "offer_id": [10, 11, 12], "weight": [0.9877, 0.9877, 0.5]})
    with pytest.raises(UnequalError, match="that are no ties"):
        compare_pools(pool([1, 2, 3]), pool([1, 3, 2]), weights)
