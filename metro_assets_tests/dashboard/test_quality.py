"""Quality: the figures of the tables, segments and reliability by hand, states without figures."""

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from metro_assets.config import load_settings
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.quality_reading import ndcg_by_segment
from metro_assets.dashboard.quality_reading import test_window as window_of
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import ALGORITHMS, RUN_DATE
from metro_assets_tests.dashboard.conftest import pages_of, serious_violations


def table(root: Path, name: str) -> pl.DataFrame:
    warehouse = Warehouse(root, load_settings(root).engine)
    with warehouse.connection() as opened:
        rows: pl.DataFrame = warehouse.read(opened, name, [RUN_DATE]).pl()
    return rows


def downloaded(client: TestClient, address: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(client.get(address).text)))


def test_the_metrics_are_those_of_the_table(pages: TestClient, ran: Path) -> None:
    rows = downloaded(pages, f"/quality?date={RUN_DATE}&format=csv")
    stored = table(ran, "evaluation_metrics")
    assert len(rows) == len(stored)
    page = pages.get(f"/quality?date={RUN_DATE}").text
    value = stored.filter(
        (pl.col("protocol") == "SHOWN")
        & (pl.col("population") == "REDEEMERS")
        & (pl.col("metric") == "ndcg_at_10")
        & (pl.col("algorithm") == "oracle")
    )["value"][0]
    assert f"{value:.3f}" in page


