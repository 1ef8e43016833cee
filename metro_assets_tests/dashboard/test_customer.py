"""A customer's page: its numbers are the tables', lists are compared, rules said, and every state has a page."""

import math
import re
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from metro_assets.config import Selection, load_settings
from metro_assets.dashboard.catalogue import say
from metro_assets.dashboard.customer.portrait import Segment, category_shares, rhythm
from metro_assets.dashboard.customer.receipt import way_in
from metro_assets.dashboard.customer.standing import Fate, ScoredOffer, Showings, moves, placed
from metro_assets.dashboard.formats import Formats
from metro_assets.dashboard.reasons import reason_in
from metro_assets.serving.schemas import Recommendation
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import RUN_DATE
from metro_assets_tests.dashboard.conftest import pages_of, serious_violations

Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def rows(ran: Path) -> Rows:
    """`rows("recommendations", "customer_id = 3")`: rows of the run date as they are stored."""
    warehouse = Warehouse(ran, load_settings(ran).engine)

    def read(table: str, where: str = "true", day: date | None = RUN_DATE) -> list[dict[str, Any]]:
        with warehouse.connection(threads=1) as connection:
            found = warehouse.read(connection, table, [day] if day else None).filter(where)
            return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    return read


@pytest.fixture(scope="module")
def customer_id(rows: Rows) -> int:
    """A customer with ten offers by both algorithms and a long history."""
    counts = pl.DataFrame(rows("recommendations")).group_by("customer_id").len().filter(pl.col("len") == 20)
    features = pl.DataFrame(rows("customer_features"), infer_schema_length=None)
    return int(counts.join(features, on="customer_id").sort("frequency_orders", "customer_id")["customer_id"][-1])


