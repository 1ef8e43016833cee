"""Ten million order lines in CSV taken over: seconds, rows per second, peak memory. `python -m benchmarks.folder`."""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from metro_assets.config import Engine, Files
from metro_assets.sources.files.snapshot import check_folder, take_snapshot

CUSTOMERS, PRODUCTS, LINES_PER_ORDER, DAYS = 20_000, 8_000, 10, 180


def write(folder: Path, lines: int) -> None:
    """A folder of lines spread over customers, products and days; ids of customers and products are text."""
    folder.mkdir(parents=True)
    orders = lines // LINES_PER_ORDER
    tables = {
        "customers": f"select 'K-' || i as customer_id from range({CUSTOMERS}) as t(i)",
        "products": f"select 'A-' || i as product_id, 'Product ' || i as name, 10 + i % 90 as base_price_ron "
        f"from range({PRODUCTS}) as t(i)",
        "offers": "select 1 as offer_id, date '2026-01-01' as valid_from_date, date '2026-12-31' as valid_to_date",
        "offer_products": "select 1 as offer_id, 'A-1' as product_id",
        "orders": f"select 'F' || i as order_id, 'K-' || hash(i) % {CUSTOMERS} as customer_id, "
        f"timestamp '2026-01-05 08:00:00' + to_days((i % {DAYS})::integer) as ordered_at from range({orders}) as t(i)",
        "order_items": f"select 'F' || i // {LINES_PER_ORDER} as order_id, "
        f"'A-' || (hash(i // {LINES_PER_ORDER}) % {PRODUCTS} + i % {LINES_PER_ORDER}) % {PRODUCTS} as product_id, "
        "1 + hash(i) % 20 as quantity, 10 + hash(i) % 90 as unit_price_ron "
        f"from range({orders * LINES_PER_ORDER}) as t(i)",
    }
    with duckdb.connect() as connection:
        for name, query in tables.items():
            connection.execute(f"copy ({query}) to '{folder / name}.csv' (header, delimiter ',')")


def main() -> None:
    """Print what checking and taking over cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--memory", default="1GB", help="memory limit of DuckDB")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="metro-bench-") as place:
        root = Path(place)
        write(root / "in", asked.lines)
        size = sum(path.stat().st_size for path in (root / "in").iterdir()) / 1e6
        engine = Engine(memory_limit=asked.memory)
        print(f"{asked.lines:,} order lines, {size:,.0f} MB of CSV, DuckDB limited to {asked.memory}")
        started = time.perf_counter()
        findings, rows = check_folder(root / "in", engine, Files(), root / "room")
        told(f"check-data: {len(findings.problems)} problems, {rows['order_items']:,} lines", started, asked.lines)
        started = time.perf_counter()
        snapshot = take_snapshot(root / "in", root / "warehouse", engine, Files())
        told(f"take over: snapshot of {snapshot.stat().st_size / 1e6:,.0f} MB", started, asked.lines)


def told(what: str, started: float, lines: int) -> None:
    """Print a step with its seconds and the peak of the process's memory so far."""
    seconds = time.perf_counter() - started
    peak = peak_mebibytes()
    print(f"{what}: {seconds:.1f} s, {lines / seconds:,.0f} lines/s, peak {peak:,.0f} MiB", flush=True)


def peak_mebibytes() -> float:
    """The most memory of this program so far; what getrusage tells begins with that of the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
