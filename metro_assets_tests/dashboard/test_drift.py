"""Drift: worst first, the bins as the table has them, in the visitor's language; a history when there is one."""

import csv
import io
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from metro_assets.config import load_settings
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import RUN_DATE
from metro_assets_tests.dashboard.conftest import pages_of, serious_violations


def drift(root: Path) -> pl.DataFrame:
    warehouse = Warehouse(root, load_settings(root).engine)
    with warehouse.connection() as opened:
        rows: pl.DataFrame = warehouse.read(opened, "drift_log", [RUN_DATE]).pl()
    return rows


@pytest.fixture(scope="module")
def moved(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service over two mornings, on the later of which the depth of discounts has moved."""
    root = tmp_path_factory.mktemp("moved") / "warehouse"
    root.mkdir()
    for name in ("serving", "settings.toml", "tables/recommendations", "tables/customers", "tables/drift_log"):
        copy = shutil.copytree if (ran / name).is_dir() else shutil.copy2
        (root / name).parent.mkdir(exist_ok=True)
        copy(ran / name, root / name)
    is_depth = pl.col("quantity") == "discount_depth"
    worse = drift(ran).with_columns(
        psi=pl.when(is_depth).then(0.31).otherwise(pl.col("psi") / 100),
        severity=pl.when(is_depth).then(pl.lit("SIGNIFICANT")).otherwise(pl.lit("STABLE")),
    )
    Warehouse(root, load_settings(root).engine).write("drift_log", RUN_DATE + timedelta(days=1), worse.drop("run_date"))
    with pages_of(root) as client:
        yield client


def test_the_worst_quantity_comes_first(pages: TestClient, ran: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(pages.get(f"/drift?date={RUN_DATE}&format=csv").text)))
    stored = drift(ran).sort(["psi", "quantity"], descending=[True, False])
    assert [row["quantity"] for row in rows] == stored["quantity"].to_list()
    assert float(rows[0]["psi"]) == pytest.approx(stored["psi"][0])


def test_the_bins_are_those_of_the_table(pages: TestClient, ran: Path) -> None:
    address = f"/drift?date={RUN_DATE}&quantity=recency_days&format=csv&table=bins"
    rows = list(csv.DictReader(io.StringIO(pages.get(address).text)))
    stored = drift(ran).filter(pl.col("quantity") == "recency_days").row(0, named=True)
    assert [row["bins"] for row in rows] == stored["bins"]
    assert [float(row["current_shares"]) for row in rows] == pytest.approx(stored["current_shares"])


def test_bins_and_numbers_are_in_the_visitors_language(pages: TestClient) -> None:
    address = f"/drift?date={RUN_DATE}&quantity=promo_affinity"
    assert "up to 0.0" in pages.get(address).text
    assert "până la 0,0" in pages.get(address, headers={"Accept-Language": "ro"}).text


def test_a_significant_drift_is_counted_and_followed(moved: TestClient, ran: Path) -> None:
    page = moved.get("/drift").text
    assert "Depth of the discount: PSI over time" in page
    mornings = len(Warehouse(ran, load_settings(ran).engine).partitions("drift_log")) + 1
    assert f"PSI over the last {mornings} mornings" in page
    tile = page.split("significant, and more than chance")[0].rsplit("<strong>", 1)[1]
    assert tile.startswith("1<")


def test_one_morning_is_no_line(pages: TestClient, ran: Path) -> None:
    first = Warehouse(ran, load_settings(ran).engine).partitions("drift_log")[0]
    assert "There is one morning so far" in pages.get(f"/drift?date={first}").text


def test_a_morning_without_drift_says_so(pages: TestClient) -> None:
    assert pages.get("/drift?date=2020-01-01").status_code == 404
    assert pages.get("/drift?date=yesterday").status_code == 422


def test_a_warehouse_without_drift_says_how_it_comes(moved: TestClient, ran: Path, tmp_path: Path) -> None:
    root = tmp_path / "warehouse"
    root.mkdir()
    for name in ("serving", "settings.toml"):
        (shutil.copytree if (ran / name).is_dir() else shutil.copy2)(ran / name, root / name)
    with pages_of(root) as client:
        page = client.get("/drift")
    assert page.status_code == 200
    assert "Drift has not been compared yet" in page.text


@pytest.mark.slow
def test_a_data_scientist_looks_at_the_bins_of_a_feature(site: str, page: Page) -> None:
    page.goto(f"{site}/drift")
    with page.expect_navigation():
        page.get_by_label("Quantity").select_option("promo_affinity")
    assert page.get_by_role("img", name="Share bought on offer: reference and today").is_visible()
    page.get_by_role("link", name="Days since last order").click()
    assert "quantity=recency_days" in page.url
    page.go_back()
    assert "quantity=promo_affinity" in page.url
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert serious_violations(page) == []
