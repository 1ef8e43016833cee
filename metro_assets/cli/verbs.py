"""The verbs: arguments and what they call."""

from __future__ import annotations

import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from metro_assets.cli.failures import DEBUG, FAILED, explaining
from metro_assets.cli.settling import as_asked, asked_date, settle
from metro_assets.config import PROFILES, ConfigurationError, load_settings, today
from metro_assets.storage.errors import WarehouseError

app = typer.Typer(
    name="metro",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ten offers for every business customer, every morning.",
)
console = Console()

Profile = StrEnum("Profile", {name.upper(): name for name in PROFILES})  # type: ignore[misc]
Warehouse = Annotated[
    Path | None,
    typer.Option(help="Folder of the warehouse; default METRO_WAREHOUSE, else ./warehouse.", file_okay=False),
]
RunDate = Annotated[
    str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="Run date; default today in Bucharest.")
]


class Page(StrEnum):
    """Pages of the documentation that are generated."""

    CONTRACT = "contract"
    FOLDER = "folder"
    WORLD = "world"


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
) -> None:
    """Ten offers for every business customer, every morning."""
    DEBUG["is_on"] = debug


@app.command()
@explaining
def run(
    date: RunDate = None,
    profile: Annotated[Profile | None, typer.Option(help="Size of the world; default demo.")] = None,
    customers: Annotated[int | None, typer.Option(min=20, help="Customers, in place of the profile's.")] = None,
    products: Annotated[int | None, typer.Option(min=100, help="Products, in place of the profile's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the world; default 42.")] = None,
    source: Annotated[
        Path | None, typer.Option(help="Folder of a company's own files, in place of the synthetic world.")
    ] = None,
    warehouse: Warehouse = None,
    backtest: Annotated[
        bool, typer.Option(help="Also make the run date whose offers can be judged today, if it is missing.")
    ] = True,
) -> None:
    """Bring the warehouse to a run date through Dagster and show one customer's ten offers.

    Only what is missing of the history is made; what is derived for the date is made anew.

    Examples: `metro run` · `metro run --date 2026-11-23` · `metro run --profile full --warehouse /data/full` ·
    `metro run --customers 1000 --products 500 --warehouse /tmp/small` ·
    `metro run --source FOLDER --warehouse /tmp/own`
    """
    from metro_assets.cli.own_files import take_over
    from metro_assets.cli.running import bring_to
    from metro_assets.cli.showing import show_next_steps, show_slate
    from metro_assets.serving.queries import RecommendationReader

    asked, history_start, changed = asked_date(date), None, set[datetime.date]()
    run_date = asked or today()
    settings = load_settings(warehouse, **as_asked(profile, customers, products, seed, source))
    if settings.source == "files":
        run_date, history_start, changed = take_over(settings, asked, console)
    settings = settle(
        warehouse,
        run_date,
        profile,
        customers,
        products,
        seed,
        source_folder=source,
        history_start=history_start,
    )
    bring_to(settings, run_date, console, backtest=backtest, changed=changed)
    reader = RecommendationReader(settings.warehouse, settings.engine)
    customer_id = reader.in_force().some_customer()
    show_slate(console, reader.on(run_date).slate(customer_id))
    show_next_steps(console, settings, customer_id, warehouse)


@app.command("check-data")
@explaining
def check_data(
    folder: Annotated[Path, typer.Argument(help="Folder of a company's own files.")],
) -> None:
    """Say everything that is wrong with a folder of own files, and what follows from what they lack; write nothing.

    Exit code 0: `metro run --source` can use it, 1: it cannot.

    Example: `metro check-data /data/export`
    """
    from metro_assets.cli.own_files import show_check

    if not show_check(load_settings(), folder, console):
        raise typer.Exit(FAILED)


