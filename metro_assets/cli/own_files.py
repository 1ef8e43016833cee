"""A company's own files: checked without writing, taken over before a run, or begun from a template."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from metro_assets.config import Settings, today
from metro_assets.sources.files.problems import Findings, Problem
from metro_assets.sources.files.snapshot import check_folder
from metro_assets.sources.files.source import FilesEndError, FolderSource
from metro_assets.sources.files.template import write_example, write_template
from metro_assets.storage.errors import WarehouseError
from metro_assets.storage.tables import Warehouse


def take_over(settings: Settings, asked: date | None, console: Console) -> tuple[date, date, set[date]]:
    """The run date, by default the newest that the files know everything for; the files' first day; the changed ones.

    Raises
    ------
    FolderError, MappingError : the files cannot be used. FilesEndError : they do not reach the run date.
    """
    folder = settings.source_folder
    if folder is None:
        raise WarehouseError("source = files needs source_folder; name the folder: metro run --source FOLDER")
    with console.status(f"reading {folder}"):
        source = FolderSource(folder, settings.warehouse, settings.engine, settings.files)
    span = source.span
    run_date = asked or min(span.complete_to + timedelta(days=1), today())
    if run_date > span.complete_to + timedelta(days=1):
        raise FilesEndError(
            f"the files in {folder} end on {span.complete_to}; run the day after, --date "
            f"{span.complete_to + timedelta(days=1)}, export newer ones, or, if nothing happened since, say so in "
            f"mapping.toml: complete_to = {run_date - timedelta(days=1)}"
        )
    if not source.live_offer_count(run_date):
        raise WarehouseError(
            f"no offer in {folder} is live on {run_date} and was announced before it; add offers, or choose another "
            "--date"
        )
    console.print(f"files from {span.first_day} to {span.last_day} in {folder}", highlight=False)
    changed = changed_days(settings, source)
    if changed:
        console.print(f"{len(changed)} days have other rows than when they were ingested", highlight=False)
    return run_date, span.first_day, changed


def changed_days(settings: Settings, source: FolderSource) -> set[date]:
    """Ingested days of which the files now hold another number of rows."""
    warehouse = Warehouse(settings.warehouse, settings.engine)
    changed: set[date] = set()
    with warehouse.connection() as connection:
        for table, counts in source.row_counts().items():
            days = [day for day in warehouse.partitions(table) if day <= source.span.complete_to]
            if not days:
                continue
            rows = warehouse.read(connection, table, days).aggregate("run_date, count(*)").fetchall()
            stored = dict(rows)
            changed |= {day for day in days if stored.get(day, 0) != counts.get(day, 0)}
    return changed


def show_check(settings: Settings, folder: Path, console: Console) -> bool:
    """Print everything that is wrong with a folder and what its files do not say; whether it can be used."""
    with tempfile.TemporaryDirectory(prefix="metro-check-") as workplace, console.status(f"reading {folder}"):
        findings, rows = check_folder(folder, settings.engine, settings.files, Path(workplace))
    for number, problem in enumerate(findings.problems, start=1):
        _show_problem(number, problem, console)
    for note in findings.notes:
        console.print(f"[yellow]note[/] {escape(note)}", highlight=False, soft_wrap=True)
    if findings.problems:
        count = len(findings.problems)
        console.print(f"[bold red]{count} problem{'s' * (count > 1)}[/]; nothing was written", highlight=False)
        return False
    _show_absences(findings, console)
    for table, count in rows.items():
        console.print(f"[green]✓[/] {table:<16}{count:>13,} rows", highlight=False)
    return True


def _show_problem(number: int, problem: Problem, console: Console) -> None:
    console.print(f"[bold red]{number}.[/] {escape(problem.line())}", highlight=False, soft_wrap=True)
    for example in problem.examples:
        console.print(f"     {escape(example)}", style="dim", highlight=False, soft_wrap=True)
    console.print(f"   [cyan]→[/] {escape(problem.remedy)}", highlight=False, soft_wrap=True)


def _show_absences(findings: Findings, console: Console) -> None:
    """What the files lack and may lack, and what happens without it; what nothing depends on is left out."""
    told = [absence for absence in findings.absences if absence[-1] != "null" and "nothing depends" not in absence[-1]]
    if told:
        console.print("[bold]not in the files, so:[/]")
    for table, column, text in told:
        name = f"{table}.{column}" if column else table
        console.print(f"  {name:<34} {escape(text)}", highlight=False, soft_wrap=True)


def begin(folder: Path, console: Console) -> None:
    """Write the template and the worked example."""
    write_template(folder)
    example = write_example(folder / "example")
    console.print(f"wrote {folder}: a commented header per table and mapping.toml", highlight=False)
    console.print(f"wrote {example}: a small wholesaler; try it: metro run --source {example}", highlight=False)
