"""`python -m benchmarks.peer`: the comparison alone, as Markdown and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.peer.ladder import CUSTOMERS
from benchmarks.peer.section import peer_section


def main(
    folder: Annotated[Path, typer.Argument(help="Where peer.md and peer.png are written.", file_okay=False)],
    customers: Annotated[list[int], typer.Option(help="Sizes, ascending; repeat the option.")] = list(CUSTOMERS),  # noqa: B006
) -> None:
    """Time the platform against the same day's work in pandas over SQLite, on worlds of growing size."""
    section = peer_section(folder, customers)
    (folder / "peer.md").write_text(section, encoding="utf-8")
    typer.echo(section)


if __name__ == "__main__":
    typer.run(main)
