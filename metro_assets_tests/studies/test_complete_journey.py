"""The study: who may learn from whom, what rankers of phase 2 read, and its pictures."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from metro_assets.features.training import History
from metro_assets.sql import Relation
from metro_assets.studies.complete_journey.history import Campaign
from metro_assets.studies.complete_journey.phase_2 import matrix_of_phase_2
from metro_assets.studies.complete_journey.pictures import draw_study
from metro_assets.studies.complete_journey.protocol import (
    Fold,
    given_split,
    newest_for_validation,
    rolling_folds,
)
from metro_assets.vocabulary import CONTEXT_FEATURES

Table = Callable[..., Relation]
START = date(2017, 1, 1)


def campaign(number: int, first_day: int, last_day: int) -> Campaign:
    return Campaign(number, START + timedelta(days=first_day), START + timedelta(days=last_day), True)


def test_the_given_split_shares_no_campaign() -> None:
    split = given_split()
    assert not set(split.train) & set(split.test)


def test_a_fold_learns_from_what_had_ended_the_day_before_at_the_latest() -> None:
    campaigns = [campaign(1, 0, 9), campaign(2, 0, 10), campaign(8, 10, 20), campaign(9, 11, 30), campaign(26, -9, 2)]
    assert rolling_folds(campaigns) == [Fold("8", (1,), (8,)), Fold("9", (1, 2), (9,))]


def test_campaigns_that_outlast_the_data_judge_nobody() -> None:
    assert rolling_folds([campaign(1, 0, 9), campaign(20, 50, 400)]) == []


@pytest.mark.parametrize(
    ("redemptions", "older", "newest"),
    [
        ({1: 60, 2: 15, 3: 25}, (1, 2), (3,)),
        ({1: 60, 2: 20, 3: 20}, (1,), (2, 3)),
        # of whom nothing older would be left to learn from, nobody is held back
        ({1: 0, 2: 0, 3: 100}, (1, 2, 3), ()),
    ],
)
def test_the_newest_quarter_of_the_redemptions_is_for_validation(
    redemptions: dict[int, int], older: tuple[int, ...], newest: tuple[int, ...]
) -> None:
    campaigns = [campaign(1, 0, 5), campaign(2, 10, 15), campaign(3, 20, 25)]
    assert newest_for_validation((1, 2, 3), campaigns, redemptions) == (older, newest)


def test_the_pictures_are_drawn_from_the_tables(tmp_path: Path) -> None:
    given = {"metric": "ndcg_at_10", "population": "REDEEMERS", "lower": 0.1, "upper": 0.3}
    orders = [given | {"algorithm": name, "value": value} for name, value in (("random", 0.1), ("logistic", 0.2))]
    for name in ("given", "rolling"):
        pl.DataFrame(orders).write_csv(tmp_path / f"{name}.csv")
    tries = [{"try": "one", "what": "an order that needs no learning", "ndcg_at_10": 0.2, "lower": 0.1, "upper": 0.3}]
    pl.DataFrame(tries).write_csv(tmp_path / "tries.csv")
    pictures = draw_study(tmp_path)
    assert [picture.name for picture in pictures] == ["ranking.png", "tries.png"]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def journey(table: Table, later_lines: Sequence[dict[str, Any]] = ()) -> History:
    """Eight households with two products every third day of two months, then a coupon for each of three products."""
    shown = START + timedelta(days=60)
    lines = [
        {"customer_id": household, "product_id": product, "run_date": START + timedelta(days=day)}
        for household in range(1, 9)
        for day in range(0, 60, 3)
        for product in (household % 2, 2)
    ]
    lines = [row | {"order_id": place, "quantity": 1} for place, row in enumerate([*lines, *later_lines])]
    lines = [row | {"recorded_date": row["run_date"]} for row in lines]
    offers = [
        {"offer_id": number, "run_date": shown, "mechanic": "PERSONALIZED", "benefit": "AMOUNT", "category": "GROCERY"}
        for number in range(3)
    ]
    announced = [
        # nobody ever bought product 9
        {"offer_id": number, "product_id": product, "run_date": shown, "is_anchor": True}
        for number, product in enumerate((0, 1, 9))
    ]
    return History(
        customers=table("customers", [{"customer_id": household, "segment": "UNKNOWN"} for household in range(1, 9)]),
        products=table("products", []),
        offers=table("offers", offers),
        offer_products=table("offer_products", announced),
        daily_prices=table("daily_prices", []),
        orders=table("orders", []),
        order_items=table("order_items", lines),
        impressions=table("impressions", []),
        redemptions=table("redemptions", []),
    )


def described(connection: duckdb.DuckDBPyConnection, history: History) -> pl.DataFrame:
    shown = START + timedelta(days=60)
    rows = [(household * 10 + offer, household, offer, shown) for household in range(1, 9) for offer in range(3)]
    schema = ["impression_id", "customer_id", "offer_id", "shown_date"]
    matrix = connection.from_arrow(pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
    rows: pl.DataFrame = matrix_of_phase_2(matrix, history, connection, seed=1, threads=1).pl()
    return rows.sort("impression_id")


def test_coupons_get_the_score_of_their_products_and_codes(table: Table, connection: duckdb.DuckDBPyConnection) -> None:
    rows = described(connection, journey(table))
    scores = rows.pivot("offer_id", index="customer_id", values="next_item_score").sort("customer_id")
    # even households bought product 0, odd ones product 1
    is_even = scores["customer_id"] % 2 == 0
    assert ((scores["0"] > scores["1"]) == is_even).all()
    assert scores["2"].null_count() == len(scores)
    assert rows.select(CONTEXT_FEATURES).null_count().sum_horizontal().item() == 0


def test_nothing_from_the_campaigns_first_day_on_moves_a_score(
    table: Table, connection: duckdb.DuckDBPyConnection
) -> None:
    later = [
        {"customer_id": household, "product_id": 9, "run_date": START + timedelta(days=day)}
        for household in range(1, 9)
        for day in (60, 61, 75)
    ]
    columns = ("impression_id", "next_item_score")
    before, after = (described(connection, journey(table, lines)).select(columns) for lines in ((), later))
    assert before.equals(after)
