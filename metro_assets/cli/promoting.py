"""Letting a challenger through the gate: what each showed, and serving one by default."""

from __future__ import annotations

from datetime import date

import polars as pl
from rich.table import Table

from metro_assets.cli.restoring import serve_order_of
from metro_assets.cli.showing import plain_table
from metro_assets.config import ConfigurationError, Settings
from metro_assets.storage.errors import WarehouseError
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import RANKER_SUFFIX


class GateClosedError(WarehouseError):
    """A challenger did not pass; the message says everything that speaks against it."""


def gates_table(settings: Settings) -> Table:
    """The challengers of the newest run date and what the gate says of each."""
    run_date, rows = _newest(settings)
    table = plain_table(
        f"challengers on {run_date}, each beside the champion on lists that neither was fitted on",
        "algorithm",
        "champion",
        "NDCG gained",
        "95 % interval",
        "lists",
    )
    table.add_column("the gate")
    for row in rows.iter_rows(named=True):
        known = row["difference"] is not None
        table.add_row(
            row["algorithm"],
            row["champion"],
            f"{row['difference']:+.4f}" if known else "-",
            f"{row['lower']:+.4f} to {row['upper']:+.4f}" if known else "-",
            f"{row['list_count']:,}",
            "[green]open[/]" if row["is_passed"] else f"[red]closed[/]: {'; '.join(row['objections'])}",
        )
    return table


def promote(settings: Settings, algorithm: str) -> str:
    """Serve an algorithm by default from now on if its gate is open; returns what was done.

    Raises
    ------
    ConfigurationError : nothing was measured of such an algorithm. GateClosedError : it did not pass.
    """
    run_date, rows = _newest(settings)
    models = ModelStore(settings.warehouse)
    standing = models.champion()
    if standing and standing.version.name == f"{algorithm}{RANKER_SUFFIX}":
        return f"{algorithm} is the champion already"
    found = rows.filter(pl.col("algorithm") == algorithm)
    if found.is_empty():
        known = ", ".join(rows["algorithm"]) or "none"
        raise ConfigurationError(f"no gate was measured for {algorithm} on {run_date}; measured: {known}")
    row = found.row(0, named=True)
    if not row["is_passed"]:
        against = "; ".join(row["objections"])
        raise GateClosedError(f"{algorithm} may not replace {row['champion']} on the figures of {run_date}: {against}")
    if standing and standing.is_pinned:
        raise GateClosedError("a champion was put back by hand and is kept; end that first: metro rollback --release")
    version = models.newest(f"{algorithm}{RANKER_SUFFIX}", date.min, run_date)
    if version is None:
        raise WarehouseError(f"there is no fitted {algorithm}; fit it first: metro run --date {run_date}")
    champion = models.promote(version, run_date, through_gate=True)
    done = (
        f"champion: {champion.version.name} of {champion.version.run_date}, until another is promoted "
        "or `metro rollback` puts the previous one back"
    )
    return serve_order_of(settings, algorithm, done)


def _newest(settings: Settings) -> tuple[date, pl.DataFrame]:
    warehouse = Warehouse(settings.warehouse, settings.engine)
    dates = warehouse.partitions("promotion_gates")
    if not dates:
        raise WarehouseError(f"{settings.warehouse} holds no measured challenger; measure them: metro run")
    with warehouse.connection() as connection:
        rows: pl.DataFrame = warehouse.read(connection, "promotion_gates", dates[-1:]).order("algorithm").pl()
    return dates[-1], rows
