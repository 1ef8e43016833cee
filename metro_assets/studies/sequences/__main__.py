"""`python -m metro_assets.studies.sequences --warehouse DIR --date D`: next-item orders of all products, side by side.

The networks learn from what was known two weeks before the date; half-lives and weights are chosen on the week after;
the week before the date is the test, looked at with the same weights and the purchases known on its first morning.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from metro_assets.config import Engine, Evaluation, Sequences
from metro_assets.storage.tables import Warehouse
from metro_assets.studies.sequences.next_items import WEEK, judge_next_items

SEED = 42


def main(
    warehouse: Annotated[Path, typer.Option(help="Folder of a warehouse.", exists=True, file_okay=False)],
    run_date: Annotated[datetime, typer.Option("--date", help="The week before it is the test.", formats=["%Y-%m-%d"])],
    output: Annotated[Path, typer.Option(help="The table.")] = Path("docs/sequences.csv"),
    threads: Annotated[int, typer.Option(min=1, help="Threads of DuckDB and torch.")] = 2,
) -> None:
    """Write how well each order foresees the next basket and the next week's products, over the full catalogue."""
    started = time.process_time()
    store = Warehouse(warehouse, Engine(threads=threads))
    with store.connection() as connection:
        products = store.read(connection, "products").select("product_id").fetchnumpy()["product_id"]
        rows = judge_next_items(
            store.read(connection, "order_items"),
            store.read(connection, "customers"),
            np.sort(products).astype(np.int64),
            [run_date.date() - WEEK],
            Sequences(),
            Evaluation(),
            SEED,
            threads,
            typer.echo,
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    rows.write_csv(output, float_precision=4)
    typer.echo(f"{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    typer.run(main)
