"""One tiny day run through the command, once for all test processes; tests that change it work on a copy.

And relations from literal rows, typed as the data contract types them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

# Definitions read their warehouse when they are imported: never a person's own one.
os.environ["METRO_WAREHOUSE"] = tempfile.mkdtemp(prefix="metro-tests-")
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
for name in ("DAGSTER_HOME", "METRO_PROFILE", "METRO_SEED"):
    os.environ.pop(name, None)

import duckdb  # noqa: E402
import polars as pl  # noqa: E402
import pytest  # noqa: E402
from filelock import FileLock  # noqa: E402

from metro_assets.cli.teardown import hush_teardown  # noqa: E402
from metro_assets.sql import Relation  # noqa: E402
from metro_assets.storage.contract import contract  # noqa: E402

hush_teardown()

RUN_DATE = date(2026, 5, 18)
ALGORITHMS = ("boosted_trees", "logistic")
"""What the tests' worlds are scored by, and so what they cost; `test_phase_2_day.py` runs all that there is."""
STRATEGIES = ("category_affinity", "segment_popularity", "repeat_purchase", "high_margin")
PHASE_1 = {
    "METRO_RANKING__ALGORITHMS": json.dumps(ALGORITHMS),
    "METRO_CANDIDATES__STRATEGIES": json.dumps(STRATEGIES),
}
Metro = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs a day that was run is slow."""
    for item in items:
        if "ran" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def metro(
    *arguments: object, warehouse: Path, timeout: float = 300, variables: dict[str, str] = PHASE_1
) -> subprocess.CompletedProcess[str]:
    """The `metro` command in a process of its own, on a warehouse."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("METRO_", "DAGSTER_HOME"))}
    return subprocess.run(
        [program("metro"), *map(str, arguments)],
        env=environment | {"METRO_WAREHOUSE": str(warehouse), "COLUMNS": "120"} | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A warehouse after `metro run --profile tiny`, to be read only. `ran.log` beside it is what was printed."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    root, log = shared / "ran", shared / "ran.log"
    with FileLock(shared / "ran.lock"):
        if not log.exists():
            done = metro("run", "--profile", "tiny", "--date", RUN_DATE, warehouse=root)
            assert done.returncode == 0, done.stdout + done.stderr
            # For whatever other process is started on it or on a copy.
            with (root / "settings.toml").open("a", encoding="utf-8") as settings:
                settings.write(f"\n[ranking]\nalgorithms = {json.dumps(ALGORITHMS)}\n")
                settings.write(f"\n[candidates]\nstrategies = {json.dumps(STRATEGIES)}\n")
            log.write_text(done.stdout, encoding="utf-8")
    return root


@pytest.fixture
def copied(ran: Path, tmp_path: Path) -> Path:
    """A copy of the warehouse that a test may change."""
    return Path(shutil.copytree(ran, tmp_path / "warehouse", symlinks=True))


@pytest.fixture(scope="session")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as open_connection:
        yield open_connection


@pytest.fixture(scope="session")
def table(connection: duckdb.DuckDBPyConnection) -> Callable[..., Relation]:
    """`table("redemptions", rows)`: the rows in the table's columns and types; what a row leaves out is null."""
    made = 0

    def build(name: str, rows: list[dict[str, Any]] | pl.DataFrame, **further: str) -> Relation:
        nonlocal made
        made += 1
        columns = {"run_date": "DATE"} | {column.name: column.type for column in contract(name).columns} | further
        own_name = f"{name}_{made}"
        connection.execute(f"create table {own_name} ({', '.join(f'{key} {kind}' for key, kind in columns.items())})")
        frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, infer_schema_length=None)
        if len(frame):
            connection.execute(f"insert into {own_name} by name select * from frame")
        return connection.table(own_name)

    return build
