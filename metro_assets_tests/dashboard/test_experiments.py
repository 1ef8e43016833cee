"""Experiments: figures of the report's files, intervals over days, no way out of the folder through a name."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient

from metro_assets.config import load_settings
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.experiment_reading import experiment, over_days
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.dashboard.conftest import pages_of
from metro_assets_tests.frames import customer, frame

START = date(2026, 5, 1)
DAYS = [START + timedelta(days=number) for number in range(3)]
POLICIES = ("logistic", "uplift", "oracle")
MARGINS = {"logistic": -4.0, "uplift": 2.0, "oracle": 3.0}
"""RON that each of four customers brings on the first day."""


def write_experiment(folder: Path, *, with_customers: bool = True) -> None:
    """An experiment of three days and four customers, in which only the first day differs from no offers."""
    folder.mkdir(parents=True)
    (folder / "experiment.json").write_text(
        json.dumps({"start": str(START), "sizes": {"customers": 4, "products": 9, "live_offers": 5}})
    )
    rows = [
        (policy, metric, sign * 1000 * MARGINS[policy], -5000.0, 5000.0, 1)
        for policy in POLICIES
        for metric, sign in (("incremental_margin_ron", 1), ("anyway_cost_ron", -1), ("margin_ron_minus:logistic", 1))
    ]
    rows += [(policy, "gini", 0.5, None, None, 1) for policy in POLICIES]
    columns = ["policy", "metric", "value", "lower", "upper", "seeds"]
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(folder / "experiment_results.parquet")
    pl.DataFrame(
        [
            {
                "policy": policy,
                "run_date": day,
                "incremental_margin_ron": 1000 * MARGINS[policy] if day == START else 0.0,
                "incremental_revenue_ron": 0.0,
                "incremental_redemptions": 0.0,
            }
            for policy in POLICIES
            for day in DAYS
        ]
    ).write_parquet(folder / "experiment_days.parquet")
    pl.DataFrame(
        [("logistic", "ips", 0.1, 0.05, 0.15, 120.0, 0.12, -1 / 6, 0.11)],
        schema=[
            *("policy", "estimator", "value", "lower", "upper", "effective_sample_size"),
            *("truth", "relative_error", "closed_loop"),
        ],
        orient="row",
    ).write_parquet(folder / "known_truth.parquet")
    if with_customers:
        seed = folder / "seed-42"
        world = Warehouse(seed / "no_offer", load_settings(folder).engine)
        world.write("customers", None, frame("customers", [customer(number) for number in (1, 2, 3, 4)]))
        for policy in POLICIES:
            (seed / policy).mkdir()
            # All four alike: no resample of customers can differ.
            pl.DataFrame(
                [(START, number, MARGINS[policy], 0.0, 0.0) for number in (1, 2, 3, 4)],
                schema=["run_date", "customer_id", "margin_ron", "revenue_ron", "redemptions"],
                orient="row",
            ).write_parquet(seed / policy / "differences-3.parquet")


@pytest.fixture(scope="module")
def root(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("twin") / "warehouse"
    root.mkdir()
    for name in ("serving", "settings.toml"):
        (shutil.copytree if (ran / name).is_dir() else shutil.copy2)(ran / name, root / name)
    write_experiment(root / "experiments" / "may")
    write_experiment(root / "experiments" / "<b>report only", with_customers=False)
    (root / "experiments" / "begun").mkdir()
    (root / "experiments" / "begun" / "experiment.json").write_text("{}")
    broken = root / "experiments" / "broken"
    broken.mkdir()
    for name in ("experiment_results", "experiment_days", "known_truth"):
        (broken / f"{name}.parquet").write_bytes(b"no parquet")
    secret = root / "secret"
    write_experiment(secret)
    return root


@pytest.fixture(scope="module")
def twin(root: Path) -> Iterator[TestClient]:
    with pages_of(root) as client:
        yield client


def test_the_list_says_what_there_is_and_in_what_state(twin: TestClient) -> None:
    page = twin.get("/experiments").text
    assert 'href="/experiments/may"' in page
    assert "not finished" in page
    assert "cannot be read" in page
    assert "<b>report only" not in page
    rows = list(csv.DictReader(io.StringIO(twin.get("/experiments?format=csv").text)))
    best = {row["experiment"]: row["best_policy"] for row in rows}
    # The oracle cannot be run.
    assert best["may"] == "uplift"


def test_the_figures_are_those_of_the_report(twin: TestClient, root: Path) -> None:
    page = twin.get("/experiments/may")
    assert page.status_code == 200
    assert "+2,000 RON" in page.text
    assert "-5,000 RON – +5,000 RON" in page.text
    answer = twin.get("/experiments/may?format=csv").text
    assert pl.read_csv(answer.encode()).equals(
        pl.read_csv(pl.read_parquet(root / "experiments/may/experiment_results.parquet").write_csv().encode())
    )
    assert "Inverse propensity (IPS)" in page.text


def test_the_days_are_summed_up_with_their_intervals(root: Path) -> None:
    settings = load_settings(root)
    desk = Desk(settings, RecommendationReader(settings.warehouse, settings.engine))
    rows = over_days(desk, experiment(desk, "may"), "incremental_margin_ron")
    uplift = rows.filter(pl.col("policy") == "uplift")
    assert uplift["value"].to_list() == [2000.0, 2000.0, 2000.0]
    # Every customer brings the same, so the interval is the value.
    assert uplift["lower"].to_list() == pytest.approx([2000.0] * 3)
    assert uplift["upper"].to_list() == pytest.approx([2000.0] * 3)


def test_a_report_alone_has_lines_without_intervals(twin: TestClient) -> None:
    page = twin.get("/experiments/%3Cb%3Ereport%20only")
    assert page.status_code == 200
    assert "<b>report only" not in page.text
    assert "so there are no intervals" in page.text


def test_an_experiment_under_way_says_how_it_goes_on(twin: TestClient) -> None:
    page = twin.get("/experiments/begun")
    assert page.status_code == 200
    assert "metro experiment --name begun" in page.text


def test_a_damaged_report_is_a_page_that_says_so(twin: TestClient) -> None:
    assert twin.get("/experiments/broken").status_code == 503


@pytest.mark.parametrize(
    "name",
    [
        "..%2Fsecret",
        "%2e%2e%2fsecret",
        "..",
        ".",
        "%2e%2e",
        "may%2F..%2F..%2Fsecret",
        "%2Fetc%2Fpasswd",
        "may%00",
        "..%5Csecret",
        "....//secret",
        "<script>alert(1)</script>",
    ],
)
def test_no_name_leads_out_of_the_folder(twin: TestClient, name: str) -> None:
    page = twin.get(f"/experiments/{name}", follow_redirects=True)
    assert "All figures, best margin first" not in page.text
    assert "<script>alert" not in page.text
    # A dot is resolved by the browser: it asks for the list or for the first page.
    is_elsewhere = str(page.url).rstrip("/").endswith(("/experiments", "localhost"))
    assert page.status_code == (200 if is_elsewhere else 404)


def test_no_experiment_says_how_to_make_one(pages: TestClient, ran: Path) -> None:
    assert not (ran / "experiments").exists()
    page = pages.get("/experiments", headers={"Accept-Language": "ro"}).text
    assert "Încă niciun experiment" in page
    assert "metro experiment --profile tiny" in page
    assert pages.get("/experiments/may").status_code == 404
