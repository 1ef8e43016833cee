"""The home page: its numbers are those of the tables, its lines go back, and what needs a person is said."""

import csv
import io
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from metro_assets.config import load_settings
from metro_assets.dashboard.charts import trend_points
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.today import Morning, Ndcg, Run, champion_since, mornings
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import RUN_DATE
from metro_assets_tests.dashboard.conftest import pages_of

WEEK_BEFORE = RUN_DATE - timedelta(days=7)


def table(root: Path, name: str, run_date: date = RUN_DATE) -> pl.DataFrame:
    warehouse = Warehouse(root, load_settings(root).engine)
    with warehouse.connection() as connection:
        return pl.DataFrame(warehouse.read(connection, name, [run_date]).pl())


def write(root: Path, name: str, run_date: date, rows: pl.DataFrame) -> None:
    Warehouse(root, load_settings(root).engine).write(name, run_date, rows)


def remove(root: Path, name: str, run_date: date = RUN_DATE) -> None:
    shutil.rmtree(root / "tables" / name / f"run_date={run_date}")


def test_the_numbers_are_those_of_the_tables(pages: TestClient, ran: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(pages.get("/?format=csv").text)))
    assert [row["run_date"] for row in rows] == [str(RUN_DATE), str(WEEK_BEFORE)]
    for row in rows:
        day = date.fromisoformat(row["run_date"])
        served = table(ran, "recommendations", day).filter("is_champion")
        customers = served["customer_id"].n_unique()
        pairs = served.join(table(ran, "interaction_features", day), on=["customer_id", "offer_id"])
        short = table(ran, "recommendation_shortfalls", day).filter(pl.col("algorithm") == row["algorithm"])
        ndcg = table(ran, "evaluation_metrics", day).filter(
            pl.col("algorithm") == row["algorithm"],
            protocol="SHOWN",
            subject="HOLDOUT",
            population="REDEEMERS",
            metric="ndcg_at_10",
        )
        recall = table(ran, "evaluation_metrics", day).filter(metric="pool_recall:pool")
        expected = {
            "customers_served": customers,
            "offers_per_customer": len(served) / customers,
            "coverage_share": customers / len(table(ran, "customer_features", day)),
            "expected_margin_ron": float(served["expected_margin_ron"].sum()),
            "expected_redemptions": float(served["score"].cast(pl.Float64).sum()),
            "never_bought_share": float((pairs["bought_before"] == 0).mean()),  # type: ignore[arg-type]
            "shortfall_count": len(short),
            "ndcg_at_10": ndcg["value"].item(),
        }
        for name, value in expected.items():
            assert float(row[name]) == pytest.approx(value, rel=1e-5), name
        assert row["pool_recall"] == ("" if recall.is_empty() else str(recall["value"].item()))
        assert float(row["run_seconds"]) > 1


def test_each_number_has_its_line_and_the_morning_before(pages: TestClient) -> None:
    page = pages.get("/").text
    assert f"Morning of {RUN_DATE:%-d %B %Y}" in page
    # Nine of ten: the pool of the first morning has no redemptions after it yet.
    assert page.count('<svg class="spark"') == 9
    assert page.count('role="img"') == 9
    assert f"on {WEEK_BEFORE:%-d %b %Y}" in page
    assert re.search(r"95 %: 0\.\d{3} to 0\.\d{3} · oracle 0\.\d{3}", page)
    assert re.search(r"between [\d,]+ and [\d,]+", page)


def test_a_past_morning_has_its_address(pages: TestClient) -> None:
    page = pages.get(f"/?date={WEEK_BEFORE}").text
    assert f"Morning of {WEEK_BEFORE:%-d %B %Y}" in page
    assert "A past morning" in page
    assert 'class="spark"' not in page
    assert f"?date={WEEK_BEFORE}" in page.partition('class="examples"')[2]
    assert pages.get("/?date=2020-01-01").status_code == 404
    assert pages.get("/?date=").status_code == 200
    assert pages.get("/?format=xml").status_code == 422


def test_customers_to_begin_with_are_there(pages: TestClient) -> None:
    examples = re.findall(r'href="/customers/(\d+)"', pages.get("/").text)
    assert len(set(examples)) == len(examples) >= 4
    for customer_id in examples:
        assert pages.get(f"/customers/search?q={customer_id}").json()[0]["href"] == f"/customers/{customer_id}"


def test_it_speaks_romanian(pages: TestClient) -> None:
    page = pages.get("/", headers={"Accept-Language": "ro"}).text
    assert "Zece cifre care contează" in page
    assert "mai 2026" in page
    assert re.search(r"Acum|acum \d+ (de )?zile", page)


