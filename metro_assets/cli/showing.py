"""Tables and panels of what the warehouse holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from metro_assets.cli.settling import on_the_same_warehouse
from metro_assets.config import Settings, today
from metro_assets.serving.price_tag import WIDTH, price_tag
from metro_assets.serving.publish import Publications
from metro_assets.serving.schemas import Slate
from metro_assets.storage.contract import contracts
from metro_assets.storage.errors import WarehouseError
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import UNKNOWN, UNRANKED, Severity

SHORTFALLS = {
    "NO_CONSENT": "the customer has consented to no channel",
    "NO_CANDIDATES": "no live offer may be shown to the customer",
    "TOO_FEW_CANDIDATES": "too few live offers may be shown to the customer",
    "ALREADY_REDEEMED": "the customer has already redeemed the others",
    "EXPOSURE_LIMIT": "the customer has seen the others often enough this week",
    "CATEGORY_LIMIT": "the others are of categories that are full",
}
METRICS = {"auc": "AUC", "auc_within_lists": "AUC in\nlists", "ndcg_at_10": "NDCG\n@10", "ece": "ECE"}
"""Headers of what is measured of a ranker."""
NEWEST_RUNS = 6
MEGABYTE = 1e6


def show_slate(console: Console, slate: Slate) -> None:
    """A customer's offers as price tags."""
    who = slate.customer
    trade = "" if who.business_type == UNKNOWN else who.business_type.replace("_", " ").lower()
    place = ", ".join(part for part in (who.city, who.county) if part)
    told = " · ".join(part for part in (f"customer {who.customer_id}", trade, place) if part)
    champion = ", the champion" if slate.is_champion else ""
    if slate.algorithm == UNRANKED:
        champion = ": no ranker could be fitted yet, so in the order of retrieval and without probabilities"
    console.print(f"\n[bold]{who.name}[/] · {told}", highlight=False)
    console.print(f"[dim]{slate.run_date} · by {slate.algorithm}{champion}[/]\n", highlight=False)
    tags = [price_tag(offer) for offer in slate.offers]
    if console.width >= 2 * WIDTH + 1:
        console.print(Columns(tags, width=WIDTH, padding=(0, 1)))
    else:
        for tag in tags:
            console.print(tag)
    if slate.shortfall:
        why = SHORTFALLS.get(slate.shortfall, slate.shortfall)
        console.print(f"[yellow]{len(slate.offers)} offers rather than ten: {why}[/]")


def show_age(console: Console, slate: Slate) -> None:
    """A line where the slate is not today's."""
    if (days := (today() - slate.run_date).days) > 0:
        console.print(f"[yellow]as of {slate.run_date}, {days} day{'s' * (days > 1)} ago[/]", highlight=False)


def show_next_steps(console: Console, settings: Settings, customer_id: int, named: Path | None) -> None:
    """Where the files are and what to try next; commands speak of the warehouse that was named."""
    root = shortened(settings.warehouse)
    lines = [
        f"tables        {root}/tables/<table>/run_date=…/data.duckdb",
        f"publication   {root}/serving/{Publications(settings.warehouse, 1).current().name}.duckdb",
        f"all as views  {root}/metro.duckdb",
        "",
    ]
    algorithm = Publications(settings.warehouse, 1).current().champion
    other = "" if algorithm == UNRANKED else " --algorithm logistic"
    steps = {
        f"metro recommend {customer_id}{other}": "the same customer by another ranker" if other else "the customer",
        'metro sql "from recommendations limit 5"': "any query over all tables",
        "metro status": "partitions, sizes, runs, champion, drift",
        "metro serve": "the dashboard on http://127.0.0.1:8000, and REST (/docs)",
        "metro ui": "the runs and the graph on http://127.0.0.1:3000",
    }
    if named is None:
        lines += [f"{command:<42} {what}" for command, what in steps.items()]
    else:
        lines += [on_the_same_warehouse(command, named) for command in steps]
    text = Text("\n".join(lines))
    console.print(Panel(text, title="where it is, and what next", title_align="left", width=100))


