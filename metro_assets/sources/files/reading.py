"""A folder's files as they are, under the contract's names: cells trimmed, words mapped, nothing converted yet."""

from __future__ import annotations

import codecs
import csv
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from metro_assets.sources.files.casting import literal
from metro_assets.sources.files.contract import FolderTable, folder_contract
from metro_assets.sources.files.mapping import MAPPING_FILE, Dialect, FolderMapping, TableMapping
from metro_assets.sources.files.problems import EXAMPLES, Findings, Problem

SUFFIXES = (".csv", ".parquet")
SEPARATORS = ",;|\t"
CHUNK_BYTES = 1 << 20
_REJECTIONS = {
    "TOO MANY COLUMNS": ("has more cells than the header", "put cells that hold the separator into quotes"),
    "MISSING COLUMNS": ("has fewer cells than the header", "write every cell, also the empty ones"),
    "UNQUOTED VALUE": ("has a quote that does not end", "double a quote inside a quoted cell"),
    "INVALID ENCODING": ("is not in the encoding", 'say it in mapping.toml, such as encoding = "cp1250"'),
    "LINE SIZE OVER MAXIMUM": ("is longer than 2 MB", "look for a quote that does not end"),
}


@dataclass(frozen=True)
class TableFiles:
    """The files of one table, and their sizes and times when they were first looked at."""

    table: FolderTable
    mapping: TableMapping
    paths: tuple[Path, ...]
    label: str
    """The files as a person calls them: `orders.csv`, `orders/`."""

    @property
    def is_csv(self) -> bool:
        """Whether they are text."""
        return self.paths[0].suffix == ".csv"


def find_files(folder: Path, mapping: FolderMapping, findings: Findings) -> list[TableFiles]:
    """The files of every table that the folder has; what must be there and is not becomes a problem."""
    found = []
    for table in folder_contract().values():
        said = mapping.table(table.name)
        default = [f"{table.name}.csv", f"{table.name}.parquet", f"{table.name}/"]
        names = [said.file] if said.file else default
        present = {name: paths for name in names if (paths := _paths(folder, name))}
        if len(present) > 1:
            remedy = f'keep one of them, or say which: [{table.name}] file = "…" in {MAPPING_FILE}'
            findings.add(Problem(", ".join(present), "", "is the same table twice", remedy))
        elif present:
            (label, paths), *_ = present.items()
            if len({path.suffix for path in paths}) > 1:
                findings.add(Problem(label, "", "mixes CSV and Parquet", "keep one kind of file per table"))
            else:
                found.append(TableFiles(table, said, tuple(paths), label))
        elif table.is_required or said.file:
            remedy = f'export it, or say where it is: [{table.name}] file = "…" in {MAPPING_FILE}'
            findings.add(Problem(said.file or f"{table.name}.csv", "", "is missing", remedy))
        else:
            findings.absences.append((table.name, "", table.when_absent))
    return found


def fingerprint(folder: Path, files: Sequence[TableFiles]) -> str:
    """Hash of names, sizes and times of all files and the mapping: another state of the folder has another."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted({folder / MAPPING_FILE, *(path for part in files for path in part.paths)}):
        if path.exists():
            state = path.stat()
            digest.update(f"{path.relative_to(folder)}:{state.st_size}:{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def read_raw(
    connection: duckdb.DuckDBPyConnection, files: TableFiles, dialect: Dialect, workplace: Path, findings: Findings
) -> bool:
    """Fill `raw_<table>` with the columns that the files have, named as in the contract; False where that failed.

    Parameters
    ----------
    workplace : a folder for copies of files that are not in UTF-8.
    """
    try:
        read = _read_csv if files.is_csv else _read_parquet
        return read(connection, files, dialect, workplace, findings)
    except UnicodeDecodeError as error:
        findings.add(_wrong_encoding(files.label, dialect, error))
    except duckdb.OutOfMemoryException:
        raise
    except (OSError, duckdb.Error) as error:
        text = " ".join(str(error).split("\n")[0].split())
        findings.add(Problem(files.label, "", f"cannot be read: {text}", "write the file anew, whole, and try again"))
    return False


def _paths(folder: Path, name: str) -> list[Path]:
    """Files under a name, a folder's name or a glob; hidden ones left out."""
    if (folder / name).is_dir():
        candidates: Iterator[Path] | list[Path] = (folder / name).rglob("*")
    else:
        candidates = folder.glob(name) if any(mark in name for mark in "*?[") else [folder / name]
    return sorted(
        path
        for path in candidates
        if path.is_file() and path.suffix in SUFFIXES and not path.name.startswith((".", "_"))
    )


