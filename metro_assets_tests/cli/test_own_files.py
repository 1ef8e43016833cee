"""A company's own files as their owner meets them: begin, check, run; with a log and without one."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metro_assets.cli import app
from metro_assets.cli.own_files import changed_days
from metro_assets.config import Engine, Files, load_settings, today
from metro_assets.orchestration.jobs import PlannedRun, planned_runs
from metro_assets.serving.queries import RecommendationReader
from metro_assets.sources.files.contract import folder_contract
from metro_assets.sources.files.source import FolderSource
from metro_assets.sources.files.template import write_example
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import UNRANKED
from metro_assets_tests.conftest import metro
from metro_assets_tests.sources.files.folders import ORDER_ITEMS, PRODUCTS, write_folder

ENGINE = Engine(memory_limit="1GB", threads=1)
LAST = date(2026, 5, 17)
"""A Sunday, on which the example is closed: its mapping says that the files hold it all the same."""


def said(*arguments: object) -> tuple[int, str]:
    """Exit code and what was printed, without a process."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    return done.exit_code, " ".join(done.output.split())


def test_a_template_names_every_column_and_is_not_written_over_anything(tmp_path: Path) -> None:
    code, printed = said("init-data", tmp_path / "new")
    assert code == 0, printed
    for table in folder_contract().values():
        header = (tmp_path / "new" / f"{table.name}.csv").read_text(encoding="utf-8")
        assert header.strip().split(",") == list(table.column_names)
    code, printed = said("init-data", tmp_path / "new")
    assert code == 2
    assert "is not empty; name a new folder" in printed


def test_the_template_says_what_to_fill_in_and_the_example_has_no_problem(tmp_path: Path) -> None:
    said("init-data", tmp_path / "new")
    code, printed = said("check-data", tmp_path / "new")
    assert code == 1
    assert "6 problems; nothing was written" in printed
    code, printed = said("check-data", tmp_path / "new" / "example")
    assert code == 0, printed
    assert "products.is_own_brand null: own_brand_share is null" in printed


def test_the_example_is_the_same_for_the_same_day(tmp_path: Path) -> None:
    first, second = (write_example(tmp_path / name, LAST) for name in ("a", "b"))
    assert all((second / path.name).read_bytes() == path.read_bytes() for path in first.iterdir())
    assert (first / "linii.csv").read_bytes().startswith("\N{BYTE ORDER MARK}Număr bon;Cod articol;".encode())


