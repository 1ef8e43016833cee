"""The customers of a publication, to be found by what a person types and listed by what they are."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, TypeAlias

import polars as pl

from metro_assets.dashboard.kept import once
from metro_assets.serving.queries import OpenPublication

Order: TypeAlias = Literal["match", "name", "spend", "orders", "recency", "number"]
ORDERS: dict[Order, tuple[str, bool]] = {
    "match": ("match", False),
    "name": ("_name", False),
    "spend": ("monetary_ron", True),
    "orders": ("frequency_orders", True),
    "recency": ("recency_days", False),
    "number": ("customer_id", False),
}
"""What a list is sorted by, and whether the largest comes first."""
KEPT = 4
"""Publications whose customers stay in memory: 25 MB each at full size."""
_KEYS = (
    "_cui",
    "_card",
    "customer_id",
    "segment",
    "business_type",
    "store_id",
    "monetary_ron",
    "frequency_orders",
    "recency_days",
)
"""What is looked at to find and sort, beside the name."""
SHORTEST_CODE = 3
"""Characters of a card or fiscal code from which on its beginning is enough."""


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed down to; None: everybody."""

    text: str = ""
    segment: str | None = None
    business_type: str | None = None
    store_id: int | None = None


class Directory:
    """Every customer of a publication in memory, with what is looked for in plain letters."""

    def __init__(self, opened: OpenPublication) -> None:
        text = files(__package__).joinpath("customers.sql").read_text(encoding="utf-8")
        rows = opened.frame(text, algorithm=opened.publication.champion)
        self._rows = rows.with_columns(
            _folded(pl.col("name")).alias("_name"),
            _code(pl.col("cui")).str.strip_prefix("RO").alias("_cui"),
            _code(pl.col("metro_card")).alias("_card"),
        )
        self.segments: list[str] = _known(rows["segment"])
        self.business_types: list[str] = _known(rows["business_type"])
        stores = rows.select("store_id", "store_name").drop_nulls("store_id").unique("store_id", keep="first")
        self.stores: list[tuple[int, str]] = [
            (store_id, name or str(store_id)) for store_id, name in stores.sort("store_name", "store_id").rows()
        ]

    def found(self, filters: Filters, order: Order) -> pl.Series:
        """The places of the customers that fit, in an order, for `rows`.

        Parts of a name count in any position and without diacritics, dots or case; a fiscal code with or without RO.
        By `match`, a number, card or fiscal code that is exactly what was typed comes first.
        """
        keys = self._rows.lazy().select("_name", *_KEYS).with_row_index("place")
        for column, value in {
            "segment": filters.segment,
            "business_type": filters.business_type,
            "store_id": filters.store_id,
        }.items():
            if value is not None:
                keys = keys.filter(pl.col(column) == value)
        if filters.text.strip():
            keys = keys.with_columns(_match(filters.text)).filter(pl.col("match").is_not_null())
        column, is_descending = ORDERS[order]
        if column != "match" or filters.text.strip():
            keys = keys.sort(column, "_name", "customer_id", descending=[is_descending, False, False], nulls_last=True)
        return keys.select("place").collect()["place"]

    def rows(self, places: pl.Series) -> pl.DataFrame:
        """The customers of places, in their order."""
        return self._rows[places]


@once(kept=KEPT)
def directory(opened: OpenPublication) -> Directory:
    """The customers of a publication, read once."""
    return Directory(opened)


def _match(text: str) -> pl.Expr:
    """How well a customer fits what was typed, 0 best; null: not at all."""
    typed = pl.select(name=_folded(pl.lit(text)), code=_code(pl.lit(text))).row(0, named=True)
    name, code = pl.col("_name"), str(typed["code"])
    fiscal = code.removeprefix("RO")
    is_it = ((pl.col("_cui") == fiscal) | (pl.col("_card") == code)) & pl.lit(bool(fiscal))
    if code.isascii() and code.isdigit():
        is_it |= pl.col("customer_id").cast(pl.String) == code.lstrip("0")
    parts = str(typed["name"]).split()
    begins = pl.all_horizontal(
        *(name.str.starts_with(part) | name.str.contains(f" {part}", literal=True) for part in parts),
        pl.lit(bool(parts)),
    )
    holds = pl.all_horizontal(*(name.str.contains(part, literal=True) for part in parts), pl.lit(bool(parts)))
    is_long_enough = pl.lit(len(fiscal) >= SHORTEST_CODE)
    code_begins = is_long_enough & (pl.col("_cui").str.starts_with(fiscal) | pl.col("_card").str.starts_with(code))
    return (
        pl.when(is_it)
        .then(0)
        .when(name == typed["name"])
        .then(1)
        .when(begins & name.str.starts_with(parts[0] if parts else ""))
        .then(2)
        .when(begins)
        .then(3)
        .when(holds)
        .then(4)
        .when(code_begins)
        .then(5)
        .cast(pl.Int8)
        .alias("match")
    )


def _folded(text: pl.Expr) -> pl.Expr:
    """A name in plain small letters and digits: `S.C. „Țărăncuța” S.R.L.` is `sc tarancuta srl`."""
    return (
        text.str.normalize("NFKD")
        .str.replace_all(r"[\p{M}.'’`]", "")
        .str.to_lowercase()
        .str.replace_all(r"[^\p{L}\p{N}]+", " ")
        .str.strip_chars()
    )


def _code(text: pl.Expr) -> pl.Expr:
    """A card number or fiscal code without what people write between its characters."""
    return text.str.to_uppercase().str.replace_all(r"[^0-9A-Z]", "")


def _known(values: pl.Series) -> list[str]:
    return [str(value) for value in values.drop_nulls().unique().sort()]