@pytest.mark.parametrize("protocol", ["SHOWN", "POOL"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_protocol_and_algorithm_has_a_page(pages: TestClient, protocol: str, algorithm: str) -> None:
    page = pages.get(f"/quality?protocol={protocol}&algorithm={algorithm}&metric=mrr")
    assert page.status_code == 200
    assert "MRR by algorithm, baseline and oracle" in page.text
    # With ten offers in a list and a cutoff of ten, precision says nothing of an order.
    warned = "cannot tell orders apart" in pages.get(f"/quality?protocol={protocol}&metric=precision_at_10").text
    assert warned == (protocol == "SHOWN")


def test_the_segments_together_are_the_whole(ran: Path) -> None:
    settings = load_settings(ran)
    desk = Desk(settings, RecommendationReader(settings.warehouse, settings.engine))
    window = window_of(desk, RUN_DATE)
    assert window is not None
    metrics = table(ran, "evaluation_metrics").filter(
        (pl.col("protocol") == "SHOWN") & (pl.col("population") == "REDEEMERS") & (pl.col("metric") == "ndcg_at_10")
    )
    for algorithm in ALGORITHMS:
        parts = window.segments.filter(pl.col("algorithm") == algorithm)
        whole = metrics.filter(pl.col("algorithm") == algorithm).row(0, named=True)
        assert parts["list_count"].sum() == whole["list_count"]
        mean = (parts["ndcg_at_10"] * parts["list_count"]).sum() / parts["list_count"].sum()
        assert mean == pytest.approx(whole["value"], abs=1e-6)
        bins = window.reliability.filter(pl.col("algorithm") == algorithm)
        top = table(ran, "holdout_scores").filter((pl.col("position") == 1) & (pl.col("algorithm") == algorithm))
        assert bins["row_count"].sum() == len(top)
        assert (bins["observed"] * bins["row_count"]).sum() == pytest.approx(top["label"].sum())


def test_ndcg_of_a_segment_by_hand() -> None:
    # Traders: one list whose redeemed offer is second, 1 / log2(3); HoReCa: one with it first, one without any.
    rows = pl.DataFrame(
        [
            ("TRADER", 1, 10, 1, 0, 0.9),
            ("TRADER", 1, 10, 2, 1, 0.5),
            ("HORECA", 2, 20, 1, 1, 0.9),
            ("HORECA", 2, 20, 2, 0, 0.5),
            ("HORECA", 3, 30, 1, 0, 0.9),
        ],
        schema=["segment", "slate_id", "customer_id", "offer_id", "label", "score"],
        orient="row",
    ).with_columns(algorithm=pl.lit("logistic"))
    found = {row["segment"]: row for row in ndcg_by_segment(rows, cutoff=10, samples=20, seed=1).to_dicts()}
    assert found["TRADER"]["ndcg_at_10"] == pytest.approx(0.6309, abs=1e-4)
    assert found["HORECA"]["ndcg_at_10"] == 1.0
    assert found["HORECA"]["list_count"] == 1
    assert (found["TRADER"]["lower"], found["TRADER"]["upper"]) == pytest.approx((0.6309, 0.6309), abs=1e-4)


def test_who_may_be_promoted_is_said_with_what_speaks_against(pages: TestClient, ran: Path) -> None:
    gates = table(ran, "promotion_gates")
    page = pages.get(f"/quality?date={RUN_DATE}").text
    refused = gates.filter(~pl.col("is_passed"))
    assert page.count("not yet</span>") == len(refused)
    for row in refused.iter_rows(named=True):
        for objection in row["objections"]:
            assert objection.split(",")[0] in page
    rows = downloaded(pages, f"/quality?date={RUN_DATE}&table=gates&format=csv")
    assert [row["algorithm"] for row in rows] == gates["algorithm"].to_list()


def test_recall_per_strategy_is_of_the_pool(pages: TestClient, ran: Path) -> None:
    rows = downloaded(pages, f"/quality?date={RUN_DATE}&table=recall&format=csv")
    assert {row["metric"] for row in rows} >= {"pool_recall:pool", "pool_recall:repeat_purchase"}
    assert "Of what was redeemed, found by strategy" in pages.get(f"/quality?date={RUN_DATE}").text


def test_what_cannot_be_is_a_page_that_says_so(pages: TestClient) -> None:
    assert pages.get("/quality?algorithm=%3Cscript%3E").status_code == 404
    assert "<script>" not in pages.get("/quality?algorithm=%3Cscript%3E").text.replace('<script src="', "")
    assert pages.get("/quality?metric=luck").status_code == 422
    assert pages.get("/quality?date=2020-01-01").status_code == 404


def test_a_warehouse_without_evaluation_says_how_it_comes(ran: Path, tmp_path: Path) -> None:
    root = tmp_path / "warehouse"
    root.mkdir()
    for name in ("serving", "settings.toml"):
        (shutil.copytree if (ran / name).is_dir() else shutil.copy2)(ran / name, root / name)
    with pages_of(root) as client:
        page = client.get("/quality", headers={"Accept-Language": "ro"})
    assert page.status_code == 200
    assert "Încă nu s-a evaluat nimic" in page.text


def test_a_morning_without_oracle_or_pool_is_a_page(ran: Path, tmp_path: Path) -> None:
    """A company's own files have no oracle, and a first morning has no recommendations of a week before."""
    root = tmp_path / "warehouse"
    root.mkdir()
    for name in ("serving", "settings.toml", "models", "tables/customers", "tables/recommendations"):
        (root / name).parent.mkdir(exist_ok=True)
        (shutil.copytree if (ran / name).is_dir() else shutil.copy2)(ran / name, root / name)
    plain = table(ran, "evaluation_metrics").filter((pl.col("algorithm") != "oracle") & (pl.col("protocol") == "SHOWN"))
    Warehouse(root, load_settings(root).engine).write("evaluation_metrics", RUN_DATE, plain.drop("run_date"))
    with pages_of(root) as client:
        page = client.get("/quality").text
        pool = client.get("/quality?protocol=POOL").text
    assert "Way from random to the oracle" not in page
    assert "No challenger was compared" in page
    assert "No ranker was fitted on this morning" in page
    assert "It needs recommendations of seven days before" in pool


@pytest.mark.slow
def test_a_data_scientist_compares_algorithms(site: str, page: Page) -> None:
    page.goto(f"{site}/quality")
    with page.expect_navigation():
        page.get_by_label("Protocol").select_option("POOL")
    with page.expect_navigation():
        page.get_by_label("Algorithm", exact=True).select_option("logistic")
    assert "protocol=POOL" in page.url
    assert "algorithm=logistic" in page.url
    page.get_by_text("As a table").first.click()
    assert page.get_by_role("table").first.is_visible()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert serious_violations(page) == []
