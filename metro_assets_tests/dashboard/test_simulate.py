"""The page simulate: an unchanged customer is the published one, and what is changed shows where it must."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from metro_assets.config import load_settings
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.simulation.differences import Cause, Kind
from metro_assets.dashboard.simulation.scenario import Scenario
from metro_assets.dashboard.simulation.scorers import CannotScoreError
from metro_assets.dashboard.simulation.simulator import Simulation, everybody_of, simulate
from metro_assets.serving.queries import RecommendationReader, UnknownCustomerError
from metro_assets_tests.conftest import ALGORITHMS, RUN_DATE
from metro_assets_tests.dashboard.conftest import serious_violations


@pytest.fixture(scope="module")
def desk(ran: Path) -> Iterator[Desk]:
    settings = load_settings(ran)
    reader = RecommendationReader(ran, settings.engine)
    yield Desk(settings, reader)
    reader.close()


def table(desk: Desk, name: str, where: str = "true") -> pl.DataFrame:
    """Rows of the run date, without its column."""
    with desk.reading() as connection:
        rows: pl.DataFrame = desk.table(connection, name, [RUN_DATE]).filter(where).pl()
    return rows.drop("run_date", strict=False)


def play(desk: Desk, customer: int, **asked: object) -> Simulation:
    return simulate(desk, Scenario.model_validate({"customer": customer, **asked}))


@pytest.fixture(scope="module")
def customer(desk: Desk) -> int:
    """A customer with a full slate who buys often."""
    return desk.opened().some_customer()


def some_customers(desk: Desk) -> list[int]:
    """Customers of every segment, one who bought nothing or may be sent nothing among them."""
    people = table(desk, "customers").join(table(desk, "customer_features"), on="customer_id").sort("customer_id")
    may_be_sent = pl.any_horizontal("has_email_consent", "has_sms_consent", "has_whatsapp_consent")
    people = people.with_columns(is_usual=may_be_sent & (pl.col("frequency_orders") > 0))
    firsts = people.filter("is_usual").unique("segment", keep="first", maintain_order=True)
    return [*firsts["customer_id"], *people.filter(~pl.col("is_usual"))["customer_id"].head(2)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_unchanged_customer_is_the_published_one(desk: Desk, algorithm: str) -> None:
    customers = some_customers(desk)
    assert len(customers) >= 5
    for customer in customers:
        simulation = play(desk, customer, algorithm=algorithm)
        own = f"customer_id = {customer}"
        by = f"{own} and algorithm = '{algorithm}'"
        published = table(desk, "recommendations", by).sort("rank")
        again = simulation.after.slate.select(published.columns).cast(dict(published.schema))
        assert again.equals(published), customer
        candidates = simulation.after.candidates
        for name, where in (("interaction_features", own), ("scored_candidates", by), ("candidate_pool", own)):
            stored = table(desk, name, where).sort("offer_id").drop("customer_id", "algorithm", strict=False)
            assert candidates.select(stored.columns).cast(dict(stored.schema)).equals(stored), (customer, name)
        features = table(desk, "customer_features", own).drop("customer_id").row(0, named=True)
        assert simulation.after.features == features
        short = table(desk, "recommendation_shortfalls", by)["reason"].to_list()
        assert [simulation.after.shortfall] == (short or [None])
        assert simulation.is_reproduced
        assert {move.kind for move in simulation.moves} <= {Kind.SAME}


def test_buying_a_product_more_often_shows_in_its_features(desk: Desk, customer: int) -> None:
    start = play(desk, customer)
    offer = start.after.slate.row(9, named=True)
    seen = []
    for times in (1, 5, 20):
        played = play(desk, customer, product=[offer["product_id"]], times=[times], last=[4])
        rows = {row["offer_id"]: row for row in played.after.candidates.iter_rows(named=True)}
        seen.append(rows[offer["offer_id"]]["product_purchases"])
        bought = played.after.bought.filter(pl.col("product_id") == offer["product_id"]).row(0, named=True)
        assert bought["order_count"] == times
        assert (RUN_DATE - bought["last_date"]).days == 4
    assert seen == sorted(seen)
    assert seen[2] - seen[0] == 20 - 1


def test_a_rhythm_shows_in_recency_and_frequency(desk: Desk, customer: int) -> None:
    after = play(desk, customer, every=10).after.features
    assert after["frequency_orders"] in (9, 10)
    assert after["recency_days"] is not None
    assert after["recency_days"] <= 10


def test_baskets_shares_and_prices_come_out_as_asked(desk: Desk, customer: int) -> None:
    played = play(desk, customer, basket=1500, promo=60, depth=25, category=["SEAFOOD"], share=[30])
    after, habits = played.after.features, played.new_habits
    assert after["avg_basket_ron"] == pytest.approx(1500, rel=1e-3)
    assert after["promo_affinity"] == pytest.approx(0.6, abs=0.05)
    assert habits.depth == pytest.approx(0.25, abs=0.001)
    assert habits.shares["SEAFOOD"] == pytest.approx(0.3, abs=0.001)


def test_another_segment_gets_what_that_segment_buys(desk: Desk, customer: int) -> None:
    start = play(desk, customer)
    other = next(name for name in ("TRADER", "HORECA") if name != start.customer["segment"])
    played = play(desk, customer, as_segment=other)
    assert played.after.features == start.after.features
    ranks = ["offer_id", "segment_popularity_rank"]
    assert not played.after.candidates.select(ranks).equals(start.after.candidates.select(ranks))


def test_every_move_has_its_kind_and_its_reason(desk: Desk, customer: int) -> None:
    played = play(desk, customer, every=30, promo=90)
    before = dict(played.before.slate.select("offer_id", "rank").iter_rows())
    after = dict(played.after.slate.select("offer_id", "rank").iter_rows())
    assert {move.offer["offer_id"] for move in played.moves} == before.keys() | after.keys()
    for move in played.moves:
        assert (move.before_rank, move.after_rank) == (
            before.get(move.offer["offer_id"]),
            after.get(move.offer["offer_id"]),
        )
        assert (move.cause is not None) == (move.kind in {Kind.IN, Kind.OUT})
        if move.cause is Cause.NOT_FOUND:
            assert move.after_score is None
        for effect in move.effects:
            assert effect.before != effect.after


def test_a_feature_that_moves_alone_moves_the_score_by_its_effect(desk: Desk, customer: int) -> None:
    start = play(desk, customer)
    types = everybody_of(desk, start.publication).kinds
    other = types.filter(pl.col("segment") != start.customer["segment"])["segment"][0]
    played = play(desk, customer, as_segment=other, algorithm="boosted_trees")
    alone = [move for move in played.moves if len(move.effects) == 1]
    for move in alone:
        assert move.before_score is not None
        assert move.after_score is not None
        assert move.after_score - move.before_score == pytest.approx(move.effects[0].change, abs=1e-6)


def test_a_segment_starts_from_a_real_customer_of_it(desk: Desk) -> None:
    typical = everybody_of(desk, desk.opened().publication).typical
    assert set(typical) >= {"HORECA", "TRADER"}
    played = simulate(desk, Scenario(segment="TRADER"))
    assert (played.customer["customer_id"], played.customer["segment"]) == (typical["TRADER"], "TRADER")
    assert played.before.features["frequency_orders"]
    with pytest.raises(UnknownCustomerError):
        simulate(desk, Scenario(segment="NOBODY"))


def test_who_is_unknown_or_cannot_be_scored_is_refused(desk: Desk, customer: int) -> None:
    with pytest.raises(UnknownCustomerError):
        play(desk, 10**8)
    with pytest.raises(CannotScoreError, match="wide_deep"):
        play(desk, customer, algorithm="wide_deep")
    with pytest.raises(CannotScoreError) as refused:
        play(desk, customer, algorithm="astrology")
    assert refused.value.code == "unknown_algorithm"


def test_the_page_shows_the_slate_and_what_changes(pages: TestClient, customer: int) -> None:
    unchanged = pages.get(f"/simulate?customer={customer}")
    assert unchanged.status_code == 200
    assert "Nothing is changed yet" in unchanged.text
    changed = pages.get(f"/simulate?customer={customer}&every=20&promo=80")
    assert re.search(r"\d+ in, \d+ out", changed.text)
    assert f'value="{customer}"' in changed.text
    assert "all;dur=" in changed.headers["Server-Timing"]
    outcome = pages.get(f"/simulate/outcome?customer={customer}&every=20&promo=80")
    assert f'data-address="/simulate?customer={customer}&amp;every=20&amp;promo=80"' in outcome.text
    assert "<form" not in outcome.text


def test_a_form_without_scripts_sends_its_empty_fields(pages: TestClient, customer: int) -> None:
    empty = "segment=&date=&algorithm=&as_segment=&as_type=&every=&lines=&basket=&promo=&depth=&category=SEAFOOD&share="
    sent = pages.get(f"/simulate?customer={customer}&{empty}&product=&times=&last=")
    assert sent.status_code == 200
    assert "Nothing is changed yet" in sent.text


def test_the_table_has_both_slates(pages: TestClient, desk: Desk, customer: int) -> None:
    answer = pages.get(f"/simulate?customer={customer}&every=30&format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = pl.read_csv(answer.content)
    played = play(desk, customer, every=30)
    assert rows["offer_id"].to_list() == [move.offer["offer_id"] for move in played.moves]
    assert rows["after_rank"].to_list()[:3] == [1, 2, 3]


def test_errors_are_pages_that_say_what_to_do(pages: TestClient, customer: int) -> None:
    for address, status in (
        ("customer=99999999", 404),
        ("segment=NOBODY", 404),
        (f"customer={customer}&every=0", 422),
        (f"customer={customer}&category=SEAFOOD", 422),
        (f"customer={customer}&date=2020-01-01", 404),
    ):
        answer = pages.get(f"/simulate?{address}")
        assert answer.status_code == status, address
        assert "<h1>" in answer.text
    cannot = pages.get(f"/simulate?customer={customer}&algorithm=astrology")
    assert "cannot be computed again" in cannot.text
    assert f"/simulate?customer={customer}&amp;algorithm=logistic" in cannot.text


@pytest.mark.parametrize("hostile", ['"><script>alert(1)</script>', "‮evil", "x" * 80, "'; drop table customers;--"])
def test_what_is_asked_for_is_never_markup(pages: TestClient, customer: int, hostile: str) -> None:
    asked = {"customer": customer, "as_segment": hostile, "as_type": hostile, "category": hostile, "share": 10}
    for path in ("/simulate", "/simulate/outcome"):
        answer = pages.get(path, params=asked)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text


def test_romanian_is_romanian(pages: TestClient, customer: int) -> None:
    text = pages.get(f"/simulate?customer={customer}&every=20", headers={"Accept-Language": "ro"}).text
    assert "Simulează un client" in text
    assert "RON" in text


def test_products_are_found_by_the_words_of_their_name(pages: TestClient, desk: Desk) -> None:
    products = everybody_of(desk, desk.opened().publication).assortment.products
    name = str(products["name"][0])
    found = pages.get("/simulate/products", params={"q": " ".join(reversed(name.split()))}).json()
    assert {"id": products["product_id"][0], "name": name} in found
    assert pages.get("/simulate/products").json() == []


def test_what_belongs_to_everybody_keeps_no_name_that_a_query_takes(desk: Desk) -> None:
    everybody = everybody_of(desk, desk.opened().publication)
    with everybody.opening() as opening:
        names = [name for (name,) in opening.cursor.sql("select table_name from duckdb_tables()").fetchall()]
        assert names
        assert all(name.startswith("remembered_") for name in names)
        with pytest.raises(duckdb.CatalogException):
            opening.table("nothing")


@pytest.mark.slow
def test_the_offers_follow_the_form(site: str, page: Page, customer: int) -> None:
    page.goto(f"{site}/simulate?customer={customer}")
    page.get_by_label("Days between orders").fill("30")
    expect(page.locator("#outcome")).to_contain_text("up,", timeout=20_000)
    expect(page).to_have_url(re.compile(rf"/simulate\?customer={customer}&every=30$"))
    expect(page.locator("#announcement")).to_contain_text("Offers computed")
    # Focus stays in the field that is being typed into.
    assert page.evaluate("document.activeElement.id") == "every"
    shown = page.locator("#outcome .price-tag h3").all_inner_texts()
    page.reload()
    assert page.locator("#outcome .price-tag h3").all_inner_texts() == shown
    assert page.get_by_label("Days between orders").input_value() == "30"
    page.get_by_role("link", name="As they are").click()
    expect(page.locator("#outcome")).to_contain_text("Nothing is changed yet")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_scenario_is_accessible(site: str, page: Page, customer: int, theme: str) -> None:
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.goto(f"{site}/simulate?customer={customer}&every=25&promo=70&category=SEAFOOD&share=20")
        assert serious_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
