"""Pages of the documentation that are made from what they describe."""

from __future__ import annotations

from pathlib import Path

from metro_assets.config import Settings
from metro_assets.sources.files.contract import folder_contract_markdown
from metro_assets.storage.contract import data_contract_markdown
from metro_assets.storage.tables import Warehouse

CONTRACT_PAGE = Path("docs/data-contract.md")
FOLDER_PAGE = Path("docs/folder-contract.md")
WORLD_PAGE = Path("docs/world-report.md")


def write_contract(output: Path | None) -> Path:
    """Write the data contract; returns the page."""
    return _write(output or CONTRACT_PAGE, data_contract_markdown())


def write_folder_contract(output: Path | None) -> Path:
    """Write what a folder of a company's own files may hold; returns the page."""
    return _write(output or FOLDER_PAGE, folder_contract_markdown())


def write_world(settings: Settings, output: Path | None) -> Path:
    """Measure the stored world and write the page with its pictures; returns the page."""
    from metro_assets.sources.synthetic.report import TABLES, write_world_report

    page = output or WORLD_PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(settings.warehouse, settings.engine)
    with warehouse.connection() as connection:
        relations = {table: warehouse.read(connection, table) for table in TABLES}
        write_world_report(connection, relations, "metro docs world", page)
    return page


def _write(page: Path, text: str) -> Path:
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    return page