@app.command("init-data")
@explaining
def init_data(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Write a template of a folder of own files, commented and empty, and a tiny worked example beside it.

    Example: `metro init-data /data/export`
    """
    from metro_assets.cli.own_files import begin

    begin(folder, console)


@app.command()
@explaining
def recommend(
    customer: Annotated[str, typer.Argument(help="Customer id, Metro card or fiscal code (CUI).")],
    date: Annotated[
        str | None,
        typer.Option("--date", metavar="YYYY-MM-DD", help="Run date; default that of the publication in force."),
    ] = None,
    algorithm: Annotated[str | None, typer.Option(help="A published algorithm; default the champion.")] = None,
    warehouse: Warehouse = None,
) -> None:
    """Show a customer's offers as price tags, from the publication in force or from a past run date.

    Examples: `metro recommend 17` · `metro recommend 17 --algorithm logistic` · `metro recommend 17 --date 2026-11-17`
    """
    from metro_assets.cli.showing import show_age, show_slate
    from metro_assets.serving.queries import RecommendationReader

    run_date = asked_date(date)
    settings = settle(warehouse)
    opened = RecommendationReader(settings.warehouse, settings.engine).on(run_date)
    slate = opened.slate(opened.find_customer(customer).customer_id, algorithm)
    show_slate(console, slate)
    if run_date is None:
        show_age(console, slate)


@app.command()
@explaining
def status(warehouse: Warehouse = None) -> None:
    """Show partitions and sizes, the newest runs, champion, publication and drift.

    Example: `metro status --warehouse /data/full`
    """
    from metro_assets.cli.running import newest_runs
    from metro_assets.cli.showing import NEWEST_RUNS, runs_table, state_lines, tables_table
    from metro_assets.storage.models import ModelStore
    from metro_assets.storage.tables import Warehouse as Tables

    settings = settle(warehouse)
    _refuse_empty(settings.warehouse)
    tables = Tables(settings.warehouse, settings.engine)
    for line in state_lines(settings, tables, ModelStore(settings.warehouse)):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(tables_table(tables))
    console.print(runs_table(newest_runs(NEWEST_RUNS)))


@app.command()
@explaining
def models(warehouse: Warehouse = None) -> None:
    """List the fitted rankers with what chose the champion, ★, and their metrics on days that they never saw.

    Example: `metro models`
    """
    from metro_assets.cli.showing import models_table
    from metro_assets.storage.models import ModelStore

    settings = settle(warehouse)
    _refuse_empty(settings.warehouse)
    console.print(models_table(ModelStore(settings.warehouse), settings.ranking.selection_metric))


@app.command()
@explaining
def sql(
    query: Annotated[str, typer.Argument(help="A query in DuckDB's SQL; every table of the contract is a view.")],
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
    warehouse: Warehouse = None,
) -> None:
    """Query the tables of the warehouse, read only.

    Examples: `metro sql "from recommendations limit 5"` · `metro sql "show tables"` · `metro sql "describe offers"` ·
    `metro sql "select category, count(*) from recommendations group by all" --csv`
    """
    from metro_assets.cli.querying import show_query

    settings = settle(warehouse)
    _refuse_empty(settings.warehouse)
    show_query(settings, query, console, as_csv=csv)


@app.command()
@explaining
def rollback(
    publication: Annotated[
        bool, typer.Option("--publication", help="Put the publication before the one in force back instead.")
    ] = False,
    release: Annotated[
        bool, typer.Option("--release", help="End a rollback: the next morning chooses the champion again.")
    ] = False,
    warehouse: Warehouse = None,
) -> None:
    """Put the previous champion back and keep it until it is released.

    After a promotion that is who was served before it. If it is of another algorithm, that algorithm's order is served
    at once; the next run scores with its coefficients.

    Examples: `metro rollback` · `metro rollback --release` · `metro rollback --publication`
    """
    from metro_assets.cli.restoring import release_champion, restore_champion, restore_publication

    if publication and release:
        raise ConfigurationError("--publication and --release are two things to do; give one at a time")
    settings = settle(warehouse)
    if publication:
        console.print(restore_publication(settings), highlight=False, soft_wrap=True)
    elif release:
        console.print(release_champion(settings), highlight=False, soft_wrap=True)
    else:
        console.print(restore_champion(settings), highlight=False, soft_wrap=True)


@app.command()
@explaining
def experiment(
    policies: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Policies to play; default every algorithm but sasrec.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Days to play.")] = 28,
    seeds: Annotated[int, typer.Option(min=1, help="Worlds to play on.")] = 1,
    profile: Annotated[Profile | None, typer.Option(help="Size of the world; default demo.")] = None,
    start: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="First day; default so that the last is yesterday.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the experiment; default that of the profile.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; default one per processor.")] = None,
    warehouse: Warehouse = None,
) -> None:
    """Judge policies in closed loop: what each would have earned on the same customers, mornings and needs.

    The synthetic world plays day by day, what a policy shows changes what is redeemed, bought and learned. Always in
    the race: no offers, lots, and the oracle. Under WAREHOUSE/experiments/NAME; the same command goes on where it was.

    Examples: `metro experiment` · `metro experiment --policies logistic,boosted_trees --seeds 5` ·
    `metro experiment --profile tiny --days 14 --name small`
    """
    from metro_assets.cli.experimenting import run_experiment

    settings = load_settings(warehouse, **as_asked(profile, None, None, None, None))
    run_experiment(settings, policies, days, seeds, asked_date(start, "--start"), name, jobs, console)


@app.command()
@explaining
def promote(
    algorithm: Annotated[
        str | None, typer.Argument(help="The challenger; without it, what the gate says of every one.")
    ] = None,
    warehouse: Warehouse = None,
) -> None:
    """Serve a challenger by default if it passed the gate: better on days that neither saw, and nothing against it.

    Examples: `metro promote` · `metro promote wide_deep`
    """
    from metro_assets.cli.promoting import gates_table
    from metro_assets.cli.promoting import promote as promote_algorithm

    settings = settle(warehouse)
    _refuse_empty(settings.warehouse)
    if algorithm is None:
        console.print(gates_table(settings))
    else:
        console.print(promote_algorithm(settings, algorithm), highlight=False, soft_wrap=True)


@app.command()
@explaining
def docs(
    page: Annotated[Page, typer.Argument(help="Which page to write.")],
    output: Annotated[Path | None, typer.Option(help="File; default under ./docs.", dir_okay=False)] = None,
    warehouse: Warehouse = None,
) -> None:
    """Write a generated page: the data contract, that of a folder of own files, or the world against its facts.

    Examples: `metro docs contract` · `metro docs folder` · `metro docs world --warehouse /data/full`
    """
    from metro_assets.cli.documenting import write_contract, write_folder_contract, write_world

    settings = settle(warehouse)
    if page is Page.WORLD:
        path = write_world(settings, output)
    else:
        path = write_contract(output) if page is Page.CONTRACT else write_folder_contract(output)
    console.print(f"wrote {path}", highlight=False)


@app.command()
@explaining
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; one that others reach needs keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    warehouse: Warehouse = None,
) -> None:
    """Serve the dashboard and REST over the published recommendations until ctrl-C; REST's documentation at /docs.

    It follows every new publication by itself and never waits for a run. Keys: METRO_API_KEYS=name:key,name:key

    Examples: `metro serve` · `metro serve --port 8080 --warehouse /data/full` ·
    `METRO_API_KEYS=crm:$(openssl rand -hex 32) metro serve --host 0.0.0.0`
    """
    from metro_assets.cli.ports import refuse_taken
    from metro_assets.dashboard.app import add_pages
    from metro_assets.serving.rest.server import serve as serve_api

    settings = settle(warehouse)
    refuse_taken(host, port)
    console.print(
        f"Dashboard on [bold]http://{host}:{port}[/], REST under /v1 with its documentation at /docs; ctrl-C stops it",
        highlight=False,
    )
    serve_api(settings, host, port, add_pages)


@app.command()
@explaining
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on the loopback interface.")] = 3000,
    warehouse: Warehouse = None,
) -> None:
    """Run Dagster's web UI and the daemon of the schedule on the warehouse's instance, until ctrl-C.

    Examples: `metro ui` · `metro ui --port 3100 --warehouse /data/full`
    """
    from metro_assets.cli.serving_ui import serve_ui

    settle(warehouse)
    serve_ui(port, console)


def _refuse_empty(root: Path) -> None:
    if not (root / "tables").exists():
        raise WarehouseError(f"{root} is empty; fill it first: metro run")
