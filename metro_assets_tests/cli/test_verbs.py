"""The command as its user types it: what each verb shows, and one line with a remedy where something is wrong."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from metro_assets.config import Engine, load_settings, today
from metro_assets.orchestration.jobs import PlannedRun, planned_runs
from metro_assets.serving.publish import Publications
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets_tests.conftest import ALGORITHMS, RUN_DATE, metro, program

pytestmark = pytest.mark.slow

ENGINE = Engine(memory_limit="1GB", threads=1)
PAST = RUN_DATE - timedelta(days=7)
OF_A_FOLDER = ("check-data", "init-data")
VERBS = ("run", *OF_A_FOLDER, "recommend", "status", "models", "promote", "rollback", "docs", "sql", "ui")
FAILED, USAGE = 1, 2


def said(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on standard error of a command that failed with the code."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def told(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that succeeded printed."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def with_environment(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command with further environment variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("METRO_", "DAGSTER_HOME"))}
    return subprocess.run(
        [program("metro"), *arguments],
        env=environment | {"METRO_WAREHOUSE": str(root)} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def pinned(root: Path, *lines: str, start: date = RUN_DATE - timedelta(days=90)) -> Path:
    """A warehouse whose settings name a world, and nothing else in it."""
    root.mkdir(parents=True, exist_ok=True)
    world = ['profile = "tiny"', 'source = "synthetic"', "seed = 42", f"history_start = {start}", *lines]
    (root / "settings.toml").write_text("\n".join(world) + "\n", encoding="utf-8")
    return root


# help and usage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(tmp_path: Path, verb: str) -> None:
    printed = told(metro(verb, "--help", warehouse=tmp_path))
    assert f"metro {verb}" in printed
    assert "Example" in printed
    assert ("--warehouse" in printed) == (verb not in OF_A_FOLDER)


def test_the_command_lists_its_verbs_and_so_does_no_argument(tmp_path: Path) -> None:
    asked = told(metro("-h", warehouse=tmp_path))
    for verb in VERBS:
        assert f" {verb} " in asked
    assert metro(warehouse=tmp_path).stdout.strip() == asked.strip()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("recomend", "17"), "recommend"),
        (("recommend",), "customer"),
        (("run", "--date", "18.05.2026"), f"--date 18.05.2026 is not a date like {today()}"),
        (("recommend", "17", "--date", "2026-13-40"), f"--date 2026-13-40 is not a date like {today()}"),
        (("recommend", "17", "--date", str(today() + timedelta(days=1))), "has not come yet; today is"),
        (("rollback", "--publication", "--release"), "give one at a time"),
        (("run", "--profile", "huge"), "huge"),
        (("run", "--customers", "3"), "--customers"),
        (("ui", "--port", "99999"), "--port"),
        (("docs", "novel"), "novel"),
    ],
)
def test_wrong_usage_is_explained(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = metro(*arguments, warehouse=tmp_path)
    assert done.returncode == USAGE
    assert "Traceback" not in done.stderr
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


# settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["colour = 1"], ["colour is not a setting"]),
        (["[ranking]", "train_weeks = 6"], ["ranking.train_weeks is not a setting"]),
        (["[candidates]", 'per_strategy = "many"'], ["candidates.per_strategy", "'many'"]),
        (["[candidates]", "per_strategy = 0"], ["candidates.per_strategy", "greater than or equal to 1"]),
        (["= nonsense"], ["settings.toml is not valid TOML", "correct it"]),
    ],
)
def test_a_wrong_settings_file_is_named(tmp_path: Path, lines: list[str], words: list[str]) -> None:
    line = said(metro("status", warehouse=pinned(tmp_path, *lines)), USAGE)
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("METRO_COLOUR", "red", "METRO_COLOUR names no setting; known: METRO_API"),
        ("METRO_SEED", "many", "seed = 'many'"),
        ("METRO_RANKING__TRAIN_WEEKS", "6", "ranking.train_weeks is not a setting"),
        ("METRO_PROFILE", "huge", "profile = 'huge' is unknown; choose one of tiny, demo, full"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, words: str) -> None:
    assert words in said(with_environment(tmp_path, "status", **{name: value}), USAGE)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--date", str(RUN_DATE - timedelta(days=90))), "is outside the calendar"),
        (("--date", "2020-01-01"), f"history starts on {RUN_DATE - timedelta(days=90)}"),
        (("--date", str(today() + timedelta(days=1))), "has not come yet"),
        (("--seed", "7"), "holds a world with seed = 42, not 7"),
        (("--profile", "demo"), "sizes.customers = 150, not 2000"),
        (("--customers", "151"), "sizes.customers = 150, not 151"),
    ],
)
def test_a_run_that_does_not_belong_to_the_warehouse_is_refused(
    tmp_path: Path, asked: tuple[str, ...], words: str
) -> None:
    sizes = ("[sizes]", "customers = 150", "products = 300", "live_offers = 60", "history_days = 90")
    root = pinned(tmp_path, *sizes)
    line = said(metro("run", *asked, warehouse=root), USAGE)
    assert words in line
    assert "--warehouse" in line or "today is" in line
    assert [path.name for path in root.iterdir()] == ["settings.toml"]


def test_debug_shows_where_an_error_comes_from(tmp_path: Path) -> None:
    done = metro("--debug", "status", warehouse=tmp_path)
    assert done.returncode == FAILED
    assert "WarehouseError" in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith("error: ")


# an empty warehouse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("status",), "is empty; fill it first: metro run"),
        (("models",), "is empty; fill it first: metro run"),
        (("sql", "from offers"), "is empty; fill it first: metro run"),
        (("recommend", "17"), "nothing has been published yet; make today's recommendations: metro run"),
        (("rollback",), "there is no previous champion to go back to"),
        (("rollback", "--publication"), "nothing has been published yet"),
    ],
)
def test_an_empty_warehouse_is_said_with_the_remedy(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in said(metro(*arguments, warehouse=tmp_path / "new"), FAILED)


@pytest.mark.parametrize("arguments", [("status",), ("recommend", "17")])
def test_a_remedy_speaks_of_the_warehouse_that_the_command_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    named = tmp_path / "of its own"
    line = said(metro(*arguments, "--warehouse", named, warehouse=tmp_path), FAILED)
    assert line.endswith(f"metro run --warehouse '{named}'")


def test_a_warehouse_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    line = said(metro("run", "--profile", "tiny", warehouse=tmp_path / "file" / "warehouse"), USAGE)
    assert "dagster cannot be made (not a directory); name another folder with --warehouse" in line


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with listening() as port:
        line = said(metro("ui", "--port", port, warehouse=tmp_path), USAGE)
    assert line == f"error: port {port} is taken; choose another one with --port"


@contextmanager
def listening() -> Iterator[int]:
    """A port of the loopback interface on which something listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