def tables_table(warehouse: Warehouse) -> Table:
    """Every table with its partitions, newest rows and size."""
    table = plain_table("tables", "table")
    for name in ("dates", "first", "last", "newest rows", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    with warehouse.connection() as connection:
        for shape in contracts().values():
            days: list[date] = warehouse.partitions(shape.name) if shape.is_partitioned else []
            if not days and not warehouse.exists(shape.name):
                continue
            newest = warehouse.read(connection, shape.name, days[-1:] or None)
            rows = newest.aggregate("count(*)").fetchall()[0][0]
            size = sum(path.stat().st_size for path in (warehouse.tables / shape.name).rglob("data.duckdb"))
            spans = [str(len(days)), str(days[0]), str(days[-1])] if days else ["-", "-", "-"]
            table.add_row(shape.name, *spans, f"{rows:,}", f"{size / MEGABYTE:,.1f}")
    return table


def state_lines(settings: Settings, warehouse: Warehouse, models: ModelStore) -> Iterator[str]:
    """World, champion, publication and drift, a line each."""
    yield f"[bold]warehouse[/]    {shortened(settings.warehouse)}"
    if settings.source == "files":
        yield f"[bold]files[/]        {settings.source_folder}, from {settings.calendar_start}"
    else:
        sizes = settings.sizes
        world = f"{sizes.customers:,} customers, {sizes.products:,} products, {sizes.live_offers} live offers"
        yield f"[bold]world[/]        {settings.profile}, seed {settings.seed}: {world}, from {settings.calendar_start}"
    champion = models.champion()
    if champion:
        pinned = ", put back by hand (`metro rollback --release` ends that)" if champion.is_pinned else ""
        yield f"[bold]champion[/]     {champion.version.name} of {champion.version.run_date}{pinned}"
    publications = Publications(settings.warehouse, settings.engine.kept_publications)
    kept = publications.published()
    if kept:
        now = publications.current()
        facts = f"{now.row_count:,} offers for {now.customer_count:,} customers; {len(kept)} kept"
        yield f"[bold]publication[/]  {now.name} of {now.run_date}, {facts}"
    yield f"[bold]drift[/]        {drift_line(warehouse)}"


def drift_line(warehouse: Warehouse) -> str:
    """The newest drift log in one line."""
    days = warehouse.partitions("drift_log")
    if not days:
        return "not measured yet"
    with warehouse.connection() as connection:
        log = warehouse.read(connection, "drift_log", days[-1:])
        counts = dict(log.aggregate("severity, count(*)").fetchall())
        worst = log.order("psi desc, quantity").limit(1).select("quantity, psi").fetchall()
    told = ", ".join(f"{counts[name]} {name.lower()}" for name in map(str, Severity) if name in counts)
    highest = f"; highest {worst[0][0]} {worst[0][1]:.3f}" if worst else ""
    return f"{told or 'nothing to compare'} on {days[-1]}{highest}"


def runs_table(rows: list[tuple[str, ...]]) -> Table:
    """The newest runs of the instance."""
    table = plain_table("newest runs", "started", "job", "run dates", "status", "seconds", "run")
    colours = {"SUCCESS": "green", "FAILURE": "red"}
    for row in rows:
        colour = colours.get(row[3], "yellow")
        table.add_row(*row[:3], f"[{colour}]{row[3].lower()}[/]", *row[4:])
    return table


def models_table(models: ModelStore, selection_metric: str) -> Table:
    """Every fitted ranker with what chose and what is reported; the champion is marked.

    Raises
    ------
    WarehouseError : no ranker has been fitted.
    """
    versions = models.versions()
    if not versions:
        raise WarehouseError("no ranker has been fitted yet; make today's recommendations: metro run")
    chose = METRICS[selection_metric].replace("\n", " ")
    table = plain_table(
        f"rankers; ★ is the champion, chosen by {chose} on the validation days (valid.);\n"
        "the other figures are of the test days, which no fit and no choice has seen",
        "",
        "ranker",
        "run date",
    )
    for name in (f"valid.\n{METRICS[selection_metric]}", *METRICS.values(), "trained\non"):
        table.add_column(name, justify="right", no_wrap=True)
    champion = models.champion()
    for version in reversed(versions):
        metadata = models.metadata(version.name, version.run_date)
        metrics = metadata.get("metrics", {})
        if metrics.get("test") is None:
            continue
        mark = "★" if champion and champion.version == version else ""
        figures = [
            metrics.get("validation", {}).get(selection_metric),
            *(metrics["test"].get(name) for name in METRICS),
        ]
        rows = metadata.get("rows", {}).get("train", 0)
        ranker = version.name.removesuffix("_ranker")
        table.add_row(mark, ranker, str(version.run_date), *map(_figure, figures), f"{rows:,}")
    return table


def plain_table(title: str, *columns: str) -> Table:
    """A table whose widest rows, those of `metro status`, fit into 80 columns."""
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.pad_edge = False
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def shortened(path: Path) -> str:
    """The path from the current folder where it is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


def _figure(value: Any) -> str:
    return "-" if value is None else f"{value:.4f}"
