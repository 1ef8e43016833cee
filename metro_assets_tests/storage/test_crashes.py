"""Real processes that die, race and run out of disk: the previous partition stays whole and a rerun heals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from metro_assets.config import Engine
from metro_assets.storage.tables import Warehouse

DAY = date(2026, 1, 5)
WRITER = """
import sys, resource
from datetime import date
from pathlib import Path
from metro_assets.config import Engine
from metro_assets.storage.tables import Warehouse
root, start, rows, times, limit = Path(sys.argv[1]), *map(int, sys.argv[2:6])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
warehouse = Warehouse(root, Engine(memory_limit="1GB", threads=1))
print("ready", flush=True)
for _ in range(times):
    with warehouse.connection() as connection:
        frame = connection.sql(
            f"select i // 100 + {start} as customer_id, i % 100 as product_id, "
            "timestamp '2026-01-05 09:00' as viewed_at, "
            f"date '2026-01-05' as recorded_date from range({rows}) t(i)")
        warehouse.write("web_visits", date(2026, 1, 5), frame, connection)
print("done", flush=True)
"""

pytestmark = pytest.mark.slow


@contextmanager
def writer(root: Path, start: int, rows: int, times: int = 1, limit: int = 0) -> Iterator[subprocess.Popen[str]]:
    """A process that writes the partition, begun when the block is entered and gone when it is left."""
    arguments = [str(root), str(start), str(rows), str(times), str(limit)]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate()


def summary(root: Path) -> tuple[int, int]:
    warehouse = Warehouse(root, Engine(memory_limit="1GB", threads=1))
    with warehouse.connection() as connection:
        rows = warehouse.read(connection, "web_visits", [DAY]).aggregate("count(*), min(customer_id)").fetchall()
    return rows[0]


def write(root: Path, start: int, rows: int) -> None:
    with writer(root, start, rows) as process:
        process.communicate()
    assert process.returncode == 0


def test_a_writer_killed_at_any_moment_leaves_the_previous_partition(tmp_path: Path) -> None:
    write(tmp_path, 0, 1000)
    for moment in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5):
        with writer(tmp_path, 1000, 3_000_000) as process:
            time.sleep(moment)
            os.kill(process.pid, signal.SIGKILL)
        assert summary(tmp_path) in {(1000, 0), (3_000_000, 1000)}
    write(tmp_path, 5, 2000)
    assert summary(tmp_path) == (2000, 5)
    Warehouse(tmp_path, Engine()).sweep()
    assert [path.name for path in (tmp_path / "tables/web_visits/run_date=2026-01-05").iterdir()] == ["data.duckdb"]


def test_two_writers_of_one_partition_end_with_one_of_the_two(tmp_path: Path) -> None:
    with writer(tmp_path, 0, 300_000, times=3) as first, writer(tmp_path, 10_000, 300_000, times=3) as second:
        pass
    assert [first.returncode, second.returncode] == [0, 0]
    assert summary(tmp_path) in {(300_000, 0), (300_000, 10_000)}


def test_a_reader_sees_one_version_while_writers_replace_it(tmp_path: Path) -> None:
    write(tmp_path, 0, 200_000)
    seen = set()
    with writer(tmp_path, 0, 300_000, times=10) as process:
        while process.poll() is None:
            seen.add(summary(tmp_path)[0])
    assert seen <= {200_000, 300_000}
    assert 300_000 in seen


def test_a_full_disk_is_said_and_the_previous_partition_stays(tmp_path: Path) -> None:
    write(tmp_path, 0, 1000)
    with writer(tmp_path, 7, 5_000_000, limit=2_000_000) as process:
        _, errors = process.communicate()
    assert process.returncode != 0
    assert "could not be written" in errors
    assert "the previous version is whole" in errors
    assert summary(tmp_path) == (1000, 0)