# a filled warehouse -----------------------------------------------------------------------------------------------


def someone(root: Path) -> tuple[int, str, str, str]:
    """A customer with offers: id, Metro card, fiscal code, name."""
    warehouse = Warehouse(root, ENGINE)
    with warehouse.connection() as connection:
        customers = warehouse.read(connection, "customers")
        served = warehouse.read(connection, "recommendations", [RUN_DATE])
        served.create_view("served")
        row = customers.query(
            "customers",
            "select customer_id, metro_card, cui, name from customers semi join served using (customer_id) "
            "where cui is not null order by customer_id limit 1",
        ).fetchall()[0]
    return row[0], row[1], row[2], row[3]


def test_a_customer_is_found_by_id_card_and_fiscal_code(ran: Path) -> None:
    customer, card, code, name = someone(ran)
    by_id = told(metro("recommend", customer, warehouse=ran))
    assert name in by_id
    assert f"customer {customer} ·" in by_id
    assert f"{RUN_DATE} · by " in by_id
    assert ", the champion" in by_id
    assert "─  1  " in by_id
    assert f"as of {RUN_DATE}, {(today() - RUN_DATE).days} days ago" in by_id
    assert told(metro("recommend", card, warehouse=ran)) == by_id
    assert told(metro("recommend", code, warehouse=ran)) == by_id


