"""What a run date learns from: every impression once, when its outcome has settled, nothing of the date or later."""

from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Ranking
from metro_assets.ranking.posterior import Belief
from metro_assets.ranking.settled import belief_frame, belief_of, first_belief, kept_effects, next_belief
from metro_assets.sql import Relation

DAY = timedelta(days=1)
START = date(2026, 4, 1)
RANKING = Ranking(train_days=20, validation_days=2, test_days=2, label_horizon_days=7)
SHOWN_DAYS = 30
Table = Callable[..., Relation]
Frames = tuple[pl.DataFrame, pl.DataFrame]


def log(days: int = SHOWN_DAYS, seed: int = 0) -> Frames:
    """Six impressions a day from START on, of six customers and of offers that change weekly; redeemed days later."""
    generator = np.random.default_rng(seed)
    impressions: list[dict[str, Any]] = []
    redemptions: list[dict[str, Any]] = []
    for day in range(days):
        shown = START + day * DAY
        for customer in range(1, 7):
            offer = 10 * (day // 7) + customer % 3
            depth = float(generator.normal())
            number = len(impressions)
            impressions.append(
                {
                    "run_date": shown + DAY,
                    "impression_id": number,
                    "slate_id": number,
                    "customer_id": customer,
                    "offer_id": offer,
                    "shown_date": shown,
                    "valid_to_date": shown + 10 * DAY,
                    "position": 1 + number % 5,
                    "policy": "logging-v1",
                    "discount_depth": depth,
                    "bought_before": float(number % 2),
                    "segment_code": float(customer % 2),
                }
            )
            if generator.random() < 1 / (1 + np.exp(1 - depth)):
                redeemed = shown + int(generator.integers(0, 7)) * DAY
                redemptions.append(
                    {
                        "run_date": redeemed,
                        "redemption_id": number,
                        "customer_id": customer,
                        "offer_id": offer,
                        "recorded_date": redeemed,
                    }
                )
    return pl.DataFrame(impressions), pl.DataFrame(redemptions)


def coded(table: Table, impressions: pl.DataFrame) -> Relation:
    return table("training_examples", impressions, segment_code="FLOAT")


@pytest.fixture(scope="module")
def learned(table: Table) -> Callable[..., dict[date, Belief]]:
    """Beliefs of consecutive run dates, the first from all history, the next each from the one before."""

    def learn(frames: Frames, first: date, last: date) -> dict[date, Belief]:
        examples, outcomes = (
            table("training_examples", frames[0], segment_code="FLOAT"),
            table("redemptions", frames[1]),
        )
        belief = first_belief(examples, outcomes, first, RANKING, seed=1)
        assert belief is not None
        beliefs = {first: belief}
        for offset in range(1, (last - first).days + 1):
            run_date = first + offset * DAY
            beliefs[run_date] = next_belief(beliefs[run_date - DAY], examples, outcomes, run_date, RANKING, seed=1)
        return beliefs

    return learn


@pytest.fixture(scope="module")
def whole(learned: Callable[..., dict[date, Belief]]) -> dict[date, Belief]:
    """Beliefs of the run dates that know the whole log."""
    return learned(log(), FIRST, LAST)


def alike(one: Belief, other: Belief) -> bool:
    return belief_frame(one).equals(belief_frame(other))


FIRST, LAST = START + 20 * DAY, START + 23 * DAY


def test_nothing_of_the_run_date_or_later_moves_it_and_a_rerun_is_identical(
    learned: Callable[..., dict[date, Belief]], whole: dict[date, Belief]
) -> None:
    impressions, redemptions = log()
    known = (
        impressions.filter(pl.col("shown_date") < LAST).sample(fraction=1, shuffle=True, seed=2),
        redemptions.filter(pl.col("run_date") < LAST).sample(fraction=1, shuffle=True, seed=3),
    )
    again = learned(known, FIRST, LAST)
    assert all(alike(whole[day], again[day]) for day in whole)


def test_an_impression_counts_on_the_one_day_on_which_its_horizon_has_passed(
    learned: Callable[..., dict[date, Belief]], whole: dict[date, Belief]
) -> None:
    impressions, redemptions = log()
    shown = FIRST - 4 * DAY
    without = learned((impressions.filter(pl.col("shown_date") != shown), redemptions), FIRST, LAST)
    settles = shown + RANKING.label_horizon_days * DAY
    assert [day for day in whole if not alike(whole[day], without[day])] == [day for day in whole if day >= settles]


def test_a_redemption_that_becomes_known_late_changes_later_dates_only(
    learned: Callable[..., dict[date, Belief]], whole: dict[date, Belief]
) -> None:
    impressions, redemptions = log()
    chosen = redemptions.filter(pl.col("run_date") == FIRST - 6 * DAY)["redemption_id"][0]
    shown = impressions.filter(pl.col("impression_id") == chosen)["shown_date"][0]
    assert shown + RANKING.label_horizon_days * DAY <= FIRST + 2 * DAY
    recorded = FIRST + 2 * DAY
    is_late = pl.col("redemption_id") == chosen
    late = redemptions.with_columns(
        recorded_date=pl.when(is_late).then(pl.lit(recorded)).otherwise(pl.col("recorded_date"))
    )
    never = learned((impressions, redemptions.filter(~is_late)), FIRST, LAST)
    delayed = learned((impressions, late), FIRST, LAST)
    for day, belief in delayed.items():
        assert alike(belief, never[day]) == (day <= recorded)
    # Afterwards it is nearly as if it had been known in time.
    far = {
        name: np.abs(beliefs[LAST].mean - whole[LAST].mean).max()
        for name, beliefs in {"delayed": delayed, "never": never}.items()
    }
    assert far["delayed"] < far["never"] / 2


def test_the_table_holds_the_whole_belief(whole: dict[date, Belief]) -> None:
    belief = whole[FIRST]
    stored = belief_of(belief_frame(belief).sample(fraction=1, shuffle=True, seed=4))
    assert stored is not None
    assert (stored.names, stored.feature_names) == (belief.names, belief.feature_names)
    for part in fields(Belief):
        if part.name not in {"names", "feature_names"}:
            assert getattr(stored, part.name) == pytest.approx(getattr(belief, part.name), abs=1e-12)
    assert belief_of(belief_frame(None)) is None


def test_without_a_settled_impression_nothing_is_believed(table: Table) -> None:
    impressions, redemptions = log(days=3)
    examples, outcomes = (
        table("training_examples", impressions, segment_code="FLOAT"),
        table("redemptions", redemptions),
    )
    assert first_belief(examples, outcomes, START + 6 * DAY, RANKING, seed=1) is None
    assert first_belief(examples, outcomes, START + 7 * DAY, RANKING, seed=1) is not None


def test_offers_that_are_over_and_settled_are_let_go(table: Table, whole: dict[date, Belief]) -> None:
    belief = whole[LAST]
    assert belief.offer_id.tolist() == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    live = table("offers", [{"run_date": FIRST, "offer_id": 2}])
    kept = kept_effects(belief, coded(table, log()[0]), live, LAST, RANKING)
    # Of the third week some have settled and some have not.
    assert kept.offer_id.tolist() == [2, 20, 21, 22]
