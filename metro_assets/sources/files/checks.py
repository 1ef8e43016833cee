"""What is wrong with typed rows: empty tables and cells, keys, references, ranges, dates; every problem at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.resources import files as resource_files
from typing import NamedTuple

import duckdb

from metro_assets.config import Files
from metro_assets.sources.files.contract import FolderTable
from metro_assets.sources.files.conversion import IDENTITIES, WRONG
from metro_assets.sources.files.problems import EXAMPLES, Problem
from metro_assets.sources.files.reading import TableFiles
from metro_assets.storage.contract import contract

KEY_WHERE_ABSENT = {
    "impression_id": ("customer_id", "offer_id", "shown_at"),
    "redemption_id": ("customer_id", "offer_id", "order_id", "product_id", "redeemed_at"),
}
"""What makes a row one of its kind where the files have no number for it."""
FURTHER_REFERENCES = {
    "offers": (("gift_product_id", "products", "product_id"),),
    "order_items": (("offer_id", "offers", "offer_id"),),
    "redemptions": (("impression_id", "impressions", "impression_id"),),
}
_LEAVE_OUT = 'correct the rows, or leave them out: [{table}] where = "{condition}" in mapping.toml'


class Rule(NamedTuple):
    """A condition that every row must fulfil."""

    column: str
    holds: str
    what: str
    remedy: str


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    found: list[TableFiles],
    limits: Files,
    today: date,
    unreadable: set[str],
) -> Iterator[Problem]:
    """Problems of the typed tables that the folder has.

    Parameters
    ----------
    unreadable : labels of files with lines that could not be read: that a key is not in them says nothing.
    """
    sound = {
        files.table.name
        for files in found
        if files.label not in unreadable and _one(connection, f"select count(*) from typed_{files.table.name}")
    }
    for files in found:
        if files.table.is_required and not _one(connection, f"select count(*) from typed_{files.table.name}"):
            yield Problem(files.label, "", "has no rows", "export it with its rows")
            continue
        yield from _empty_cells(connection, files)
        yield from _repeated_keys(connection, files)
        yield from _orphans(connection, files, sound)
        for rule in _rules(files.table, limits, today):
            yield from _broken(connection, files, rule)
    yield from _across(connection, {files.table.name: files for files in found})


def _empty_cells(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> Iterator[Problem]:
    """Cells that must be there; those that are there and of another type are another problem."""
    for name in (column.name for column in files.table.columns if column.is_required):
        is_wrong = f"list_contains(list_transform({WRONG}, lambda cell: split_part(cell, chr(31), 1)), '{name}')"
        empty = f"{_quoted(name)} is null and not coalesce({is_wrong}, false)"
        if count := _one(connection, f"select count(*) from typed_{files.table.name} where {empty}"):
            remedy = _LEAVE_OUT.format(table=files.table.name, condition=f"{name} is not null")
            yield Problem(files.label, name, "is empty", remedy, count, _examples(connection, files, empty, name))


def _repeated_keys(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> Iterator[Problem]:
    table = files.table
    if table.name == "web_visits":  # the newest view of a day counts
        return
    key = table.key
    if len(key) == 1 and not _one(connection, f"select count({_quoted(key[0])}) from typed_{table.name}"):
        key = KEY_WHERE_ABSENT.get(key[0], key)
    columns = ", ".join(_quoted(name) for name in key)
    is_whole = " and ".join(f"{_quoted(name)} is not null" for name in table.key if name in key) or "true"
    keys, rows = connection.sql(
        f"select count(*), coalesce(sum(n), 0) from (select count(*) as n from typed_{table.name} where {is_whole} "
        f"group by {columns} having count(*) > 1)"
    ).fetchall()[0]
    if keys:
        examples = connection.sql(
            f"select {columns}, count(*) as n from typed_{table.name} where {is_whole} group by {columns} "
            f"having count(*) > 1 order by {columns} limit {EXAMPLES}"
        ).fetchall()
        shown = tuple(f"{_told(key, row)}: {row[-1]} rows" for row in examples)
        what = f"{', '.join(key)} stands in several rows"
        remedy = "add up or remove the rows that say the same; a key names one row"
        yield Problem(files.label, ", ".join(key), what, remedy, int(rows), shown)


def _orphans(connection: duckdb.DuckDBPyConnection, files: TableFiles, sound: set[str]) -> Iterator[Problem]:
    table = files.table
    references = [(key.columns[0], key.table, key.referenced_columns[0]) for key in contract(table.name).foreign_keys]
    for column, other, target in [*references, *FURTHER_REFERENCES.get(table.name, ())]:
        if column not in table.column_names or other not in sound:
            continue
        missing = (
            f"from typed_{table.name} as child anti join typed_{other} as parent on child.{column} = parent.{target}"
        )
        count = _one(connection, f"select count(*) {missing} where child.{column} is not null")
        if count:
            rows = connection.sql(
                f"select distinct {column} {missing} where child.{column} is not null order by 1 limit {EXAMPLES}"
            ).fetchall()
            remedy = f"add them to {other}, or leave the rows out of {table.name}"
            shown = tuple(f"{column} {row[0]}" for row in rows)
            yield Problem(files.label, column, f"is not in {other}", remedy, count, shown)


def _rules(table: FolderTable, limits: Files, today: date) -> Iterator[Rule]:
    for condition in contract(table.name).checks:
        named = [name for name in table.column_names if name in condition]
        if named:
            remedy = _LEAVE_OUT.format(table=table.name, condition=condition.replace('"', "'"))
            yield Rule(named[0], condition, f"does not fulfil {condition}", remedy)
    for rule in _rules_by_table().get(table.name, []):
        holds = rule.holds.replace("$today", f"date '{today}'")
        for name, value in limits.model_dump().items():
            holds = holds.replace(f"${name}", str(value))
        yield rule._replace(holds=holds)


@cache
def _rules_by_table() -> dict[str, list[Rule]]:
    told = tomllib.loads(resource_files(__package__).joinpath("rules.toml").read_text(encoding="utf-8"))
    return {table: [Rule(**rule) for rule in rules] for table, rules in told.items()}


def _broken(connection: duckdb.DuckDBPyConnection, files: TableFiles, rule: Rule) -> Iterator[Problem]:
    count = _one(connection, f"select count(*) from typed_{files.table.name} where not ({rule.holds})")
    if count:
        examples = _examples(connection, files, f"not ({rule.holds})", rule.column)
        yield Problem(files.label, rule.column, rule.what, rule.remedy, count, examples)


def _across(connection: duckdb.DuckDBPyConnection, found: dict[str, TableFiles]) -> Iterator[Problem]:
    """What several tables must say together."""
    if "offers" not in found:
        return
    known = "coalesce(offers.announced_date, offers.valid_from_date - 1)"
    for table, moment in (("impressions", "shown_at"), ("redemptions", "redeemed_at")):
        if table not in found:
            continue
        broken = (
            f"from typed_{table} as events inner join typed_offers as offers using (offer_id) "
            f"where events.{moment}::date not between offers.valid_from_date and offers.valid_to_date "
            f"or {known} >= events.{moment}::date"
        )
        yield from _joined(
            connection,
            found[table],
            moment,
            broken,
            f"offer_id, events.{moment}, offers.valid_from_date, offers.valid_to_date",
            "is on a day on which the offer was not live, or not announced before",
            "correct valid_from_date, valid_to_date or announced_date of the offer, or leave the rows out",
        )
    if "orders" in found and "order_items" in found:
        yield from _joined(
            connection,
            found["order_items"],
            "offer_id",
            "from typed_order_items as lines inner join typed_offers as offers using (offer_id) "
            "inner join typed_orders as orders using (order_id) "
            "where orders.ordered_at::date not between offers.valid_from_date and offers.valid_to_date "
            f"or {known} >= orders.ordered_at::date",
            "order_id, offer_id, orders.ordered_at, offers.valid_from_date, offers.valid_to_date",
            "is an offer that was not live on the day of the order, or not announced before",
            "correct valid_from_date, valid_to_date or announced_date of the offer, or leave offer_id empty",
        )
    if "products" in found:
        yield from _joined(
            connection,
            found["offers"],
            "gift_product_id",
            "from typed_offers as offers inner join typed_products as gifts "
            "on offers.gift_product_id = gifts.product_id where gifts.base_price_ron is null",
            "offer_id, gift_product_id",
            "is a gift without a price",
            "give base_price_ron of the product: it is what the gift is worth",
        )
    if "offer_products" in found:
        yield from _joined(
            connection,
            found["offers"],
            "offer_id",
            "from typed_offers as offers anti join typed_offer_products as covered using (offer_id)",
            "offer_id",
            "covers no product in offer_products",
            "add its products, or leave the offer out",
        )
        yield from _joined(
            connection,
            found["offer_products"],
            "is_anchor",
            "from (select offer_id, count(*) filter (is_anchor) as anchors from typed_offer_products group by all) "
            "where anchors > 1",
            "offer_id, anchors",
            "is true for several products of an offer",
            "mark one product per offer, or none",
        )
    if "redemptions" in found and "orders" in found:
        yield from _joined(
            connection,
            found["redemptions"],
            "redeemed_at",
            "from typed_redemptions as redeemed inner join typed_orders as orders using (order_id) "
            "where redeemed.redeemed_at::date <> orders.ordered_at::date",
            "order_id, redeemed.redeemed_at, orders.ordered_at",
            "is not on the day of its order",
            "a redemption happens when the order is paid; leave redeemed_at out, or correct one of the two",
        )


def _joined(
    connection: duckdb.DuckDBPyConnection,
    files: TableFiles,
    column: str,
    broken: str,
    shown: str,
    what: str,
    remedy: str,
) -> Iterator[Problem]:
    count = _one(connection, f"select count(*) {broken}")
    if count:
        rows = connection.sql(f"select {shown} {broken} order by all limit {EXAMPLES}")
        examples = tuple(_told(rows.columns, row) for row in rows.fetchall())
        yield Problem(files.label, column, what, remedy, count, examples)


def _examples(connection: duckdb.DuckDBPyConnection, files: TableFiles, condition: str, column: str) -> tuple[str, ...]:
    """A few rows that fulfil the condition: their key and the column."""
    table = files.table
    key = [name for name in table.key if name in table.column_names]
    shown = list(dict.fromkeys([*key, *([] if column in IDENTITIES else [column])]))
    columns = ", ".join(map(_quoted, shown))
    rows = connection.sql(
        f"select {columns} from typed_{table.name} where {condition} order by all limit {EXAMPLES}"
    ).fetchall()
    return tuple(_told(shown, row) for row in rows)


def _told(names: tuple[str, ...] | list[str], row: tuple[object, ...]) -> str:
    return ", ".join(f"{name} {'(empty)' if value is None else value}" for name, value in zip(names, row, strict=False))


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.sql(query).fetchall()[0][0])


def _quoted(name: str) -> str:
    return f'"{name}"'