def test_every_algorithm_and_a_past_date_can_be_asked_for(ran: Path) -> None:
    customer = someone(ran)[0]
    shown = {
        algorithm: told(metro("recommend", customer, "--algorithm", algorithm, warehouse=ran))
        for algorithm in ALGORITHMS
    }
    for algorithm, printed in shown.items():
        assert f"by {algorithm}" in printed
    assert sum(", the champion" in printed for printed in shown.values()) == 1
    past = told(metro("recommend", customer, "--date", PAST, warehouse=ran))
    assert f"{PAST} · by " in past
    assert "days ago\n" not in past.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("999999",), "no customer has the id, card or fiscal code '999999'; ids run from 1 to "),
        (("Pizzeria",), "'Pizzeria'"),
        (("17; drop table customers",), "no customer"),
        (("17", "--algorithm", "oracle"), "'oracle' is not published; choose one of boosted_trees, logistic"),
        (("17", "--date", "2026-05-12"), f"(there are: {PAST}, {RUN_DATE}); make them: metro run --date 2026-05-12"),
    ],
)
def test_what_cannot_be_recommended_is_said(ran: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in said(metro("recommend", *arguments, warehouse=ran), FAILED)


def test_status_shows_world_tables_champion_publication_drift_and_runs_in_80_columns(ran: Path) -> None:
    printed = told(with_environment(ran, "status", COLUMNS="80"))
    assert "tiny, seed 42: 150 customers, 300 products, 60 live offers" in printed
    assert f"_ranker of {RUN_DATE}" in printed
    assert f"recommendations-{RUN_DATE}-" in printed
    assert f" on {RUN_DATE}; highest " in printed
    table = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if len(line.split()) == 6}
    assert table["recommendations"][:3] == ["2", str(PAST), str(RUN_DATE)]
    assert table["orders"][2] == str(RUN_DATE - timedelta(days=1))
    assert table["published_recommendations"][3] == "1"
    runs = [line.split() for line in printed.splitlines() if "success" in line]
    assert [run[2] for run in runs] == ["day", "day", "examples", "history"]
    assert "…" not in printed


def test_models_shows_every_ranker_with_the_champion_and_what_chose_it_in_80_columns(ran: Path) -> None:
    printed = told(with_environment(ran, "models", COLUMNS="80"))
    assert "chosen by AUC on the validation days" in printed
    assert "…" not in printed
    rows = [line for line in printed.splitlines() if str(RUN_DATE) in line or str(PAST) in line]
    assert len(rows) == 2 * len(ALGORITHMS)
    (marked,) = [line for line in rows if "★" in line]
    champion = ModelStore(ran).champion()
    assert champion is not None
    assert champion.version.name.removesuffix("_ranker") in marked
    assert str(champion.version.run_date) in marked
    validation = ModelStore(ran).metadata(champion.version.name, champion.version.run_date)["metrics"]["validation"]
    assert marked.split()[3] == f"{validation['auc']:.4f}"


def test_the_champion_goes_back_once_stays_until_released_and_is_served_at_once(copied: Path) -> None:
    customer = someone(copied)[0]
    printed = told(metro("rollback", warehouse=copied))
    champion = ModelStore(copied).champion()
    assert champion is not None
    assert champion.is_pinned
    assert champion.version.run_date == PAST
    algorithm = champion.version.name.removesuffix("_ranker")
    assert f"champion: {champion.version.name} of {PAST}, kept until `metro rollback --release`" in printed
    assert f"serves the order of {algorithm} from now on" in printed
    assert f"{RUN_DATE} · by {algorithm}, the champion" in told(metro("recommend", customer, warehouse=copied))
    assert "put back by hand" in told(metro("status", warehouse=copied))
    assert "there is no previous champion" in said(metro("rollback", warehouse=copied), FAILED)
    assert "the next run chooses" in told(metro("rollback", "--release", warehouse=copied))
    assert "put back by hand" not in told(metro("status", warehouse=copied))
    assert "nothing is pinned" in told(metro("rollback", "--release", warehouse=copied))


