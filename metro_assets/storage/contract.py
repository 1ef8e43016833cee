"""The data contract as data: what `schema.sql` says of every table, read once through DuckDB's own catalogue."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import duckdb

PARTITION_COLUMN, RECORDED_COLUMN = "run_date", "recorded_date"


@dataclass(frozen=True)
class Column:
    """A column of a table; `comment` holds meaning and unit."""

    name: str
    type: str
    is_nullable: bool
    comment: str


@dataclass(frozen=True)
class ForeignKey:
    """Columns that must be found in another table."""

    columns: tuple[str, ...]
    table: str
    referenced_columns: tuple[str, ...]


@dataclass(frozen=True)
class TableContract:
    """What a table promises. `columns` are those in the file: the partition column is the folder's."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    checks: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    is_partitioned: bool

    @property
    def is_event(self) -> bool:
        """Whether a row is something that happened: then it says on which day it became known."""
        return self.is_partitioned and RECORDED_COLUMN in self.column_names

    @property
    def version(self) -> str:
        """Short hash of names and types: a file written under another contract is recognised by it."""
        text = ",".join(f"{column.name} {column.type}" for column in self.columns)
        return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()

    @property
    def stored_name(self) -> str:
        """Name of the table inside its file; it carries the version, so a stale file cannot be read by mistake."""
        return f"{self.name}_{self.version}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the stored columns, in order."""
        return tuple(column.name for column in self.columns)


@cache
def contracts() -> dict[str, TableContract]:
    """Every table's contract by name, in the order of `schema.sql`.

    A name means the same in every table: a column without a comment has that of the first table above that comments it.
    """
    with duckdb.connect() as connection:
        connection.execute(files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
        tables = connection.sql("select table_name, comment from duckdb_tables() order by table_oid").fetchall()
        columns = connection.sql(
            "select table_name, column_name, data_type, is_nullable, comment from duckdb_columns() "
            "where not internal order by table_oid, column_index"
        ).fetchall()
        constraints = connection.sql(
            "select table_name, constraint_type, constraint_column_names, expression, referenced_table, "
            "referenced_column_names from duckdb_constraints() order by table_oid, constraint_index"
        ).fetchall()
    told, notes = [], dict[str, str]()
    for table, column, kind, nullable, note in columns:
        told.append((table, column, kind, nullable, note or notes.get(column, "")))
        if note:
            notes.setdefault(column, note)
    return {name: _contract(name, comment, told, constraints) for name, comment in tables}


def contract(table: str) -> TableContract:
    """The contract of one table; raises KeyError with the known names."""
    try:
        return contracts()[table]
    except KeyError:
        raise KeyError(f"{table} is not a table of the warehouse; known: {', '.join(contracts())}") from None


def data_contract_markdown() -> str:
    """The contract as a page for people, generated from the schema."""
    parts = [
        "# The data contract",
        "Generated from `metro_assets/storage/schema.sql` by `metro docs contract`. Money is RON, net of VAT. "
        "A partitioned table has the column `run_date` (date), its folder's name.",
    ]
    for table in contracts().values():
        keys = ", ".join(f"`{name}`" for name in table.key)
        parts += [
            f"## {table.name}",
            f"{table.comment} Key: {keys}. {'Partitioned' if table.is_partitioned else 'Not partitioned'} by run date.",
            "\n".join(
                [
                    "| column | type | null | meaning |",
                    "|---|---|---|---|",
                    *(
                        f"| `{column.name}` | {column.type.lower()} | {'yes' if column.is_nullable else 'no'} "
                        f"| {column.comment.replace('|', chr(92) + '|')} |"
                        for column in table.columns
                    ),
                ]
            ),
        ]
        rules = [f"`{check}`" for check in table.checks]
        rules += [f"`{', '.join(key.columns)}` in `{key.table}`" for key in table.foreign_keys]
        if rules:
            parts.append("Rules: " + "; ".join(rules) + ".")
    return "\n\n".join(parts) + "\n"


def _contract(name: str, comment: str, columns: list[tuple], constraints: list[tuple]) -> TableContract:  # type: ignore[type-arg]
    own = [row[1:] for row in constraints if row[0] == name]
    key = next(tuple(names) for kind, names, *_ in own if kind == "PRIMARY KEY")
    described = [
        Column(column, kind, nullable and column not in key, note or "")
        for table, column, kind, nullable, note in columns
        if table == name
    ]
    return TableContract(
        name=name,
        comment=comment or "",
        columns=tuple(column for column in described if column.name != PARTITION_COLUMN),
        key=key,
        checks=tuple(row[2].strip().removeprefix("(").removesuffix(")") for row in own if row[0] == "CHECK"),
        foreign_keys=tuple(ForeignKey(tuple(row[1]), row[3], tuple(row[4])) for row in own if row[0] == "FOREIGN KEY"),
        is_partitioned=any(column.name == PARTITION_COLUMN for column in described),
    )
