"""The truth against what happens: probabilities that are frequencies, and an effect that showing has."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Sizes
from metro_assets.metrics import auc
from metro_assets.sources.synthetic.truth import Truth
from metro_assets.sources.synthetic.world import World

HORIZON = 7
START = date(2026, 1, 5)
DAYS = [START + timedelta(days=offset) for offset in range(40, 61, 5)]


@pytest.fixture(scope="module")
def world() -> World:
    return World(Sizes(customers=2000, products=10_000, live_offers=200, history_days=90), seed=5, first_day=START)


@pytest.fixture(scope="module")
def shown(world: World) -> dict[date, pl.DataFrame]:
    return {day: pl.from_arrow(world.events(day)["impressions"]) for day in DAYS}


@pytest.fixture(scope="module")
def outcomes(world: World, shown: dict[date, pl.DataFrame]) -> pl.DataFrame:
    """Impressions with the true probability and whether they were redeemed within the horizon."""
    truth, parts = Truth(world, HORIZON), []
    for day, rows in shown.items():
        redeemed = pl.concat(
            [
                pl.from_arrow(world.events(day + timedelta(days=ahead))["redemptions"]).select(
                    "customer_id", "offer_id"
                )
                for ahead in range(HORIZON)
            ]
        ).unique()
        probability = truth.redemption_probability(
            day, rows["customer_id"].to_numpy(), rows["offer_id"].to_numpy(), rows["position"].to_numpy()
        )
        labelled = rows.with_columns(probability=probability).join(
            redeemed.with_columns(label=pl.lit(1)), on=["customer_id", "offer_id"], how="left"
        )
        parts.append(labelled.select("probability", pl.col("label").fill_null(0)))
    return pl.concat(parts)


def test_true_probabilities_are_frequencies(outcomes: pl.DataFrame) -> None:
    """At the full assortment; in a small one several offers on a product compete, which the closed form leaves out."""
    assert outcomes["probability"].sum() / outcomes["label"].sum() == pytest.approx(1.0, abs=0.15)
    ranked = outcomes.sort("probability")
    top, bottom = ranked.tail(ranked.height // 10), ranked.head(ranked.height // 2)
    assert top["probability"].mean() == pytest.approx(top["label"].mean(), rel=0.25)
    assert bottom["probability"].mean() == pytest.approx(bottom["label"].mean(), abs=0.01)


def test_what_the_log_will_redeem_is_foreseen_as_a_frequency(world: World) -> None:
    """Over all customers and live offers of a day, nothing assumed of what is shown next."""
    truth, day, customers = Truth(world, HORIZON), DAYS[2], np.arange(1, 1001)
    offers = world.state(day)["offers"]["offer_id"].to_numpy()
    pairs = np.repeat(customers, len(offers)), np.tile(offers, len(customers))
    probability = truth.unprompted_probability(day, *pairs)
    redeemed = pl.concat(
        pl.from_arrow(world.events(day + timedelta(days=ahead))["redemptions"]).select("customer_id", "offer_id")
        for ahead in range(HORIZON)
    ).unique()
    label = (
        pl.DataFrame({"customer_id": pairs[0].astype(np.int32), "offer_id": pairs[1]})
        .join(
            redeemed.with_columns(label=pl.lit(1)), on=["customer_id", "offer_id"], how="left", maintain_order="left"
        )["label"]
        .fill_null(0)
    )
    assert label.sum() > 400
    assert probability.sum() / label.sum() == pytest.approx(1.0, abs=0.2)
    shown_at_top = truth.redemption_probability(day, *pairs)
    assert auc(label, probability) > auc(label, shown_at_top) > 0.8


def test_the_truth_orders_far_better_than_chance(outcomes: pl.DataFrame) -> None:
    assert auc(outcomes["label"], outcomes["probability"]) > 0.8


def test_showing_an_offer_never_lowers_the_chance_of_buying(world: World, shown: dict[date, pl.DataFrame]) -> None:
    truth, day = Truth(world, HORIZON), DAYS[0]
    ids = shown[day]["customer_id"].to_numpy(), shown[day]["offer_id"].to_numpy()
    lift = truth.purchase_probability(day, *ids, is_shown=True) - truth.purchase_probability(day, *ids, is_shown=False)
    assert lift.min() >= -1e-12
    assert lift.max() > 0.02


def test_a_higher_place_is_never_worse(world: World, shown: dict[date, pl.DataFrame]) -> None:
    truth, day = Truth(world, HORIZON), DAYS[0]
    ids = shown[day]["customer_id"].to_numpy(), shown[day]["offer_id"].to_numpy()
    top, last = (truth.redemption_probability(day, *ids, np.full(len(ids[0]), place)) for place in (1, 10))
    assert (top >= last - 1e-12).all()
    assert top.mean() > last.mean()


def test_the_margin_at_any_of_some_places_is_the_mean_of_the_margins_at_each(
    world: World, shown: dict[date, pl.DataFrame]
) -> None:
    truth, day = Truth(world, HORIZON), DAYS[0]
    ids = shown[day]["customer_id"].to_numpy()[:500], shown[day]["offer_id"].to_numpy()[:500]
    top, last, either = (truth.margin_change_ron(day, *ids, places) for places in ((1,), (10,), (1, 10)))
    assert (top == truth.margin_change_ron(day, *ids)).all()
    assert either == pytest.approx((top + last) / 2, rel=1e-9, abs=1e-12)
    assert np.abs(last).sum() < np.abs(top).sum()


def test_an_offer_that_is_not_live_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="live on the day"):
        Truth(world, HORIZON).redemption_probability(DAYS[0], np.array([1]), np.array([1]))
