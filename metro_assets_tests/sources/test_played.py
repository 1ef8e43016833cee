"""A policy in the logging policy's place: it changes what its offers change, and nothing else of the world."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Sizes
from metro_assets.sources.synthetic.played import Chosen, PlayedExposure
from metro_assets.sources.synthetic.slates import POLICY
from metro_assets.sources.synthetic.world import World

START = date(2026, 3, 2)
DAYS = [START + timedelta(days=offset) for offset in range(6)]


@pytest.fixture(scope="module")
def world() -> World:
    return World(Sizes(customers=160, products=150, live_offers=40, history_days=40), 3, START - timedelta(days=40))


def logged(world: World, day: date) -> Chosen:
    """What the logging policy shows."""
    slates = world.exposure.slates(day.toordinal())
    own = slates.arm == POLICY
    return Chosen(slates.customer[own] + 1, slates.offer_id[own], slates.position[own], slates.propensity[own])


def only(chosen: Chosen, customers: np.ndarray) -> Chosen:
    kept = np.isin(chosen.customer_id, customers)
    return Chosen(*(getattr(chosen, name)[kept] for name in ("customer_id", "offer_id", "position", "propensity")))


def path(world: World, policy: str, choose) -> dict[str, pl.DataFrame]:
    """Everything that happens while `choose(day)` is played, one frame per table."""
    exposure = PlayedExposure(world, policy, START)
    played, days = world.shown_by(exposure), []
    for day in DAYS:
        exposure.play(day, choose(day))
        days.append({name: pl.from_arrow(rows) for name, rows in played.events(day).items()})
    return {name: pl.concat([day[name] for day in days]) for name in days[0]}


@pytest.fixture(scope="module")
def as_logged(world: World) -> dict[str, pl.DataFrame]:
    return path(world, "copy", lambda day: logged(world, day))


@pytest.fixture(scope="module")
def nothing(world: World) -> dict[str, pl.DataFrame]:
    return path(world, "nothing", lambda day: Chosen.nothing())


def test_who_plays_what_the_log_shows_lives_through_the_logged_days(
    world: World, as_logged: dict[str, pl.DataFrame]
) -> None:
    for name, rows in as_logged.items():
        log = pl.concat([pl.from_arrow(world.events(day)[name]) for day in DAYS])
        if name == "impressions":
            assert set(rows["policy"]) == {"copy", "exploration-v1"}
            rows, log = rows.drop("policy"), log.drop("policy")
        assert rows.equals(log), name


def test_the_same_policy_twice_gives_the_same_path(world: World, as_logged: dict[str, pl.DataFrame]) -> None:
    again = path(world, "copy", lambda day: logged(world, day))
    assert all(again[name].equals(rows) for name, rows in as_logged.items())


def test_policies_share_arms_random_slates_and_web_visits(
    as_logged: dict[str, pl.DataFrame], nothing: dict[str, pl.DataFrame]
) -> None:
    assert as_logged["assignments"].equals(nothing["assignments"])
    assert as_logged["web_visits"].equals(nothing["web_visits"])
    random = as_logged["impressions"].filter(pl.col("policy") == "exploration-v1")
    assert random.drop("impression_id").equals(nothing["impressions"].drop("impression_id"))


def test_policies_share_visits_and_needs(as_logged: dict[str, pl.DataFrame], nothing: dict[str, pl.DataFrame]) -> None:
    """A shown offer adds lines and lowers prices; it takes no needed line away and moves no quantity."""
    keys = ["order_id", "customer_id", "product_id", "quantity"]
    shown, unshown = as_logged["order_items"].select(keys), nothing["order_items"].select(keys)
    of_random_slates = set(nothing["impressions"]["customer_id"])
    lost = unshown.join(shown, on=keys, how="anti").filter(~pl.col("customer_id").is_in(of_random_slates))
    assert lost.is_empty()
    added = shown.join(unshown, on=keys, how="anti")
    paid = as_logged["order_items"].join(added, on=keys, how="semi")
    assert paid["offer_id"].is_not_null().all()
    assert (
        as_logged["orders"].select("order_id", "ordered_at").equals(nothing["orders"].select("order_id", "ordered_at"))
    )


def test_customers_who_see_the_same_buy_the_same(world: World, as_logged: dict[str, pl.DataFrame]) -> None:
    half = np.arange(1, 10_000, 2)
    other = path(world, "half", lambda day: only(logged(world, day), half))
    for name in ("orders", "order_items"):
        same = pl.col("customer_id") % 2 == 1
        assert other[name].filter(same).equals(as_logged[name].filter(same))
    assert not other["order_items"].equals(as_logged["order_items"])


def test_a_policy_shows_to_those_in_its_arm_what_is_live_in_order(world: World) -> None:
    exposure = PlayedExposure(world, "p", START)
    chosen = logged(world, START)
    outside = np.setdiff1d(np.arange(1, 161), exposure.due(START))[:1]
    one = only(chosen, chosen.customer_id[:1])
    cases = {
        "due in its arm": Chosen(outside, one.offer_id[:1], np.array([1]), np.ones(1)),
        "live offers": Chosen(one.customer_id[:1], np.array([-1]), np.array([1]), np.ones(1)),
        "1, 2, …": Chosen(one.customer_id[:1], one.offer_id[:1], np.array([2]), np.ones(1)),
    }
    for message, wrong in cases.items():
        with pytest.raises(ValueError, match=message):
            exposure.play(START, wrong)
    exposure.play(START, chosen)
    with pytest.raises(ValueError, match="played already"):
        exposure.play(START, chosen)
    with pytest.raises(ValueError, match="before the start"):
        exposure.play(START - timedelta(days=1), chosen)


def test_a_day_that_was_not_played_is_not_known(world: World) -> None:
    exposure = PlayedExposure(world, "p", START)
    with pytest.raises(LookupError, match="2026-03-02 has not been played yet"):
        world.shown_by(exposure).events(START)
    before = START - timedelta(days=1)
    assert pl.from_arrow(world.shown_by(exposure).events(before)["orders"]).equals(
        pl.from_arrow(world.events(before)["orders"])
    )