def text(page: str) -> str:
    """What a page says, with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("&#39;", "'").replace("&amp;", "&")


# who they are ----------------------------------------------------------------------------------------------------


def test_the_calendar_shades_days_by_the_quarter_of_their_spend() -> None:
    first = date(2026, 5, 6)  # a Wednesday
    spend = {first: [10.0, 5.0], first + timedelta(days=5): [100.0], first + timedelta(days=6): [40.0]}
    found = rhythm(spend, first, first + timedelta(days=8))
    assert [day.order_count for day in found.days] == [2, 0, 0, 0, 0, 1, 1, 0]
    # Quarters of 15, 40, 100 are at 27.5, 40 and 70.
    assert [day.level for day in found.days] == [1, 0, 0, 0, 0, 4, 2, 0]
    assert [day.week for day in found.days] == [0, 0, 0, 0, 0, 1, 1, 1]
    assert [day.weekday for day in found.days] == [2, 3, 4, 5, 6, 0, 1, 2]
    assert found.busiest == (date(2026, 5, 11), 1)


def test_a_calendar_without_orders_has_no_busiest_day() -> None:
    found = rhythm({}, date(2026, 5, 1), date(2026, 5, 4))
    assert found.busiest is None
    assert found.with_order == []


def test_categories_are_shares_of_spend_and_those_of_the_segment_only_come_last() -> None:
    products = pl.DataFrame({"category": ["A", "B", "A"], "net_ron": [30.0, 25.0, 45.0]})
    found = category_shares(products, Segment(9, {}, {"A": 0.4, "C": 0.6}))
    assert [(one.category, one.share, one.segment_share) for one in found] == [
        ("A", (30 + 45) / 100, 0.4),
        ("B", 25 / 100, 0.0),
        ("C", 0.0, 0.6),
    ]
    assert category_shares(products.clear(), None) == []


def test_the_page_says_what_the_tables_hold(pages: TestClient, rows: Rows, customer_id: int) -> None:
    answer = pages.get(f"/customers/{customer_id}", headers={"accept-language": "en"})
    assert answer.status_code == 200
    said, f = text(answer.text), Formats("en")
    who = rows("customers", f"customer_id = {customer_id}", None)[0]
    assert who["name"] in said
    assert f.day(who["registered_date"]) in said
    features = rows("customer_features", f"customer_id = {customer_id}")[0]
    assert f.ron(features["monetary_ron"], 0 if features["monetary_ron"] >= 1000 else 2) in said
    assert f.share(features["own_brand_share"], 1) in said
    ordered = {
        row["run_date"]
        for row in rows("orders", f"customer_id = {customer_id}", None)
        if RUN_DATE - timedelta(days=90) <= row["run_date"] < RUN_DATE
    }
    assert say("en", "customer.rhythm_text", days=len(ordered), all=90, day=f.day(RUN_DATE)) in said
    bought = max(rows("customer_products", f"customer_id = {customer_id}"), key=lambda row: row["net_ron"])
    name = rows("products", f"product_id = {bought['product_id']}", None)[0]["name"]
    assert f"{name} {bought['order_count']} " in said
    assert f.day(bought["last_date"] + timedelta(days=round(bought["cycle_days"]))) in said


# price tags ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ro"])
def test_a_tag_says_price_saving_tiers_and_reason(
    pages: TestClient, rows: Rows, customer_id: int, language: Any
) -> None:
    said = text(pages.get(f"/customers/{customer_id}?algorithm=logistic", headers={"accept-language": language}).text)
    f = Formats(language)
    offers = rows("recommendations", f"customer_id = {customer_id} and algorithm = 'logistic'")
    assert len(offers) == 10
    for offer in offers:
        assert offer["product_name"] in said
        assert reason_in(language, offer["reason"]) in said
        assert f.number(offer["base_price_ron"], 2) in said
        assert f.share(offer["score"], 2) in said
        if offer["saving_ron"]:
            usual = f.quantity(offer["usual_quantity"])
            assert f.ron(round(offer["offer_unit_price_ron"], 6)) in said
            amount = f.ron(offer["saving_ron"])
            assert say(language, "price_tag.saves", amount=amount, quantity=usual, unit=offer["unit"]) in said


def test_the_best_tier_has_its_place_however_many_there_are(pages: TestClient, rows: Rows) -> None:
    offers = rows("recommendations", "algorithm = 'boosted_trees' and rank <= 10")
    for count, is_it in {
        1: lambda row: row["tier2_quantity"] is None,
        2: lambda row: row["tier2_quantity"] is not None and row["tier3_quantity"] is None,
        3: lambda row: row["tier3_quantity"] is not None,
    }.items():
        offer = next((row for row in offers if is_it(row)), None)
        if offer is None:
            continue
        page = pages.get(f"/customers/{offer['customer_id']}?algorithm=boosted_trees").text
        tag = re.split(r'<article class="price-tag">', page)[offer["rank"]]
        cells = re.findall(r"<td( class=\"best\")?>\s*([^<\s]+)", tag)
        prices = [offer["base_price_ron"], offer["tier2_price_ron"], offer["tier3_price_ron"]][:count]
        f = Formats("en")
        assert [is_best for is_best, _ in cells] == ["", "", ' class="best"']
        assert cells[2][1] == f.number(prices[-1], 2)
        assert [price for _, price in cells].count("–") == 3 - count


def test_the_file_of_offers_has_the_columns_of_the_contract(pages: TestClient, rows: Rows, customer_id: int) -> None:
    answer = pages.get(f"/customers/{customer_id}?algorithm=logistic&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="offers-{customer_id}-{RUN_DATE}-logistic.csv"'
    )
    found = pl.read_csv(answer.content).sort("rank").to_dicts()
    stored = rows("recommendations", f"customer_id = {customer_id} and algorithm = 'logistic'")
    for own, kept in zip(found, sorted(stored, key=lambda row: row["rank"]), strict=True):
        for name in ("customer_id", "algorithm", "rank", "offer_id", "score", "saving_ron", "reason", "product_name"):
            assert own[name] == (pytest.approx(kept[name], abs=1e-6) if isinstance(own[name], float) else kept[name]), (
                name
            )
        assert own["base_price_ron"] == float(kept["base_price_ron"])


# lists side by side ----------------------------------------------------------------------------------------------


def offer(offer_id: int, rank: int) -> Recommendation:
    return Recommendation.model_construct(offer_id=offer_id, rank=rank)


def test_moves_name_what_rises_falls_comes_and_goes() -> None:
    found = moves(
        [offer(7, 1), offer(8, 2), offer(9, 3), offer(5, 4)], [offer(8, 1), offer(7, 2), offer(9, 3), offer(4, 4)]
    )
    assert [(move.offer.offer_id, move.kind, move.steps) for move in found] == [
        (7, "UP", 1),
        (8, "DOWN", 1),
        (9, "SAME", 0),
        (5, "IN", 0),
        (4, "OUT", 0),
    ]


def test_another_algorithm_stands_beside(pages: TestClient, rows: Rows, customer_id: int) -> None:
    chosen = {
        name: {
            row["offer_id"] for row in rows("recommendations", f"customer_id = {customer_id} and algorithm = '{name}'")
        }
        for name in ("logistic", "boosted_trees")
    }
    said = text(
        pages.get(
            f"/customers/{customer_id}?algorithm=logistic&beside=boosted_trees", headers={"accept-language": "en"}
        ).text
    )
    both = len(chosen["logistic"] & chosen["boosted_trees"])
    assert say("en", "customer.moves_summary", kept=both, came=10 - both, went=10 - both) in said


def test_a_past_morning_stands_beside_or_alone(pages: TestClient, rows: Rows, customer_id: int) -> None:
    day = RUN_DATE - timedelta(days=7)
    past = rows("recommendations", f"customer_id = {customer_id} and algorithm = 'logistic'", day)
    alone = text(pages.get(f"/customers/{customer_id}?algorithm=logistic&date={day}").text)
    assert all(row["product_name"] in alone for row in past)
    beside = text(pages.get(f"/customers/{customer_id}?algorithm=logistic&beside={day}").text)
    assert say("en", "customer.moves", one=Formats("en").day(RUN_DATE), other=Formats("en").day(day)) in beside


# what was left out -----------------------------------------------------------------------------------------------


def scored(offer_id: int, score: float, category: str = "A", barrier: str | None = None) -> ScoredOffer:
    return ScoredOffer(offer_id, f"offer {offer_id}", None, "M", category, RUN_DATE, score, None, barrier)


def test_every_candidate_has_what_became_of_it() -> None:
    settings = Selection(slate_size=3, maximum_per_category=2)
    offers = [
        scored(1, 0.9, barrier="ALREADY_REDEEMED"),
        scored(2, 0.8),
        scored(3, 0.7),
        scored(4, 0.6),
        scored(5, 0.5, "B"),
        scored(6, 0.4, "B"),
        scored(7, 0.3),
    ]
    found = {one.offer.offer_id: one for one in placed(offers, [2, 3, 5], "logistic", settings)}
    assert {key: one.fate for key, one in found.items()} == {
        1: Fate.ALREADY_REDEEMED,
        2: Fate.CHOSEN,
        3: Fate.CHOSEN,
        4: Fate.CATEGORY_LIMIT,
        5: Fate.CHOSEN,
        6: Fate.OUTRANKED,
        7: Fate.OUTRANKED,
    }
    # 4 and 7 have to beat the worst of their full category, 6 the last of the list.
    assert {key: one.needed for key, one in found.items()} == {
        1: None,
        2: None,
        3: None,
        4: 0.7,
        5: None,
        6: 0.5,
        7: 0.7,
    }
    assert [one.place for one in found.values()] == [1, 2, 3, 4, 5, 6, 7]


def test_an_unknown_category_has_no_cap() -> None:
    settings = Selection(slate_size=2, maximum_per_category=1)
    offers = [scored(1, 0.9, "UNKNOWN"), scored(2, 0.8, "UNKNOWN"), scored(3, 0.7, "UNKNOWN")]
    assert placed(offers, [1, 2], "logistic", settings)[2].fate == Fate.OUTRANKED


def test_money_orders_where_the_policy_counts_it_and_chance_is_said_to_be_chance() -> None:
    settings = Selection(slate_size=1)
    dear, cheap = scored(1, 0.1)._replace(value_ron=5.0), scored(2, 0.9)._replace(value_ron=1.0)
    unknown = scored(3, 0.95)
    by_money = placed([cheap, dear, unknown], [1], "uplift", settings)
    assert [one.offer.offer_id for one in by_money] == [1, 2, 3]
    assert by_money[1].needed == 5.0
    drawn = placed([scored(1, 0.9), scored(2, 0.8)], [2], "thompson", settings)
    assert drawn[0].fate == Fate.NOT_DRAWN


def test_only_a_probability_has_log_odds_to_gain() -> None:
    settings = Selection(slate_size=1)
    row = placed([scored(1, 0.5), scored(2, 0.25)], [1], "logistic", settings)[1]
    way = way_in(row, "logistic")
    assert way is not None
    # From 1 : 3 to 1 : 1.
    assert way.log_odds_missing == pytest.approx(math.log(3))
    by_place = way_in(row, "retrieval")
    assert by_place is not None
    assert by_place.log_odds_missing is None
    assert way_in(placed([scored(1, 0.5)], [1], "logistic", settings)[0], "logistic") is None


def test_a_showing_falls_out_of_the_week_seven_days_later() -> None:
    assert Showings(None, 3, date(2026, 5, 14)).allowed_date == date(2026, 5, 21)
    assert Showings(None, 0, None).allowed_date is None


def test_candidates_of_the_page_are_those_of_the_table(pages: TestClient, rows: Rows, customer_id: int) -> None:
    address = f"/customers/{customer_id}/candidates?algorithm=boosted_trees"
    found = pl.read_csv(pages.get(f"{address}&format=csv").content)
    stored = rows("scored_candidates", f"customer_id = {customer_id} and algorithm = 'boosted_trees'")
    assert dict(found.select("offer_id", "score").iter_rows()) == pytest.approx(
        {row["offer_id"]: row["score"] for row in stored}
    )
    chosen = rows("recommendations", f"customer_id = {customer_id} and algorithm = 'boosted_trees'")
    assert set(found.filter(pl.col("fate") == "CHOSEN")["offer_id"]) == {row["offer_id"] for row in chosen}
    assert found["score"].is_sorted(descending=True)
    assert text(pages.get(address).text).count(say("en", "customer.fate_CHOSEN")) == 10


def test_the_rules_explain_every_better_offer_that_was_left_out(pages: TestClient, rows: Rows) -> None:
    """For everybody: an offer that beats the last of the ten was kept out by a rule."""
    everybody = sorted({row["customer_id"] for row in rows("recommendations", "algorithm = 'logistic'")})
    seen: set[str] = set()
    for customer in everybody[::12]:
        found = pl.read_csv(pages.get(f"/customers/{customer}/candidates?algorithm=logistic&format=csv").content)
        last = found.filter(pl.col("fate") == "CHOSEN")["score"].min()
        better = found.filter((pl.col("fate") == "OUTRANKED") & (pl.col("score") > last))
        assert better.is_empty()
        seen |= set(found["fate"])
    assert {"CHOSEN", "OUTRANKED", "CATEGORY_LIMIT"} <= seen


# receipts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["logistic", "boosted_trees"])
def test_a_receipt_sums_to_the_score_and_names_the_features_of_that_morning(
    pages: TestClient, rows: Rows, customer_id: int, algorithm: str
) -> None:
    chosen = rows("recommendations", f"customer_id = {customer_id} and algorithm = '{algorithm}' and rank = 3")[0]
    address = f"/customers/{customer_id}/offers/{chosen['offer_id']}?algorithm={algorithm}"
    found = pl.read_csv(pages.get(f"{address}&format=csv").content)
    log_odds = found["log_odds"].sum()
    assert 1 / (1 + 2.718281828459045**-log_odds) == pytest.approx(chosen["score"], abs=1e-5)
    values = dict(found.select("feature", "value").iter_rows())
    pair = rows("interaction_features", f"customer_id = {customer_id} and offer_id = {chosen['offer_id']}")[0]
    own = rows("customer_features", f"customer_id = {customer_id}")[0]
    offered = rows("offer_features", f"offer_id = {chosen['offer_id']}")[0]
    for name, stored in (
        ("product_purchases", pair["product_purchases"]),
        ("monetary_ron", own["monetary_ron"]),
        ("discount_depth", offered["discount_depth"]),
    ):
        assert values[name] == pytest.approx(stored)
    page = text(pages.get(address).text)
    assert Formats("en").signed(log_odds, 3) in page
    assert say("en", "receipt.in_the_ten", rank=3) in page
    assert f"{algorithm}_ranker" in page
    assert say("en", "receipt.not_reproduced") not in page


def test_a_receipt_of_what_was_left_out_says_what_it_lacked(pages: TestClient, customer_id: int) -> None:
    found = pl.read_csv(pages.get(f"/customers/{customer_id}/candidates?algorithm=logistic&format=csv").content)
    outranked = found.filter(pl.col("fate") == "OUTRANKED").row(0, named=True)
    page = text(pages.get(f"/customers/{customer_id}/offers/{outranked['offer_id']}?algorithm=logistic").text)
    assert Formats("en").share(outranked["needed"], 2) in page
    assert say("en", "customer.fate_OUTRANKED") in page


def test_every_fate_has_a_receipt_in_both_languages(pages: TestClient, rows: Rows) -> None:
    customers = sorted({row["customer_id"] for row in rows("recommendations", "algorithm = 'logistic'")})
    asked: set[str] = set()
    for customer in customers[::20]:
        found = pl.read_csv(pages.get(f"/customers/{customer}/candidates?algorithm=logistic&format=csv").content)
        for fate, offer_id in found.group_by("fate").agg(pl.col("offer_id").first()).iter_rows():
            if fate in asked:
                continue
            asked.add(fate)
            for language in ("en", "ro"):
                address = f"/customers/{customer}/offers/{offer_id}?algorithm=logistic"
                assert pages.get(address, headers={"accept-language": language}).status_code == 200
    assert "ALREADY_REDEEMED" in asked or "EXPOSURE_LIMIT" in asked


def test_an_offer_seen_too_often_comes_back_when_the_week_is_over(copied: Path, customer_id: int) -> None:
    address, day = f"/customers/{customer_id}/candidates?algorithm=logistic&format=csv", RUN_DATE - timedelta(days=2)
    with pages_of(copied) as client:
        found = pl.read_csv(client.get(address).content)
    offer_id = found.filter(pl.col("fate") == "OUTRANKED")["offer_id"][0]
    warehouse = Warehouse(copied, load_settings(copied).engine)
    with warehouse.connection() as connection:
        known = pl.DataFrame(warehouse.read(connection, "impressions", [day]).pl())
        shown = known.head(1).with_columns(
            customer_id=pl.lit(customer_id, pl.Int32), offer_id=pl.lit(offer_id, pl.Int32), recorded_date=pl.lit(day)
        )
        # One that became known on the run date itself does not count.
        late = shown.with_columns(recorded_date=pl.lit(RUN_DATE))
        rows = [shown.with_columns(impression_id=pl.lit(-number, pl.Int64)) for number in (1, 2, 3)]
        rows.append(late.with_columns(impression_id=pl.lit(-4, pl.Int64)))
        warehouse.write("impressions", day, pl.concat([known, *rows]).drop("run_date"))
    with pages_of(copied) as client:
        again = pl.read_csv(client.get(address).content)
        assert again.filter(pl.col("offer_id") == offer_id)["fate"].item() == "EXPOSURE_LIMIT"
        page = text(client.get(f"/customers/{customer_id}/offers/{offer_id}?algorithm=logistic").text)
    back = Formats("en").day(day + timedelta(days=7), "long")
    assert say("en", "receipt.way_in_exposed", count=3, allowed=3, day=back) in page


def test_an_offer_that_was_no_candidate_has_a_page_that_says_so(pages: TestClient, customer_id: int) -> None:
    answer = pages.get(f"/customers/{customer_id}/offers/2000000000")
    assert answer.status_code == 404
    assert say("en", "receipt.unscored_never", offer=2000000000) in text(answer.text)


# states ----------------------------------------------------------------------------------------------------------


def test_a_customer_without_consent_gets_the_reason_in_words(pages: TestClient, rows: Rows) -> None:
    refused = next(row for row in rows("recommendation_shortfalls") if row["reason"] == "NO_CONSENT")
    for language, words in (("en", "No consent to any channel"), ("ro", "Niciun canal cu acord")):
        address = f"/customers/{refused['customer_id']}"
        page = text(pages.get(address, headers={"accept-language": language}).text)
        assert words in page
        assert say(language, "customer.no_offers") in page


def test_a_customer_without_history_has_a_page(pages: TestClient, rows: Rows) -> None:
    bought = {row["customer_id"] for row in rows("customer_products")}
    silent = next(row["customer_id"] for row in rows("customer_features") if row["customer_id"] not in bought)
    answer = pages.get(f"/customers/{silent}")
    assert answer.status_code == 200
    assert say("en", "customer.no_history", days=90) in text(answer.text)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/customers/987654321", 404),
        ("/customers/1?date=2020-01-01", 404),
        ("/customers/1?date=yesterday", 422),
        ("/customers/1?algorithm=oracle_of_delphi", 404),
        ("/customers/99999999999", 422),
        ("/customers/1?format=exe", 422),
        ("/customers/1?date=&algorithm=&beside=", 200),
        ("/customers/1?beside=nobody", 200),
        ("/customers/1?beside=2020-01-01", 200),
    ],
)
def test_what_cannot_be_asked_is_answered_with_a_page(pages: TestClient, address: str, status: int) -> None:
    answer = pages.get(address)
    assert answer.status_code == status
    assert "</html>" in answer.text


def test_an_algorithm_that_did_not_publish_leaves_the_customer_on_the_page(pages: TestClient) -> None:
    page = text(pages.get("/customers/1?algorithm=uplift").text)
    assert say("en", "customer.not_published", algorithm="Uplift") in page
    assert say("en", "customer.features", days=90) in page


def test_a_morning_whose_tables_are_gone_keeps_its_offers(copied: Path, customer_id: int) -> None:
    for table in ("scored_candidates", "customer_products", "orders", "interaction_features", "impressions"):
        shutil.rmtree(copied / "tables" / table)
    with pages_of(copied) as client:
        answer = client.get(f"/customers/{customer_id}?algorithm=logistic")
        assert answer.status_code == 200
        assert say("en", "customer.left_out_none") in text(answer.text)
        assert answer.text.count('class="price-tag"') == 10
        rank_one = client.get(f"/customers/{customer_id}?algorithm=logistic&format=csv")
        offer_id = pl.read_csv(rank_one.content)["offer_id"][0]
        receipt = client.get(f"/customers/{customer_id}/offers/{offer_id}?algorithm=logistic")
        assert say("en", "receipt.unscored_gone") in text(receipt.text)


def test_hostile_names_are_only_names(copied: Path, customer_id: int) -> None:
    name = "<script>alert('x')</script>\"'>\u202e" + "A" * 200
    file = next((copied / "serving").glob(f"recommendations-{RUN_DATE}*.duckdb"))
    with duckdb.connect(str(file)) as connection:
        connection.execute("update customers set name = $1, store_name = $1, city = $1", [name])
        connection.execute("update recommendations set product_name = $1, offer_name = $1, reason = $1", [name])
    with pages_of(copied) as client:
        for address in ("", "?beside=logistic", "/candidates"):
            page = client.get(f"/customers/{customer_id}{address}")
            assert page.status_code == 200
            assert "<script>alert" not in page.text
            assert "&lt;script&gt;" in page.text


# in a browser ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_account_manager_compares_asks_why_and_comes_back(site: str, page: Page, customer_id: int) -> None:
    page.goto(f"{site}/customers/{customer_id}")
    page.get_by_label("Algorithm", exact=True).select_option("logistic")
    page.wait_for_url("**algorithm=logistic**")
    page.get_by_label("Beside", exact=True).select_option("boosted_trees")
    page.wait_for_url("**beside=boosted_trees**")
    expect(page.get_by_role("heading", name="What moves")).to_be_visible()
    first = page.locator(".price-tag h3 a").first
    first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What each feature adds to the log odds of the score")).to_be_visible()
    page.get_by_role("link", name="Back to the customer").click()
    expect(page.locator(".price-tag")).to_have_count(10)


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1280)])
def test_customer_and_receipt_are_accessible(site: str, page: Page, customer_id: int, theme: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    page.goto(f"{site}/customers/{customer_id}?algorithm=logistic&beside=boosted_trees")
    receipt = page.locator(".price-tag h3 a").first.get_attribute("href")
    for address in (page.url, f"{site}{receipt}", f"{site}/customers/{customer_id}/candidates"):
        page.goto(address)
        assert serious_violations(page) == [], address
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{address} is {overflow} pixels wider than the window"


@pytest.mark.slow
def test_the_printed_sheet_fits_two_pages_and_says_nothing_of_margins(site: str, page: Page, customer_id: int) -> None:
    page.goto(f"{site}/customers/{customer_id}")
    sheet = page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", sheet)) in (1, 2)
    page.emulate_media(media="print")
    expect(page.get_by_text("Expected margin").first).to_be_hidden()
    expect(page.locator(".price-tag .saving").first).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()
