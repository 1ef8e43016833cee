"""`mapping.toml`: how a company's files differ from the contract in names, marks, dates and encoding."""

from __future__ import annotations

import codecs
import tomllib
from datetime import date
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from metro_assets.config import TIME_ZONE, Section
from metro_assets.sources.files.contract import folder_contract
from metro_assets.storage.errors import WarehouseError

MAPPING_FILE = "mapping.toml"


class MappingError(WarehouseError):
    """The mapping file is no TOML, or says something that nothing understands; the message says what."""


class Dialect(Section):
    """How cells are written. None: not said, so what the whole folder says holds, else the default."""

    separator: str | None = Field(None, min_length=1, max_length=1, description="default: found in the header")
    quote: str | None = Field(None, min_length=1, max_length=1, description='default "')
    decimal: str | None = Field(None, pattern="^[.,]$", description="default .")
    thousands: str | None = Field(None, pattern="^[., ']$", description="default none")
    encoding: str | None = Field(None, description="default utf-8")
    date_format: str | None = Field(None, description="as of strptime; default 2026-11-25")
    timestamp_format: str | None = Field(None, description="as of strptime; default 2026-11-25 14:30:00")
    time_zone: str | None = Field(None, description="of moments without an offset; default Europe/Bucharest")
    null: tuple[str, ...] | None = Field(None, description="cells that mean nothing; default the empty one")

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                codecs.lookup(name)
            except LookupError:
                raise ValueError(f"{name} is no encoding that Python knows") from None
        return name

    @field_validator("time_zone")
    @classmethod
    def _time_zone_is_known(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError(f"{name} is no time zone such as {TIME_ZONE}") from None
        return name

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands is not None and self.thousands == (self.decimal or "."):
            raise ValueError("thousands and decimal are the same mark")
        return self


class TableMapping(Dialect):
    """How one table is read."""

    file: str | None = Field(None, description="path or glob inside the folder")
    ignore: tuple[str, ...] = Field((), description='columns that nobody needs; "*" for all that are not mapped')
    where: str | None = Field(None, description="rows that are kept, in SQL over the contract's columns")
    columns: dict[str, str] = Field(default_factory=dict, description="contract's name = the file's")
    values: dict[str, dict[str, str]] = Field(default_factory=dict, description="per column: the file's word = ours")

    def dialect(self, whole: Dialect) -> Dialect:
        """How this table's cells are written: what it says itself, else what holds for the folder."""
        own = {name: getattr(self, name) for name in Dialect.model_fields}
        return Dialect(**{name: getattr(whole, name) if said is None else said for name, said in own.items()})


class FolderMapping(Dialect):
    """The whole of `mapping.toml`."""

    complete_to: date | None = Field(None, description="last day of which the files hold everything")
    tables: dict[str, TableMapping] = Field(default_factory=dict)

    def table(self, name: str) -> TableMapping:
        """What is said of one table."""
        return self.tables.get(name, TableMapping())


def load_mapping(folder: Path) -> FolderMapping:
    """The mapping of a folder, the default one without a file; raises MappingError with everything that is wrong."""
    path = folder / MAPPING_FILE
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return FolderMapping()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} is not valid TOML in UTF-8: {error}; correct it") from None
    known = folder_contract()
    tables = {name: told.pop(name) for name in list(told) if name in known}
    try:
        mapping = FolderMapping(**told, tables=tables)
    except ValidationError as error:
        raise MappingError(f"{path}: {_explained(error)}; see docs/own-data.md") from None
    wrong = [
        f"{name}.{part}.{column} is no column of the contract"
        for name, table in mapping.tables.items()
        for part in ("columns", "values")
        for column in getattr(table, part)
        if column not in known[name].column_names
    ]
    if wrong:
        raise MappingError(f"{path}: {'; '.join(wrong)}; see docs/folder-contract.md")
    return mapping


def _explained(error: ValidationError) -> str:
    told = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"] if part != "tables")
        is_unknown = problem["type"] == "extra_forbidden"
        text = problem["msg"].removeprefix("Value error, ")
        told.append(f"{name} is neither a table nor a setting" if is_unknown else f"{name or 'mapping'}: {text}")
    return "; ".join(told)
