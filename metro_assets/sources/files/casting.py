"""From cells as they were written to the contract's types: SQL expressions, null where a cell is not of the type."""

from __future__ import annotations

from metro_assets.config import TIME_ZONE
from metro_assets.sources.files.contract import FolderColumn
from metro_assets.sources.files.mapping import Dialect

ID_COLUMNS = {
    "customer_id": "customer",
    "product_id": "product",
    "gift_product_id": "product",
    "offer_id": "offer",
    "store_id": "store",
    "order_id": "order",
    "impression_id": "impression",
    "slate_id": "slate",
    "redemption_id": "redemption",
}
"""What each column of ids names; an id stays the company's text until it is numbered."""
WITH_OFFSET = r"[0-9]{2}:[0-9]{2}.*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
"""A moment that says how far it is from UTC."""
_TRUE, _FALSE = "'true','t','1','yes','y','da','d'", "'false','f','0','no','n','nu'"
_ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*"
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")


def typed(column: FolderColumn, stored_type: str, dialect: Dialect) -> str:
    """The expression that gives a cell of the column its type; ids and lists of stores stay text.

    Parameters
    ----------
    stored_type : DuckDB's type of the cell as it was read: VARCHAR of a CSV file, any of a Parquet file.
    """
    cell, wanted = f'"{column.name}"', column.type
    if wanted.endswith("[]"):
        return f"{cell}::varchar[]" if stored_type.endswith("[]") else f"string_split({cell}::varchar, '|')"
    if column.name in ID_COLUMNS:
        is_float = stored_type in {"DOUBLE", "FLOAT"}
        return f"coalesce(try_cast({cell} as bigint)::varchar, {cell}::varchar)" if is_float else f"{cell}::varchar"
    if wanted == "VARCHAR":
        return f"{cell}::varchar"
    if stored_type == "VARCHAR":
        return _from_text(cell, wanted, dialect)
    if stored_type == "TIMESTAMP WITH TIME ZONE":
        return f"try_cast(timezone('{TIME_ZONE}', {cell}) as {wanted})"
    if wanted in _INTEGERS and stored_type not in _INTEGERS:
        return f"case when {cell} = trunc({cell}) then try_cast({cell} as {wanted}) end"
    if wanted == "TIMESTAMP":
        return _at_home(f"try_cast({cell} as timestamp)", dialect)
    return f"try_cast({cell} as {wanted})"


def _from_text(cell: str, wanted: str, dialect: Dialect) -> str:
    if wanted == "BOOLEAN":
        word = f"lower({cell})"
        return f"case when {word} in ({_TRUE}) then true when {word} in ({_FALSE}) then false end"
    if wanted == "DATE":
        if dialect.date_format is None:
            return f"case when regexp_full_match({cell}, '{_ISO_DATE}') then try_cast({cell} as date) end"
        return f"try_strptime({cell}, {literal(dialect.date_format)})::date"
    if wanted == "TIMESTAMP":
        return _moment(cell, dialect)
    number = _plain_number(cell, dialect)
    if wanted in _INTEGERS:
        return f"case when regexp_full_match({number}, '[+-]?[0-9]+([.]0*)?') then try_cast({number} as {wanted}) end"
    return f"try_cast({number} as {wanted})"


def _plain_number(cell: str, dialect: Dialect) -> str:
    """The cell with a decimal point and without marks of thousands; null where the marks are not where they belong."""
    decimal, thousands = dialect.decimal or ".", dialect.thousands
    if decimal == "." and thousands is None:
        return cell
    groups = f"|[0-9]{{1,3}}([{thousands}][0-9]{{3}})+" if thousands else ""
    pattern = literal(f"[+-]?([0-9]+{groups})?([{decimal}][0-9]+)?")
    bare = f"replace({cell}, {literal(thousands)}, '')" if thousands else cell
    return f"case when regexp_full_match({cell}, {pattern}) then replace({bare}, '{decimal}', '.') end"


def _moment(cell: str, dialect: Dialect) -> str:
    formats = [text for text in (dialect.timestamp_format, dialect.date_format) if text is not None]
    if formats:
        parsed = f"try_strptime({cell}, [{', '.join(map(literal, formats))}])"
        has_offset = any("%z" in text for text in formats)
        return f"timezone('{TIME_ZONE}', {parsed})" if has_offset else _at_home(parsed, dialect)
    with_offset = f"timezone('{TIME_ZONE}', try_cast({cell} as timestamptz))"
    without = _at_home(f"try_cast({cell} as timestamp)", dialect)
    return (
        f"case when not regexp_full_match({cell}, '{_ISO_DATE}') then null "
        f"when regexp_matches({cell}, '{WITH_OFFSET}') then {with_offset} else {without} end"
    )


def _at_home(moment: str, dialect: Dialect) -> str:
    """Wall time of the mapping's zone as that of the stores."""
    if dialect.time_zone in (None, TIME_ZONE):
        return f"({moment})"
    return f"timezone('{TIME_ZONE}', timezone('{dialect.time_zone}', {moment}))"


def literal(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