def test_every_problem_is_told_with_rows_examples_and_remedy_and_nothing_is_written(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path / "in",
        products=PRODUCTS.replace("24.90", "24,90,x"),
        order_items=ORDER_ITEMS.replace("F1,A-1,4,", "F1,A-1,-4,"),
    )
    before = sorted(tmp_path.rglob("*"))
    code, printed = said("check-data", folder)
    assert code == 1
    assert "1. products.csv: a line has more cells than the header (1 row) line 2 →" in printed
    assert "2. order_items.csv, quantity: does not fulfil quantity > 0 (1 row) order_id F1, product_id A-1" in printed
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--profile", "tiny"), "are sizes of the synthetic world; leave them out with --source"),
        (("--date", "2026-03-20"), "end on 2026-03-05; run the day after, --date 2026-03-06"),
        (("--date", "2026-02-01"), "is live on 2026-02-01"),
    ],
)
def test_a_run_that_cannot_be_says_why(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    folder = write_folder(tmp_path / "in")
    code, printed = said("run", "--source", folder, "--warehouse", tmp_path / "warehouse", *options)
    assert code != 0
    assert message in printed
    assert not (tmp_path / "warehouse" / "tables").exists()


def test_a_run_on_bad_files_writes_nothing(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", order_items=ORDER_ITEMS.replace("F1,A-1,4,", "F1,A-1,-4,"))
    code, printed = said("run", "--source", folder, "--warehouse", tmp_path / "warehouse")
    assert code == 1
    assert "quantity: does not fulfil quantity > 0 (1 row); nothing was written" in printed
    assert not list((tmp_path / "warehouse").rglob("*.duckdb"))


@pytest.mark.slow
def test_the_example_goes_from_files_to_offers(tmp_path: Path) -> None:
    """Yesterday is in the files, so today is served, by a ranker that was fitted on the files' impressions."""
    folder, root = write_example(tmp_path / "in"), tmp_path / "warehouse"
    done = metro("run", "--source", folder, "--no-backtest", warehouse=root)
    assert done.returncode == 0, done.stdout + done.stderr
    opened = RecommendationReader(root, ENGINE).in_force()
    slate = opened.slate(opened.find_customer("K-017").customer_id)
    assert slate.run_date == today()
    assert len(slate.offers) == 10
    assert slate.offers[0].saving_ron is not None
    assert len(ModelStore(root).versions()) == 2
    settings = (root / "settings.toml").read_text(encoding="utf-8")
    assert 'source = "files"' in settings
    assert f'source_folder = "{folder}"' in settings
    # a later command needs no --source; the next day's files are taken over, the days before stay
    status = metro("status", warehouse=root)
    assert status.returncode == 0, status.stderr
    assert f"files        {folder}, from " in status.stdout
    warehouse = Warehouse(root, ENGINE)
    assert len(warehouse.partitions("orders")) == 56
    # a line that came late: its day alone is ingested anew
    settings_of = load_settings(root)
    assert changed_days(settings_of, FolderSource(folder, root, ENGINE, Files())) == set()
    number, _, moment = (folder / "comenzi.csv").read_text(encoding="utf-8-sig").splitlines()[1].split(";")
    lines = (folder / "linii.csv").read_text(encoding="utf-8-sig")
    product = next(code for code in (f"A-{place}" for place in range(1001, 1021)) if f"{number};{code};" not in lines)
    with (folder / "linii.csv").open("a", encoding="utf-8") as file:
        file.write(f"{number};{product};7;223,30;\r\n")
    day = datetime.strptime(moment, "%d.%m.%Y %H:%M").date()
    source = FolderSource(folder, root, ENGINE, Files())
    assert changed_days(settings_of, source) == {day}
    runs = planned_runs(settings_of, warehouse, today(), backtest=False, changed={day})
    assert runs[0] == PlannedRun("history", day, day)
    # a bad file stops the next run before it writes anything
    before = {path: path.stat().st_mtime_ns for path in (root / "tables").rglob("data.duckdb")}
    (folder / "comenzi.csv").write_bytes(b"")
    again = metro("run", warehouse=root)
    assert again.returncode == 1
    assert "comenzi.csv: is empty; nothing was written" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in (root / "tables").rglob("data.duckdb")} == before


@pytest.mark.slow
def test_a_company_that_starts_today_gets_the_order_of_retrieval_and_is_told_so(tmp_path: Path) -> None:
    """No impressions, no offer on any line, no consent, category, cost or price: the least that a folder can say."""
    folder, root = write_example(tmp_path / "in", LAST), tmp_path / "warehouse"
    (folder / "afisari.csv").unlink()
    mapping = (folder / "mapping.toml").read_text(encoding="utf-8").split("[impressions]")[0]
    for said_of in ('offer_id = "Cod ofertă"\n\n', 'has_email_consent = "Acord e-mail"\n', 'category = "Categorie"\n'):
        assert said_of in mapping
        head, _, tail = mapping.rpartition(said_of)
        mapping = head + tail
    for column in ("base_price_ron", "cost_ron", "discount_share"):
        mapping = "\n".join(line for line in mapping.splitlines() if not line.startswith(f"{column} ="))
    mapping = mapping.replace("[products.values.category]", "[products.values.subcategory]")
    for table in ("customers", "products", "offers", "order_items"):
        mapping = mapping.replace(f"[{table}]\n", f'[{table}]\nignore = ["*"]\n')
    (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    done = metro("run", "--source", folder, "--date", LAST + timedelta(days=1), "--no-backtest", warehouse=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no ranker could be fitted yet" in done.stdout
    opened = RecommendationReader(root, ENGINE).in_force()
    assert opened.algorithms == [UNRANKED]
    slate = opened.slate(opened.some_customer())
    assert len(slate.offers) == 10
    assert {offer.channel for offer in slate.offers} == {"STORE"}
    assert {(offer.saving_ron, offer.expected_margin_ron, offer.category) for offer in slate.offers} == {
        (None, None, "UNKNOWN")
    }
    assert ModelStore(root).versions() == []
