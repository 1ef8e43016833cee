"""The offers: sums equal to what the tables hold, what became of candidates by hand, every text escaped."""

import csv
import io
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from metro_assets.config import load_settings
from metro_assets.dashboard.catalogue import word
from metro_assets.sql import query, values
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import ALGORITHMS, RUN_DATE
from metro_assets_tests.dashboard.conftest import pages_of, serious_violations
from metro_assets_tests.frames import connection, relation

HOSTILE = "<script>alert('ofertă')</script>\"\u202e" + "x" * 160


def table(root: Path, name: str, day: date | None = RUN_DATE) -> pl.DataFrame:
    warehouse = Warehouse(root, load_settings(root).engine)
    with warehouse.connection() as opened:
        rows: pl.DataFrame = warehouse.read(opened, name, None if day is None else [day]).pl()
    return rows


def downloaded(client: TestClient, address: str) -> list[dict[str, Any]]:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.fixture(scope="module")
def hostile(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service over a copy whose offers have hostile names, and whose scores are gone."""
    root = tmp_path_factory.mktemp("hostile") / "warehouse"
    shutil.copytree(ran, root, ignore=shutil.ignore_patterns("dagster", "order*", "training*", "uplift*", "models"))
    warehouse = Warehouse(root, load_settings(root).engine)
    warehouse.write("offers", RUN_DATE, table(root, "offers").with_columns(name=pl.lit(HOSTILE)))
    shutil.rmtree(root / "tables" / "scored_candidates")
    with pages_of(root) as client:
        yield client


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_list_is_the_sum_of_the_recommendations(pages: TestClient, ran: Path, algorithm: str) -> None:
    listed = {int(row["offer_id"]): row for row in downloaded(pages, f"/offers?algorithm={algorithm}&format=csv")}
    assert set(listed) == set(table(ran, "offers")["offer_id"])
    recommended = table(ran, "recommendations").filter(pl.col("algorithm") == algorithm)
    for offer_id, row in listed.items():
        of_offer = recommended.filter(pl.col("offer_id") == offer_id)
        assert int(row["customer_count"]) == len(of_offer)
        assert int(row["served_count"]) == len(of_offer)
        if len(of_offer):
            assert float(row["expected_redemptions"]) == pytest.approx(of_offer["score"].cast(pl.Float64).sum())
            assert float(row["expected_margin_ron"]) == pytest.approx(of_offer["expected_margin_ron"].sum())
            segments = [int(value) for name, value in row.items() if name.startswith("customer_count_")]
            assert sum(segments) == len(of_offer)


def test_every_candidate_has_one_fate(pages: TestClient, ran: Path) -> None:
    scored = table(ran, "scored_candidates").filter(pl.col("algorithm") == "logistic")
    candidates = dict(scored.group_by("offer_id").len().iter_rows())
    names = ("served", "outranked", "category_limit", "already_redeemed", "exposure_limit", "no_consent")
    for row in downloaded(pages, "/offers?algorithm=logistic&format=csv"):
        counts = [int(row[f"{name}_count"]) for name in names]
        assert sum(counts) == int(row["candidate_count"]) == candidates.get(int(row["offer_id"]), 0)


def test_fates_by_hand() -> None:
    # A slate of two, at most so many of a category: 1 and 3 were chosen, 2 scores above 3 but its category was full,
    # 4 is 0.3 - 0.1 below the last one, 5 was redeemed before.
    opened = connection()
    judged = opened.sql(
        "from (values (7, 1, null, 0.9, null), (7, 2, null, 0.5, null), (7, 3, null, 0.3, null), "
        "(7, 4, null, 0.1, null), (7, 5, 'ALREADY_REDEEMED', 0.8, null)) "
        "as rows(customer_id, offer_id, barrier, score, value_ron)"
    )
    chosen = opened.sql(
        "from (values (7, 1, 0.9, null), (7, 3, 0.3, null)) as rows(customer_id, offer_id, score, value_ron)"
    )
    parameters = values(slate_size=2, counts_money=False, explores=False, last_halving=7)
    fates = query("metro_assets.dashboard", "candidate_fates", judged=judged, chosen=chosen, parameters=parameters)
    found = {row["offer_id"]: row for row in fates.pl().to_dicts()}
    assert {offer_id: row["fate"] for offer_id, row in found.items()} == {
        1: "SERVED",
        2: "CATEGORY_LIMIT",
        3: "SERVED",
        4: "OUTRANKED",
        5: "ALREADY_REDEEMED",
    }
    assert found[4]["place"] == 4
    assert found[4]["gap"] == pytest.approx(0.3 - 0.1)


def test_an_order_by_money_measures_the_gap_in_money() -> None:
    opened = connection()
    judged = opened.sql(
        "from (values (7, 1, null, 0.1, 5.0), (7, 2, null, 0.9, 2.0)) "
        "as rows(customer_id, offer_id, barrier, score, value_ron)"
    )
    chosen = opened.sql("from (values (7, 1, 0.1, 5.0)) as rows(customer_id, offer_id, score, value_ron)")
    parameters = values(slate_size=1, counts_money=True, explores=False, last_halving=7)
    fates = query("metro_assets.dashboard", "candidate_fates", judged=judged, chosen=chosen, parameters=parameters)
    outranked = [row for row in fates.pl().to_dicts() if row["offer_id"] == 2]
    assert [(row["fate"], row["gap"]) for row in outranked] == [("OUTRANKED", 5.0 - 2.0)]


def test_overlap_is_both_over_at_least_one() -> None:
    # Offer 1 has customers 1, 2, 3; offer 2 has 2, 3, 4, 5: two get both, five at least one.
    pairs = [(1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (4, 2), (5, 2)]
    opened = connection()
    chosen = opened.sql(f"from (values {', '.join(map(str, pairs))}) as rows(customer_id, offer_id)")
    rows = query("metro_assets.dashboard", "offer_overlaps", chosen=chosen, parameters=values(kept=10)).pl().to_dicts()
    assert rows == [
        {"offer_id": 1, "other_offer_id": 2, "both_count": 2, "overlap_share": 2 / 5},
        {"offer_id": 2, "other_offer_id": 1, "both_count": 2, "overlap_share": 2 / 5},
    ]


def test_expectations_are_score_times_quantity_times_money() -> None:
    opened = connection()
    chosen = opened.sql("select 1 as customer_id, 9 as offer_id, 0.25 as score, 3.0 as expected_margin_ron")
    margins = opened.sql(
        "select 1 as customer_id, 9 as offer_id, 4.0 as usual_quantity, 2.5 as usual_margin_ron, "
        "1.5 as offer_margin_ron"
    )
    customers = relation(opened, "customers", [{"customer_id": 1, "segment": "TRADER"}])
    reach = query(
        "metro_assets.dashboard", "offer_reach", chosen=chosen, customers=customers, candidate_margins=margins
    )
    [row] = reach.pl().to_dicts()
    assert row["segment"] == "TRADER"
    assert row["expected_redemptions"] == 0.25
    assert row["expected_cost_ron"] == pytest.approx(0.25 * 4 * (2.5 - 1.5))


def test_filters_and_orders_are_in_the_address(pages: TestClient, ran: Path) -> None:
    mechanic = table(ran, "offers")["mechanic"].mode()[0]
    rows = downloaded(pages, f"/offers?mechanic={mechanic}&sort=depth&format=csv")
    assert {row["mechanic"] for row in rows} == {mechanic}
    depths = [float(row["discount_depth"]) for row in rows if row["discount_depth"]]
    assert depths == sorted(depths, reverse=True)
    page = pages.get(f"/offers?mechanic={mechanic}").text
    assert word("en", "mechanic", mechanic) in page
    assert "No live offer has this mechanic" in pages.get("/offers?mechanic=NO_SUCH").text


def test_an_offer_has_its_products_and_customers(pages: TestClient, ran: Path) -> None:
    recommended = table(ran, "recommendations").filter(pl.col("is_champion"))
    offer_id = recommended["offer_id"].mode()[0]
    page = pages.get(f"/offers/{offer_id}")
    assert page.status_code == 200
    products = downloaded(pages, f"/offers/{offer_id}?format=csv&table=products")
    covered = table(ran, "offer_products").filter(pl.col("offer_id") == offer_id)
    assert {int(row["product_id"]) for row in products} == set(covered["product_id"])
    assert all(float(row["offer_price_ron"]) <= float(row["base_price_ron"]) for row in products)
    best = downloaded(pages, f"/offers/{offer_id}?format=csv&table=customers")
    of_offer = recommended.filter(pl.col("offer_id") == offer_id).sort(
        ["score", "customer_id"], descending=[True, False]
    )
    assert [int(row["customer_id"]) for row in best] == of_offer["customer_id"].head(20).to_list()
    assert f'href="/customers/{best[0]["customer_id"]}?' in page.text


def test_what_is_not_there_is_said(pages: TestClient) -> None:
    assert pages.get("/offers/999999999").status_code == 404
    assert "not live that morning" in pages.get("/offers/999999999").text
    assert pages.get("/offers?algorithm=oracle_of_delphi").status_code == 404
    assert pages.get("/offers?date=2020-01-01").status_code == 404
    assert pages.get("/offers?sort=luck").status_code == 422
    assert pages.get("/offers/first").status_code == 422


def test_the_page_speaks_romanian(pages: TestClient) -> None:
    page = pages.get("/offers", headers={"Accept-Language": "ro"}).text
    assert '<html lang="ro"' in page
    assert "Oferte active" in page
    assert (
        "oferte pe care nu le primește nimeni" in page
        or "ofertă pe care nu o primește nimeni" in page
        or ("pe care nu le primește nimeni" in page)
    )


def test_hostile_names_are_text_and_lost_scores_are_said(hostile: TestClient, ran: Path) -> None:
    page = hostile.get("/offers").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    offer_id = table(ran, "offers")["offer_id"][0]
    assert "<script>alert" not in hostile.get(f"/offers/{offer_id}").text
    if 'id="nobody"' in page:
        assert "scores of this morning are not kept" in page


@pytest.mark.slow
def test_a_campaign_manager_finds_out_why_nobody_gets_an_offer(site: str, page: Page) -> None:
    page.goto(f"{site}/offers")
    with page.expect_navigation():
        page.get_by_label("Algorithm", exact=True).select_option("logistic")
    assert "algorithm=logistic" in page.url
    with page.expect_navigation():
        page.get_by_label("Order by").select_option("cost")
    assert "sort=cost" in page.url
    page.get_by_role("link", name="Nobody gets").click()
    page.locator("#nobody tbody a").first.click()
    assert page.get_by_role("heading", name="Why nobody gets it").is_visible()
    assert serious_violations(page) == []
    page.go_back()
    page.locator(".offers tbody th a").first.click()
    page.get_by_text("As a table").first.click()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert serious_violations(page) == []
