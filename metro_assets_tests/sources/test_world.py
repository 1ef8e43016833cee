"""The world: the same day whatever the order, and the laws of a till, a flyer and a log that hold in it."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from metro_assets.config import Sizes
from metro_assets.pricing import OfferTerms, PriceTiers, offer_unit_price, reached_tier, tier_unit_price
from metro_assets.sources.synthetic.world import World
from metro_assets.vocabulary import Category, OfferMechanic

SIZES = Sizes(customers=600, products=400, live_offers=60, history_days=90)
START = date(2026, 1, 5)
DAY = START + timedelta(days=40)


@pytest.fixture(scope="module")
def world() -> World:
    return World(SIZES, seed=11, first_day=START)


def frames(tables: dict) -> dict[str, pl.DataFrame]:
    return {name: rows if isinstance(rows, pl.DataFrame) else pl.from_arrow(rows) for name, rows in tables.items()}


def state(world: World, day: date) -> dict[str, pl.DataFrame]:
    return frames(world.state(day))


@pytest.fixture(scope="module")
def events(world: World) -> dict[str, pl.DataFrame]:
    """Three weeks of events, one frame per table."""
    days = [frames(world.events(DAY + timedelta(days=offset))) for offset in range(21)]
    return {name: pl.concat([day[name] for day in days]) for name in days[0]}


def tiers_of(rows: pl.DataFrame) -> PriceTiers:
    return PriceTiers(*(rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in PriceTiers._fields))


def test_the_same_seed_gives_the_same_day_alone_or_after_others_in_any_order(world: World) -> None:
    fresh = World(SIZES, seed=11, first_day=START)
    for offset in (3, 0, 9, 1):
        day = DAY + timedelta(days=offset)
        for first, second in ((world.events(day), fresh.events(day)), (world.state(day), fresh.state(day))):
            for name, rows in frames(first).items():
                assert rows.equals(frames(second)[name]), (name, day)


def test_another_seed_gives_another_world(world: World) -> None:
    other = World(SIZES, seed=12, first_day=START)
    assert not frames(world.events(DAY))["orders"].equals(frames(other.events(DAY))["orders"])


def test_every_customer_has_a_valid_fiscal_code(world: World) -> None:
    customers = world.customers()
    weights = [7, 5, 3, 2, 1, 7, 5, 3, 2]
    for code in customers["cui"]:
        body = code[:-1].zfill(9)
        total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
        assert total * 10 % 11 % 10 == int(code[-1])
    assert customers["cui"].n_unique() == customers.height
    shares = dict(customers["segment"].value_counts(normalize=True).iter_rows())
    assert shares["HORECA"] == pytest.approx(0.50, abs=0.06)


def test_the_assortment_keeps_the_rules_of_the_seed(world: World) -> None:
    products = world.products()
    assert products["name"].n_unique() == products.height
    assert set(products["category"]) == {str(category) for category in Category}
    tiered = products.filter(pl.col("tier3_price_ron").is_not_null())
    assert 0.6 < tiered.height / products.height < 0.9
    second = 1 - products["tier2_price_ron"] / products["base_price_ron"]
    third = 1 - tiered["tier3_price_ron"] / tiered["base_price_ron"]
    assert 0.04 < second.min() < second.max() < 0.16
    assert 0.14 < third.min() < third.max() <= 0.40
    assert (tiered["tier3_price_ron"] < tiered["tier2_price_ron"]).all()
    assert (products["cost_ron"] < products["base_price_ron"]).all()


def test_exactly_so_many_offers_are_live_and_each_is_the_same_on_all_its_days(world: World) -> None:
    today, tomorrow = (state(world, DAY + timedelta(days=ahead))["offers"] for ahead in (0, 1))
    assert today.height == SIZES.live_offers
    assert set(today["mechanic"]) == {str(mechanic) for mechanic in OfferMechanic}
    assert ((today["valid_from_date"] <= DAY) & (today["valid_to_date"] >= DAY)).all()
    both = today.join(tomorrow, on="offer_id", how="semi").sort("offer_id")
    assert 0.5 < both.height / today.height < 1
    assert both.equals(tomorrow.join(today, on="offer_id", how="semi").sort("offer_id"))


def test_every_offer_has_products_of_its_category_and_one_of_them_leads(world: World) -> None:
    tables = state(world, DAY)
    sets = tables["offer_products"].join(world.products(), on="product_id")
    sets = sets.join(tables["offers"], on="offer_id", suffix="_offer")
    assert (sets["category"] == sets["category_offer"]).all()
    leads = tables["offer_products"].group_by("offer_id").agg(pl.col("is_anchor").sum())
    assert (leads["is_anchor"] == 1).all()
    assert set(leads["offer_id"]) == set(tables["offers"]["offer_id"])


def test_no_offer_gives_a_product_of_its_set_away(world: World) -> None:
    base = dict(world.products().select("product_id", "base_price_ron").iter_rows())
    for offset in range(0, 60, 10):
        tables = state(world, DAY + timedelta(days=offset))
        rows = tables["offer_products"].join(tables["offers"], on="offer_id").join(world.products(), on="product_id")
        numbers = {
            name: rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            for name in ("discount_share", "discount_ron", "minimum_quantity", "free_quantity", "unlocked_tier")
        }
        gift = np.array([base.get(number, np.nan) for number in rows["gift_product_id"]], dtype=float)
        benefit, stacks = rows["benefit"].to_numpy().astype(str), rows["stacks_with_tiers"].to_numpy()
        terms = OfferTerms(benefit, stacks, gift_value_ron=gift, **numbers)
        for quantity in (1.0, 6.0, 24.0):
            price = offer_unit_price(np.full(len(rows), quantity), tiers_of(rows), terms)
            assert (price / rows["base_price_ron"].to_numpy()).min() > 0.15


def test_an_order_is_the_sum_of_its_lines(events: dict[str, pl.DataFrame]) -> None:
    lines = events["order_items"].group_by("order_id").agg(pl.len(), pl.col("net_ron").sum())
    joined = events["orders"].join(lines, on="order_id", how="left", suffix="_lines")
    assert lines.height == events["orders"].height
    assert (joined["line_count"] == joined["len"]).all()
    assert (joined["net_ron"] - joined["net_ron_lines"]).abs().max() < 0.005
    assert events["order_items"].select("order_id", "product_id").is_duplicated().sum() == 0


def test_a_line_without_an_offer_costs_the_tier_price(world: World, events: dict[str, pl.DataFrame]) -> None:
    products = world.products().filter(~pl.col("is_tagespreis"))
    lines = events["order_items"].filter(pl.col("offer_id").is_null()).join(products, on="product_id")
    quantity, tiers = lines["quantity"].cast(pl.Float64).to_numpy(), tiers_of(lines)
    assert np.allclose(lines["unit_price_ron"].to_numpy(), tier_unit_price(quantity, tiers), atol=0.005)
    assert (lines["tier"].to_numpy() == reached_tier(quantity, tiers)).all()


def test_a_redemption_is_a_line_of_a_real_order(events: dict[str, pl.DataFrame]) -> None:
    redemptions, lines = events["redemptions"], events["order_items"]
    joined = redemptions.join(lines, on=["order_id", "product_id", "customer_id", "offer_id"], how="left")
    assert joined["net_ron"].null_count() == 0
    assert redemptions.height == lines["offer_id"].count()
    assert (redemptions["discount_ron"] >= 0).all()


def test_a_redemption_with_an_impression_follows_it(events: dict[str, pl.DataFrame]) -> None:
    shown = events["redemptions"].filter(pl.col("impression_id").is_not_null())
    joined = shown.join(events["impressions"], on="impression_id", how="inner")
    assert joined.height > 100
    assert (joined["customer_id"] == joined["customer_id_right"]).all()
    assert (joined["offer_id"] == joined["offer_id_right"]).all()
    assert (joined["redeemed_at"] > joined["shown_at"]).all()


def test_only_a_catalogue_offer_is_redeemed_unseen(world: World, events: dict[str, pl.DataFrame]) -> None:
    offers = pl.concat([state(world, DAY + timedelta(days=offset))["offers"] for offset in range(21)])
    kinds = offers.select("offer_id", "is_personal").unique()
    used = events["redemptions"].join(kinds, on="offer_id")
    personal, catalogue = used.filter(pl.col("is_personal")), used.filter(~pl.col("is_personal"))
    assert personal.height > 0
    assert personal["impression_id"].null_count() == 0
    assert catalogue["impression_id"].null_count() > 0


def test_slates_hold_ten_offers_once_and_propensities_are_probabilities(events: dict[str, pl.DataFrame]) -> None:
    slates = (
        events["impressions"]
        .group_by("slate_id")
        .agg(pl.len(), pl.col("offer_id", "policy").n_unique(), pl.col("position").sum().alias("places"))
    )
    assert (slates["len"] == 10).all()
    assert (slates["offer_id"] == 10).all()
    assert (slates["places"] == 55).all()
    assert (slates["policy"] == 1).all()
    assert events["impressions"]["propensity"].is_between(0, 1, closed="right").all()


def test_exploration_is_uniform_over_what_is_eligible(events: dict[str, pl.DataFrame]) -> None:
    explored = events["impressions"].filter(pl.col("policy") == "exploration-v1")
    assert explored.height > 300
    assert (explored.group_by("slate_id").agg(pl.col("propensity").n_unique())["propensity"] == 1).all()


def test_propensities_are_the_frequencies_with_which_offers_are_shown(world: World) -> None:
    """Inverse propensities of what was shown add up to the number of eligible offers (Horvitz and Thompson 1952)."""
    ratios = []
    for offset in range(0, 60, 3):
        slates = world.exposure.slates((DAY + timedelta(days=offset)).toordinal())
        eligible = world.exposure._shares(slates.day, slates.customer[::10], slates.arm[::10]) > 0
        ratios.append((1 / slates.propensity).sum() / eligible.sum())
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)


def test_the_hold_out_is_shown_nothing_and_arms_have_their_shares(events: dict[str, pl.DataFrame]) -> None:
    arms = events["assignments"]
    shares = dict(arms["arm"].value_counts(normalize=True).iter_rows())
    assert shares == pytest.approx({"POLICY": 0.8, "EXPLORATION": 0.1, "HOLDOUT": 0.1}, abs=0.04)
    held = arms.filter(pl.col("arm") == "HOLDOUT").select("customer_id", "recorded_date")
    assert events["impressions"].join(held, on=["customer_id", "recorded_date"], how="semi").height == 0


def test_nobody_is_shown_an_offer_without_consent(world: World, events: dict[str, pl.DataFrame]) -> None:
    columns = {"EMAIL": "has_email_consent", "SMS": "has_sms_consent", "WHATSAPP": "has_whatsapp_consent"}
    shown = events["impressions"].join(world.customers(), on="customer_id")
    for channel, column in columns.items():
        assert shown.filter(pl.col("channel") == channel)[column].all()
    assert set(shown["channel"]) <= set(columns)


def test_some_orders_are_recorded_late(events: dict[str, pl.DataFrame]) -> None:
    late = events["orders"].filter(pl.col("recorded_date") > pl.col("ordered_at").dt.date())
    assert 0 < late.height / events["orders"].height < 0.02


def test_before_christmas_a_day_has_more_than_twice_the_lines_and_baskets_do_not_shrink() -> None:
    world = World(
        Sizes(customers=400, products=1000, live_offers=60, history_days=90), seed=3, first_day=date(2026, 9, 1)
    )

    def mean_day(first: date, days: int) -> tuple[float, float]:
        orders = [world.events(first + timedelta(days=day))["orders"]["line_count"].to_pylist() for day in range(days)]
        return sum(map(len, orders)) / days, sum(map(sum, orders)) / days

    (visits, lines), (usual_visits, usual_lines) = mean_day(date(2026, 12, 21), 4), mean_day(date(2026, 10, 12), 4)
    assert 2.0 < lines / usual_lines < 2.6
    assert lines / visits > usual_lines / usual_visits
