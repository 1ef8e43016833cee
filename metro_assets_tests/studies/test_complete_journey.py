"""The study: who may learn from whom, and its pictures."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from metro_assets.studies.complete_journey.history import Campaign
from metro_assets.studies.complete_journey.pictures import draw_study
from metro_assets.studies.complete_journey.protocol import (
    Fold,
    given_split,
    newest_for_validation,
    rolling_folds,
)

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