def _read_csv(
    connection: duckdb.DuckDBPyConnection, files: TableFiles, dialect: Dialect, workplace: Path, findings: Findings
) -> bool:
    encoding = codecs.lookup(dialect.encoding or "utf-8").name
    groups: dict[tuple[str, str, tuple[str, ...]], list[Path]] = defaultdict(list)
    quote = dialect.quote or '"'
    for path in files.paths:
        readable = path if encoding in {"utf-8", "utf-8-sig"} else _in_utf8(path, encoding, files, workplace)
        separator, header, hive = _header(readable, dialect, files, quote)
        if not header and not hive:
            remedy = "export it with a header" if files.table.is_required else "export it with a header, or remove it"
            findings.add(Problem(path.name, "", "is empty", remedy))
            continue
        groups[separator, "|".join(hive), header].append(readable)
    ok = True
    relations = []
    for number, ((separator, _, header), paths) in enumerate(groups.items()):
        if repeated := [name for name, count in Counter(header).items() if count > 1]:
            findings.add(Problem(files.label, repeated[0], "stands twice in the header", "name it once"))
            ok = False
            continue
        rejects = f"rejected_{files.table.name}_{number}"
        columns = ", ".join(f"{literal(name)}: 'varchar'" for name in header)
        relation = (
            f"read_csv({_list(paths)}, columns = {{{columns}}}, header = true, auto_detect = false, "
            f"delim = {literal(separator)}, quote = {literal(quote)}, escape = {literal(quote)}, "
            f"strict_mode = true, store_rejects = true, rejects_table = '{rejects}', rejects_scan = '{rejects}_scan', "
            f"hive_partitioning = {_is_hive(files)}, hive_types_autocast = false)"
        )
        relations.append((relation, rejects))
    return ok and bool(groups) and _fill(connection, files, dialect, relations, findings)


def _read_parquet(
    connection: duckdb.DuckDBPyConnection, files: TableFiles, dialect: Dialect, workplace: Path, findings: Findings
) -> bool:
    options = f"union_by_name = true, hive_partitioning = {_is_hive(files)}, hive_types_autocast = false"
    return _fill(connection, files, dialect, [(f"read_parquet({_list(files.paths)}, {options})", "")], findings)


def _fill(
    connection: duckdb.DuckDBPyConnection,
    files: TableFiles,
    dialect: Dialect,
    relations: list[tuple[str, str]],
    findings: Findings,
) -> bool:
    """Create `raw_<table>` from the relations, each with the name of its table of rejected lines."""
    raw, is_new = f"raw_{files.table.name}", True
    present: set[str] = set()
    for relation, rejects in relations:
        described = connection.sql(f"describe from {relation}").fetchall()
        types = {str(name): str(kind) for name, kind, *_ in described}
        chosen = _chosen(files, list(types), findings)
        if chosen is None:
            return False
        present |= chosen.keys()
        selected = ", ".join(
            f"{_cell(name, source, types[source], files.mapping, dialect)} as {_quoted(name)}"
            for name, source in chosen.items()
        )
        start = f"create or replace table {raw} as" if is_new else f"insert into {raw} by name"
        connection.execute(f"{start} select {selected} from {relation}")
        is_new = False
        if rejects:
            findings.add(*_rejected(connection, files, rejects))
    absent = [column for column in files.table.columns if column.name not in present]
    for column in absent:
        if column.is_required:
            remedy = (
                f'name the column that holds it: [{files.table.name}.columns] {column.name} = "…" in {MAPPING_FILE}'
            )
            findings.add(Problem(files.label, column.name, "is missing", remedy))
    return not any(column.is_required for column in absent)


