"""What a folder of a company's own files may hold: the source tables of the schema, less what a company may lack."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from metro_assets.storage.contract import contract

MOMENTS = {
    "orders": "ordered_at",
    "impressions": "shown_at",
    "redemptions": "redeemed_at",
    "web_visits": "viewed_at",
}
"""Column of each event table that gives its day."""
_TABLE_WORDS = {"is_required", "left_out", "when_absent", "added"}


@dataclass(frozen=True)
class FolderColumn:
    """A column of a file; `when_absent` says what happens without it, empty where it must be there."""

    name: str
    type: str
    meaning: str
    when_absent: str

    @property
    def is_required(self) -> bool:
        """Whether the file must have the column."""
        return not self.when_absent


@dataclass(frozen=True)
class FolderTable:
    """A table of a folder; `when_absent` is empty where it must be there."""

    name: str
    comment: str
    columns: tuple[FolderColumn, ...]
    key: tuple[str, ...]
    when_absent: str

    @property
    def is_required(self) -> bool:
        """Whether the folder must have the table."""
        return not self.when_absent

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> FolderColumn:
        """One column by name; raises StopIteration where there is none."""
        return next(column for column in self.columns if column.name == name)


@cache
def folder_contract() -> dict[str, FolderTable]:
    """Every table of a folder by name, in the order of the schema."""
    told = tomllib.loads(files(__package__).joinpath("folder.toml").read_text(encoding="utf-8"))
    return {name: _table(name, words) for name, words in told.items()}


def folder_contract_markdown() -> str:
    """The contract of a folder as a page for people."""
    parts = [files(__package__).joinpath("folder_page.md").read_text(encoding="utf-8").strip()]
    for table in folder_contract().values():
        keys = ", ".join(f"`{name}`" for name in table.key)
        need = "Required." if table.is_required else f"Optional; without it {table.when_absent}."
        rows = [
            f"| `{column.name}` | {column.type.lower()} | {'yes' if column.is_required else ''} "
            f"| {_escaped(column.meaning)} | {_escaped(column.when_absent)} |"
            for column in table.columns
        ]
        head = ["| column | type | required | meaning | without it |", "|---|---|---|---|---|"]
        parts += [f"## {table.name}", f"{table.comment} {need} Key: {keys}.", "\n".join([*head, *rows])]
    return "\n\n".join(parts) + "\n"


def _table(name: str, words: dict[str, object]) -> FolderTable:
    shape = contract(name)
    left_out, added = words["left_out"], words.get("added", {})
    assert isinstance(left_out, list)
    assert isinstance(added, dict)
    columns = [_added(column, text) for column, text in added.items()]
    columns += [
        FolderColumn(column.name, column.type, column.comment, str(words.get(column.name, "")))
        for column in shape.columns
        if column.name not in left_out
    ]
    unknown = words.keys() - _TABLE_WORDS - set(shape.column_names)
    assert not unknown, f"folder.toml speaks of {sorted(unknown)}, which {name} does not have"
    day = ("date",) if "date" in added else ("day",) if name == "web_visits" else ()
    when_absent = "" if words.get("is_required") else str(words["when_absent"])
    return FolderTable(name, shape.comment, tuple(columns), (*shape.key, *day), when_absent)


def _added(name: str, text: str) -> FolderColumn:
    kind, meaning, *absent = (part.strip() for part in text.split(" | "))
    return FolderColumn(name, kind, meaning, absent[0] if absent else "")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