def test_the_publication_goes_back_until_there_is_none_before_it(copied: Path) -> None:
    customer = someone(copied)[0]
    printed = told(metro("rollback", "--publication", warehouse=copied))
    assert f"of {PAST}" in printed
    assert f"it is 7 days before the newest, of {RUN_DATE}: offers that ended since are still in it" in printed
    assert f"{PAST} · by " in told(metro("recommend", customer, warehouse=copied))
    assert f"{RUN_DATE} · by " in told(metro("recommend", customer, "--date", RUN_DATE, warehouse=copied))
    assert "no earlier publication" in said(metro("rollback", "--publication", warehouse=copied), FAILED)


def test_a_damaged_publication_names_both_ways_out(copied: Path) -> None:
    publications = Publications(copied, 1)
    publications.path(publications.current()).write_bytes(b"garbage" * 1000)
    line = said(metro("recommend", "17", warehouse=copied), FAILED)
    assert "`metro run`" in line
    assert "`metro rollback --publication`" in line
    told(metro("rollback", "--publication", warehouse=copied))
    told(metro("recommend", someone(copied)[0], warehouse=copied))


def test_a_damaged_partition_fails_the_run_with_its_path_and_remedy(copied: Path) -> None:
    path = Warehouse(copied, ENGINE).path("order_items", RUN_DATE - timedelta(days=1))
    path.write_bytes(os.urandom(50_000))
    assert f"{path} is damaged" in said(metro("status", warehouse=copied), FAILED)
    line = said(metro("run", "--date", RUN_DATE, "--no-backtest", warehouse=copied), FAILED)
    assert line.startswith("error: customer_products: ")
    assert f"{path} is damaged or not a table of ours; delete its folder and materialise it again" in line
    assert "`metro ui`, then /runs/" in line
    shutil.rmtree(path.parent)
    settings = load_settings(copied)
    healing = planned_runs(settings, Warehouse(copied, ENGINE), RUN_DATE)[0]
    assert healing == PlannedRun("history", RUN_DATE - timedelta(days=1), RUN_DATE - timedelta(days=1))


def test_a_partition_of_another_contract_fails_the_run_with_its_path_and_remedy(copied: Path) -> None:
    path = Warehouse(copied, ENGINE).path("offers", RUN_DATE - timedelta(days=1))
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table offers_0ddba11 as select 1 as offer_id")
    line = said(metro("run", "--date", RUN_DATE, "--no-backtest", warehouse=copied), FAILED)
    assert line.startswith("error: offer_features: ")
    assert f"{path} was written under another version of the data contract" in line
    assert f"or start anew: remove {copied}; " in line


# queries ----------------------------------------------------------------------------------------------------------


def test_a_query_is_answered_as_a_table_a_list_or_csv(ran: Path) -> None:
    counted = f"select run_date, 1 / 3 as third, null as nothing from recommendations where run_date = '{PAST}' limit 1"
    head, _, row = (line for line in told(metro("sql", counted, warehouse=ran)).splitlines() if line.strip())
    assert (head.split(), row.split()) == (["run_date", "third", "nothing"], [str(PAST), "0.333333", "-"])
    tall = told(metro("sql", "from recommendations limit 2", warehouse=ran))
    assert [line.strip() for line in tall.splitlines() if line.startswith("row ")] == ["row 1", "row 2"]
    assert "expected_margin_ron" in tall
    lines = told(metro("sql", "from range(150) as numbers(number)", "--csv", warehouse=ran)).splitlines()
    assert lines == ["number", *map(str, range(150))]
    assert "the first 100 rows; --csv prints all" in told(metro("sql", "from range(150)", warehouse=ran))
    assert "no rows" in told(metro("sql", "from offers where false", warehouse=ran))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("from nowhere", "nowhere does not exist"),
        ("create table mine as select 1", "read-only mode"),
        ("drop view offers", "read-only mode"),
        ("", "the statement has no result"),
    ],
)
def test_a_query_that_cannot_be_answered_is_said_in_one_line(ran: Path, query: str, words: str) -> None:
    assert words in said(metro("sql", query, warehouse=ran), FAILED)


def test_the_contract_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "pages" / "contract.md"
    assert f"wrote {page}" in told(with_environment(tmp_path, "docs", "contract", "--output", str(page), COLUMNS="300"))
    assert page.read_text(encoding="utf-8").startswith("# The data contract")
