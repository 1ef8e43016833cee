"""Whether the peer's tables say what the platform's say: every column of every row, or the benchmark fails."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.peer.day import RESULTS
from metro_assets.config import Settings
from metro_assets.storage.contract import contract
from metro_assets.storage.tables import Warehouse

TOLERANCE = 1e-6
"""Relative, for numbers: pair features and scores are single precision."""
SLATE = ["customer_id", "algorithm", "rank"]
KEYS = {
    "customer_products": ["customer_id", "product_id"],
    "customer_features": ["customer_id"],
    "offer_features": ["offer_id"],
    "candidate_pool": ["customer_id", "offer_id"],
    "interaction_features": ["customer_id", "offer_id"],
    "scored_candidates": ["customer_id", "offer_id", "algorithm"],
    "recommendations": SLATE,
}


class UnequalError(AssertionError):
    """The two disagree; the message says in which table and column, on how many rows, and shows one of them."""


@dataclass(frozen=True)
class Compared:
    """One table that was found equal."""

    table: str
    rows: int
    columns: int
    tied_rows: int
    """Places of a slate that hold another offer of the same score."""


def compare(settings: Settings, run_date: date, database: Path) -> list[Compared]:
    """What was compared, table by table; raises UnequalError at the first difference."""
    warehouse = Warehouse(settings.warehouse, settings.engine)
    connection = sqlite3.connect(database)
    compared = []
    with warehouse.connection() as engine:
        for table, key in KEYS.items():
            ours = warehouse.read(engine, table, [run_date]).df().drop(columns="run_date")
            peers = pd.read_sql_query(f"select * from {RESULTS}{table}", connection)
            compared.append(compare_table(table, key, ours, peers))
    connection.close()
    return compared


def compare_table(table: str, key: list[str], ours: pd.DataFrame, peers: pd.DataFrame) -> Compared:
    """Rows matched by key, then column by column; ties of a slate may stand in another order."""
    columns = [name for name in contract(table).column_names if name not in key]
    if missing := set(columns) - set(peers.columns):
        raise UnequalError(f"{table}: the peer lacks {', '.join(sorted(missing))}")
    ours, peers = (_sorted(rows, key) for rows in (ours, peers))
    if len(ours) != len(peers) or not all((ours[name] == peers[name]).all() for name in key):
        one_sided = ours[key].merge(peers[key], how="outer", indicator=True).query("_merge != 'both'")
        raise UnequalError(f"{table}: {len(one_sided)} keys on one side only, such as {one_sided.iloc[0].to_dict()}")
    tied = np.zeros(len(ours), dtype=bool)
    if table == "recommendations":
        tied = (ours["offer_id"] != peers["offer_id"]).to_numpy() & ~_differ(ours["score"], peers["score"])
    for name in columns:
        different = _differ(ours[name], peers[name]) & ~tied
        if different.any():
            place = int(np.flatnonzero(different)[0])
            raise UnequalError(
                f"{table}.{name}: {different.sum()} of {len(ours)} rows differ, such as "
                f"{ours.loc[place, key].to_dict()}: {ours[name][place]!r} and the peer's {peers[name][place]!r}"
            )
    return Compared(table, len(ours), len(columns), int(tied.sum()))


def _sorted(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    return rows.sort_values(key, ignore_index=True)


def _differ(ours: pd.Series, peers: pd.Series) -> np.ndarray:
    """Rows whose values differ: numbers beyond the tolerance, anything else at all; missing equals missing."""
    if pd.api.types.is_numeric_dtype(ours):
        return ~np.isclose(ours.to_numpy(float, na_value=np.nan), peers.to_numpy(float), TOLERANCE, 0.0, equal_nan=True)
    if pd.api.types.is_datetime64_any_dtype(ours):
        return (ours != pd.to_datetime(peers, format="ISO8601")).to_numpy()
    text = ours.map(lambda value: ",".join(value) if isinstance(value, list | np.ndarray) else value)
    return ((text != peers) & ~(text.isna() & peers.isna())).to_numpy()