def test_what_needs_a_person_is_said(copied: Path) -> None:
    write(
        copied,
        "drift_log",
        RUN_DATE,
        table(copied, "drift_log").with_columns(
            psi=pl.when(quantity="recency_days").then(0.7).otherwise(0.01),
            severity=pl.when(quantity="recency_days").then(pl.lit("SIGNIFICANT")).otherwise(pl.lit("STABLE")),
            noise_psi=0.02,
        ),
    )
    write(copied, "customer_features", RUN_DATE + timedelta(days=1), table(copied, "customer_features"))
    runs = table(copied, "pipeline_runs")
    write(copied, "pipeline_runs", RUN_DATE, runs.filter(pl.col("table_name") != "published_recommendations"))
    remove(copied, "evaluation_metrics")
    with pages_of(copied) as client:
        page = client.get("/").text
        assert "1 quantity has drifted significantly: Days since last order" in page
        assert f'href="/drift?date={RUN_DATE}"' in page
        assert f"The morning of {RUN_DATE + timedelta(days=1):%-d %B %Y} was begun and is not published" in page
        assert f"The log of the run of {RUN_DATE:%-d %B %Y} does not hold its publication" in page
        assert "not measured: there is no evaluation_metrics" in page
        assert "Nothing needs attention" not in page


def test_what_a_warehouse_does_not_hold_is_a_dash(copied: Path) -> None:
    for name in ("evaluation_metrics", "interaction_features", "drift_log", "pipeline_runs", "customer_features"):
        remove(copied, name)
    with pages_of(copied) as client:
        answer = client.get("/")
        assert answer.status_code == 200
        assert "Not measured this morning." in answer.text
        assert "There is no log of the run" in answer.text
        assert answer.text.count("<strong>–</strong>") == 5
        assert "oracle" not in answer.text


def test_before_the_first_morning_it_says_what_to_do(tmp_path: Path) -> None:
    with pages_of(tmp_path) as client:
        for address in ("/", "/customers"):
            answer = client.get(address)
            assert answer.status_code == 503
            assert "metro run" in answer.text


def test_past_mornings_are_left_for_later_where_there_is_no_time(ran: Path) -> None:
    settings = load_settings(ran)
    desk = Desk(settings, RecommendationReader(settings.warehouse, settings.engine))
    publication = desk.opened().publication
    assert [one.run_date for one in mornings(desk, publication, 14, 0)[0]] == [RUN_DATE]
    assert mornings(desk, publication, 14, 0)[1] is False
    found, is_whole = mornings(desk, publication, 14, None)
    assert ([one.run_date for one in found], is_whole) == ([RUN_DATE, WEEK_BEFORE], True)
    assert [one.run_date for one in mornings(desk, publication, 1, None)[0]] == [RUN_DATE]


def of_champions(*algorithms: str) -> list[Morning]:
    return [
        Morning(RUN_DATE - timedelta(days=place), algorithm, {}, Ndcg(), Run())
        for place, algorithm in enumerate(algorithms)
    ]


def test_a_champion_is_one_since_its_first_unbroken_morning() -> None:
    oldest = RUN_DATE - timedelta(days=100)
    assert champion_since(of_champions("a", "a", "b", "a"), oldest) == (RUN_DATE - timedelta(days=1), True)
    assert champion_since(of_champions("a", "a", "a"), oldest) == (RUN_DATE - timedelta(days=2), False)
    assert champion_since(of_champions("a", "a", "a"), RUN_DATE - timedelta(days=2)) == (
        RUN_DATE - timedelta(days=2),
        True,
    )


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ([], []),
        ([None], []),
        # 100 x 24 with a margin of 2: left to right from 2 to 98, the highest at 2, the lowest at 22.
        ([1.0, 3.0, 2.0], ["2.0,22.0 50.0,2.0 98.0,12.0"]),
        ([5.0, 5.0], ["2.0,12.0 98.0,12.0"]),
        ([1.0, 2.0, None, 2.0, 1.0], ["2.0,22.0 26.0,2.0", "74.0,2.0 98.0,22.0"]),
        ([1.0, None, 2.0], ["1.0,22.0 3.0,22.0", "97.0,2.0 99.0,2.0"]),
        ([1.0, float("nan")], ["1.0,12.0 3.0,12.0"]),
    ],
)
def test_a_line_goes_through_what_is_known(values: list[float | None], points: list[str]) -> None:
    assert trend_points(values) == points


@pytest.mark.slow
def test_a_person_looks_at_the_morning_and_goes_on(site: str, page: Page) -> None:
    page.goto(site)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.get_by_text("The mornings as a table").click()
    expect(page.get_by_role("table").first).to_be_visible()
    page.get_by_label("Morning of").select_option(str(WEEK_BEFORE))
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(f"{site}/?date={WEEK_BEFORE}")
    page.get_by_role("link", name="A past morning").click()
    page.get_by_role("link", name="Customers served").click()
    expect(page).to_have_url(f"{site}/customers")
    page.go_back()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Română").click()
    expect(page.get_by_role("heading", name="Zece cifre care contează")).to_be_visible()