def _chosen(files: TableFiles, header: list[str], findings: Findings) -> dict[str, str] | None:
    """Name in the file of each column of the contract that it has; columns that nobody asked for are a problem."""
    by_word = {name.strip().casefold(): name for name in header}
    asked = {name: files.mapping.columns.get(name, name) for name in files.table.column_names}
    chosen = {
        name: by_word[word.strip().casefold()] for name, word in asked.items() if word.strip().casefold() in by_word
    }
    lost = [
        Problem(files.label, word, f"is not in the header, and {name} is mapped to it", "correct the name")
        for name, word in files.mapping.columns.items()
        if name not in chosen
    ]
    ignored = {name.strip().casefold() for name in files.mapping.ignore}
    unknown = [name for name in header if name not in chosen.values() and name.strip().casefold() not in ignored]
    if unknown and "*" not in ignored:
        named = ", ".join(f'"{name}"' for name in unknown)
        remedy = f"map it to a column of the contract, or leave it out: [{files.table.name}] ignore = [{named}]"
        lost.append(Problem(files.label, ", ".join(unknown), "is in no column of the contract", remedy))
    findings.add(*(problem for problem in lost if problem not in findings.problems))
    return chosen or None


def _cell(name: str, source: str, kind: str, mapping: TableMapping, dialect: Dialect) -> str:
    """A cell as it is; of text the spaces around are cut, what means nothing is null and mapped words are ours."""
    cell = _quoted(source)
    if kind != "VARCHAR":
        return cell
    nothing = ", ".join(map(literal, {"", *(dialect.null or ())}))
    cell = f"case when trim({cell}) not in ({nothing}) then trim({cell}) end"
    if words := mapping.values.get(name):
        cases = " ".join(f"when {literal(theirs)} then {literal(ours)}" for theirs, ours in words.items())
        cell = f"case {cell} {cases} else {cell} end"
    return cell


def _rejected(connection: duckdb.DuckDBPyConnection, files: TableFiles, rejects: str) -> Iterator[Problem]:
    """Lines that are no rows of the table, by what is wrong with them."""
    kinds = connection.sql(
        f"select error_type::varchar, count(distinct (file_id, line)), list(distinct line order by line)[:{EXAMPLES}] "
        f"from {rejects} group by all order by 1"
    ).fetchall()
    for kind, count, lines in kinds:
        what, remedy = _REJECTIONS.get(kind, (f"cannot be read ({kind.lower()})", "correct the line"))
        yield Problem(files.label, "", f"a line {what}", remedy, count, tuple(f"line {line}" for line in lines))


def _header(path: Path, dialect: Dialect, files: TableFiles, quote: str) -> tuple[str, tuple[str, ...], list[str]]:
    """Separator, names in the first line, and the keys of the hive folders above the file."""
    with path.open("rb") as stream:
        line = stream.readline(CHUNK_BYTES).decode("utf-8-sig").rstrip("\r\n")
    separator = dialect.separator or max(SEPARATORS, key=line.count)
    names = tuple(next(csv.reader([line], delimiter=separator, quotechar=quote), []))
    hive = [part.split("=")[0] for part in path.parent.parts if "=" in part] if _is_hive(files) else []
    return separator, names, hive


def _in_utf8(path: Path, encoding: str, files: TableFiles, workplace: Path) -> Path:
    """A copy of the file in UTF-8, written a chunk at a time; raises UnicodeDecodeError."""
    name = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
    hive = [part for part in path.parent.parts if "=" in part] if _is_hive(files) else []
    copy = workplace.joinpath(*hive, f"{name}.csv")
    copy.parent.mkdir(parents=True, exist_ok=True)
    with path.open(encoding=encoding, newline="") as source, copy.open("w", encoding="utf-8", newline="") as target:
        while text := source.read(CHUNK_BYTES):
            target.write(text)
    return copy


def _wrong_encoding(label: str, dialect: Dialect, error: UnicodeDecodeError) -> Problem:
    named = dialect.encoding or "utf-8"
    remedy = f'say which it is in {MAPPING_FILE}, such as encoding = "cp1250" (Windows) or "utf-16" (Excel)'
    return Problem(label, "", f"is not in the encoding {named}: {error.reason}", remedy)


def _is_hive(files: TableFiles) -> bool:
    return any("=" in path.parent.name for path in files.paths)


def _list(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(literal(str(path)) for path in paths) + "]"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
