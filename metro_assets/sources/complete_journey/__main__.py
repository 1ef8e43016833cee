"""`python -m metro_assets.sources.complete_journey FOLDER`: writes the folder and prints the rows of every table."""

from pathlib import Path
from typing import Annotated

import typer

from metro_assets.sources.complete_journey.conversion import JourneyMissingError, convert, package_data


def main(
    folder: Annotated[Path, typer.Argument(help="Folder to write one Parquet file per table into.", file_okay=False)],
) -> None:
    """Write Complete Journey as a folder under the data contract."""
    try:
        rows = convert(package_data(), folder)
    except JourneyMissingError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    for table, count in rows.items():
        typer.echo(f"{table:<16} {count:>9,}")


if __name__ == "__main__":
    typer.run(main)
