"""What is wrong with a folder, in words that lead to the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from metro_assets.storage.errors import WarehouseError

EXAMPLES = 3


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a folder from being used.

    `examples` hold keys and the cell that is wrong; no name, fiscal code or card number of a customer.
    """

    file: str
    column: str
    what: str
    remedy: str
    row_count: int | None = None
    examples: tuple[str, ...] = ()

    def line(self) -> str:
        """The problem without its examples, fit for a log."""
        where = f"{self.file}, {self.column}" if self.column else self.file
        rows = "" if self.row_count is None else f" ({self.row_count:,} row{'' if self.row_count == 1 else 's'})"
        return f"{where}: {self.what}{rows}"


@dataclass
class Findings:
    """Everything found while a folder is read: problems, what is missing but may be, what was left out."""

    problems: list[Problem] = field(default_factory=list)
    absences: list[tuple[str, str, str]] = field(default_factory=list)
    """Table, column (empty: the whole table), and what happens without it."""
    notes: list[str] = field(default_factory=list)

    def add(self, *problems: Problem) -> None:
        """Remember problems."""
        self.problems += problems


class FolderError(WarehouseError):
    """A folder cannot be used; the message names the first problems and how to see all of them."""

    def __init__(self, folder: object, problems: Sequence[Problem]) -> None:
        told = "; ".join(problem.line() for problem in problems[:EXAMPLES])
        more = f"; and {len(problems) - EXAMPLES} more" if len(problems) > EXAMPLES else ""
        super().__init__(
            f"{folder} cannot be used: {told}{more}; nothing was written. All of it with examples and remedies: "
            f"metro check-data {folder}"
        )
