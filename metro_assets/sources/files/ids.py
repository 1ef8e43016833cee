"""Numbers for a company's ids: whole numbers stay, others are numbered once and keep their number."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb

from metro_assets.sources.files.casting import literal
from metro_assets.sources.files.problems import Problem

FOLDER = "ids"
ENTITIES = {
    "customers": ("select customer_id from typed_customers", "integer"),
    "products": ("select product_id from typed_products", "integer"),
    "offers": ("select offer_id from typed_offers", "integer"),
    "stores": (
        "select store_id from typed_customers union all select store_id from typed_orders "
        "union all select trim(unnest(store_ids)) from typed_offers",
        "smallint",
    ),
}
"""Where each entity's ids are from, and the type of its numbers."""
EVENTS = {
    "order": "select order_id from typed_orders",
    "impression": "select impression_id from typed_impressions union all select impression_id from typed_redemptions",
    "slate": "select slate_id from typed_impressions",
    "redemption": "select redemption_id from typed_redemptions",
}
_WHOLE = "regexp_full_match(source_id, '0|[1-9][0-9]*')"


def number_ids(connection: duckdb.DuckDBPyConnection, kept: Path | None) -> Iterator[Problem]:
    """Fill `ids_of_<entity>` (source_id, id) and define the numbers of events.

    An entity whose ids are all whole numbers keeps them; else new ids are numbered on in their order.

    Parameters
    ----------
    kept : folder of the pairs of earlier imports, from `keep_ids`; None: there were none.
    """
    for entity, (query, kind) in ENTITIES.items():
        known = kept / f"{entity}.parquet" if kept else None
        has_known = known is not None and known.exists()
        earlier = (
            f"read_parquet({literal(str(known))})"
            if has_known
            else "(select null::varchar as source_id, 0 as id limit 0)"
        )
        connection.execute(
            f"create or replace temp table fresh as select distinct source_id from ({query}) as given(source_id) "
            f"where source_id is not null and source_id not in (select source_id from {earlier})"
        )
        kept_numbers, fresh_numbers = connection.sql(
            f"select (select coalesce(bool_and(source_id = id::varchar), true) from {earlier}), "
            f"(select coalesce(bool_and({_WHOLE} and try_cast(source_id as {kind}) is not null), true) from fresh)"
        ).fetchall()[0]
        if has_known and kept_numbers and not fresh_numbers:
            yield Problem(
                entity,
                "",
                "had whole numbers for ids when the warehouse was first filled, and now has others",
                "give the new ones numbers too, or fill another warehouse: --warehouse FOLDER",
            )
        number = (
            f"source_id::{kind}"
            if kept_numbers and fresh_numbers
            else (f"((select coalesce(max(id), 0) from {earlier}) + row_number() over (order by source_id))::{kind}")
        )
        connection.execute(
            f"create or replace table ids_of_{entity} as select source_id, id::{kind} as id from {earlier} "
            f"union all select source_id, {number} from fresh"
        )
    connection.execute("create or replace macro bits_of(word) as (md5_number_lower(word) >> 1)::bigint")
    for name, query in EVENTS.items():
        are_numbers = connection.sql(
            f"select coalesce(bool_and({_WHOLE} and try_cast(source_id as bigint) is not null), true) "
            f"from ({query}) as given(source_id)"
        ).fetchall()[0][0]
        body = "word::bigint" if are_numbers else "bits_of(word)"
        connection.execute(f"create or replace macro number_of_{name}(word) as {body}")


def keep_ids(connection: duckdb.DuckDBPyConnection, kept: Path) -> None:
    """Write the pairs of every entity for later imports, each file whole or not at all."""
    kept.mkdir(parents=True, exist_ok=True)
    for entity in ENTITIES:
        temporary = kept / f".{entity}.{os.getpid()}.tmp"
        connection.execute(
            f"copy (from ids_of_{entity} order by id) to {literal(str(temporary))} (format parquet, compression zstd)"
        )
        temporary.replace(kept / f"{entity}.parquet")
