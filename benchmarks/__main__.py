"""`make bench`: measure every part and write docs/benchmarks; `python -m benchmarks growth` measures one of them.

A part is a function that measures and returns the Markdown of its page, pictures written beside it. A page that
starts with the table of `benchmarks.pages.headline` has its figures quoted in the README."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.pages import Heading, write_page, write_readme
from metro_assets.config import PROFILES, load_settings, today

FOLDER = Path("docs/benchmarks")
HEADINGS = (
    Heading(
        "stages", "Stage by stage", "A cold start and the next day at full size: rows, seconds, CPU, memory, files."
    ),
    Heading(
        "growth", "Growth", "The next day and the cold start against customers and against the length of the history."
    ),
    Heading("peer", "Against a peer", "The same day's work in pandas over SQLite, until it no longer finishes."),
    Heading("api", "Serving", "Lookups per second and their latency, beside a bare route."),
    Heading("dashboard", "Dashboard", "What the server takes for every page."),
)
QUICK_CUSTOMERS = (200, 400)


def main(
    parts: Annotated[
        list[str] | None,
        typer.Argument(help=f"Parts to measure: {', '.join(one.part for one in HEADINGS)}; default all."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A smoke run on tiny worlds, some minutes a part.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder of the pages; default {FOLDER}, with --quick a folder in the warehouse.", file_okay=False
        ),
    ] = None,
    over: Annotated[
        Path | None,
        typer.Option(help="A warehouse with a morning, for the dashboard in place of a new one.", exists=True),
    ] = None,
) -> None:
    """Measure parts of the benchmark, write a page for each, and the README over all of them."""
    console = Console()
    known = [one.part for one in HEADINGS]
    asked = parts or known
    if unknown := set(asked) - set(known):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    folder = output or (load_settings().warehouse / "benchmarks-quick" if quick else FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    for heading in HEADINGS:
        if heading.part in asked:
            console.rule(heading.title)
            page = write_page(folder, heading, measured(heading.part, folder, is_quick=quick, over=over), today())
            console.print(f"wrote {page}", highlight=False)
    console.print(f"wrote {write_readme(folder, HEADINGS)}", highlight=False)


def measured(part: str, folder: Path, *, is_quick: bool, over: Path | None) -> str:
    """Markdown of a part's page. A part is imported when it is asked for: each brings libraries of its own."""
    sizes = PROFILES["tiny" if is_quick else "full"]
    if part == "stages":
        from benchmarks.full_size import stages_section

        return stages_section(sizes, today())
    if part == "growth":
        from benchmarks.growth import QUICK, REAL, growth_section

        return growth_section(folder, QUICK if is_quick else REAL, today())
    if part == "peer":
        from benchmarks.peer.section import peer_section

        return peer_section(folder, QUICK_CUSTOMERS) if is_quick else peer_section(folder)
    if part == "dashboard":
        from benchmarks.dashboard import dashboard_section

        return dashboard_section(sizes, over)
    from benchmarks.api import api_section

    return api_section(folder, sizes)


if __name__ == "__main__":
    typer.run(main)
