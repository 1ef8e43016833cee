"""An asset that is a table: what the contract says of it becomes its description, schema, partitions and checks."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from metro_assets.orchestration.failing import RETRY, fails_at_once
from metro_assets.orchestration.metadata import column_schema
from metro_assets.orchestration.partitions import daily
from metro_assets.storage.contract import contract

OWNERS = ["team:offers"]
RANGE_IN_ONE_RUN = dg.BackfillPolicy.single_run()
ONE_DATE_A_RUN = dg.BackfillPolicy.multi_run(1)


def table_asset(
    *,
    ins: Mapping[str, dg.AssetIn] | None = None,
    deps: list[str] | None = None,
    kinds: tuple[str, ...] = (),
    takes_range: bool = True,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorate a function whose name is a table of the contract and which returns its rows.

    `takes_range`: it makes a range of run dates in a single run; else a backfill gives each date a run of its own.
    """
    policy = RANGE_IN_ONE_RUN if takes_range else ONE_DATE_A_RUN

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        table = function.__name__
        is_partitioned = contract(table).is_partitioned
        definition: dg.AssetsDefinition = dg.asset(
            name=table,
            ins=ins,
            deps=deps,
            description=describe(table, function.__doc__),
            metadata={"dagster/column_schema": column_schema(table)},
            owners=OWNERS,
            kinds={"duckdb", *kinds},
            partitions_def=daily if is_partitioned else None,
            backfill_policy=policy if is_partitioned else None,
            retry_policy=RETRY,
            code_version=code_version(function),
            io_manager_key="io_manager",
        )(fails_at_once(function))
        return definition

    return decorate


def table_spec(table: str, function: Callable[..., Any] | None = None, **arguments: Any) -> dg.AssetSpec:
    """The spec of a table that a multi-asset writes."""
    return dg.AssetSpec(
        key=table,
        description=describe(table, None),
        metadata={"dagster/column_schema": column_schema(table)},
        owners=OWNERS,
        kinds={"duckdb"},
        partitions_def=daily if contract(table).is_partitioned else None,
        **arguments,
    )


def describe(table: str, docstring: str | None) -> str:
    """What one row is, then what the function says of itself."""
    return "\n\n".join(text for text in (contract(table).comment, inspect.cleandoc(docstring or "")) if text)


def code_version(function: Callable[..., Any]) -> str:
    """Hash of the sources of the function's stage: it changes when the stage does."""
    return _folder_hash(Path(inspect.getfile(function)).parent)


@cache
def _folder_hash(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".py", ".sql"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()
