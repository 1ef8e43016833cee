"""Whether the peer's tables say what the platform's say: every column of every row, or the benchmark fails."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.peer.day import RESULTS
from metro_assets.config import Settings
from metro_assets.sql import query, values
from metro_assets.storage.contract import contract
from metro_assets.storage.tables import Warehouse

TOLERANCE = 1e-6
"""Relative, for numbers: pair features and scores are single precision."""
PAIR = ["customer_id", "offer_id"]
SLATE = ["customer_id", "algorithm", "rank"]
KEYS = {
    "customer_products": ["customer_id", "product_id"],
    "customer_features": ["customer_id"],
    "offer_features": ["offer_id"],
    "interaction_features": PAIR,
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
    """Rows that stand in another order than the peer's among rows of an equal order value."""


def compare(settings: Settings, run_date: date, database: Path) -> list[Compared]:
    """What was compared, table by table; raises UnequalError at the first difference."""
    warehouse = Warehouse(settings.warehouse, settings.engine)
    peers = sqlite3.connect(database)
    with warehouse.connection() as engine:

        def read(table: str) -> tuple[pd.DataFrame, pd.DataFrame]:
            ours = warehouse.read(engine, table, [run_date]).df().drop(columns="run_date")
            return ours, pd.read_sql_query(f"select * from {RESULTS}{table}", peers)

        before = ("customer_products", "customer_features", "offer_features")
        compared = [compare_table(table, *read(table)) for table in before]
        weights = query(
            __package__,
            "equal_weights",
            customer_products=warehouse.read(engine, "customer_products", [run_date]),
            offer_products=warehouse.read(engine, "offer_products", [run_date]),
            parameters=values(run_date=run_date, half_life_days=settings.candidates.repeat_half_life_days),
        ).df()
        pool, one_sided = compare_pools(*read("candidate_pool"), weights)
        compared.append(pool)
        compared += [
            compare_table(table, *(_without(rows, one_sided, PAIR) for rows in read(table)))
            for table in ("interaction_features", "scored_candidates")
        ]
        served = (_without(rows, one_sided[["customer_id"]], ["customer_id"]) for rows in read("recommendations"))
        compared.append(compare_table("recommendations", *served))
    peers.close()
    return compared


def compare_table(table: str, ours: pd.DataFrame, peers: pd.DataFrame) -> Compared:
    """Rows matched by key, then column by column; offers of one score may stand in another order in a slate."""
    key = KEYS[table]
    columns = [name for name in contract(table).column_names if name not in key]
    if missing := set(columns) - set(peers.columns):
        raise UnequalError(f"{table}: the peer lacks {', '.join(sorted(missing))}")
    ours, peers = (rows.sort_values(key, ignore_index=True) for rows in (ours, peers))
    if len(ours) != len(peers) or not all((ours[name] == peers[name]).all() for name in key):
        alone = ours[key].merge(peers[key], how="outer", indicator=True).query("_merge != 'both'")
        raise UnequalError(f"{table}: {len(alone)} keys on one side only, such as {alone.iloc[0].to_dict()}")
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


def compare_pools(ours: pd.DataFrame, peers: pd.DataFrame, weights: pd.DataFrame) -> tuple[Compared, pd.DataFrame]:
    """The pools compared, and the pairs that only one of them has.

    Ranks must agree but in `repeat_purchase`, whose order value is a power that two libraries round differently: a
    row may stand at another rank, or just past the last, if the row at that rank on the other side weighs the same.
    """
    rows = ours.merge(peers, on=PAIR, how="outer", suffixes=("", "_of_peer"), indicator="side")
    rows = rows.merge(weights, on=PAIR, how="left")
    rank = "repeat_purchase_rank"
    different = _differ(rows[rank], rows[f"{rank}_of_peer"])
    at_rank = [
        rows.loc[rows[name].notna(), ["customer_id", name, "weight"]].set_axis(["customer_id", "place", side], axis=1)
        for name, side in ((rank, "weight_of_ours"), (f"{rank}_of_peer", "weight_of_peers"))
    ]
    moved = rows.assign(place=rows[rank].fillna(rows[f"{rank}_of_peer"]))[different]
    for other in at_rank:
        moved = moved.merge(other, on=["customer_id", "place"], how="left")
    untied = moved[(moved["weight_of_ours"] != moved["weight_of_peers"]) | (moved["weight"] != moved["weight_of_ours"])]
    one_sided = rows["side"] != "both"
    others = [name for name in contract("candidate_pool").column_names if name not in {*PAIR, rank}]
    unexplained = [name for name in others if (_differ(rows[name], rows[f"{name}_of_peer"]) & ~one_sided).any()]
    if len(untied) or unexplained or (one_sided & ~different).any():
        raise UnequalError(
            f"candidate_pool: {len(untied)} repeat_purchase_rank(s) differ that are no ties, "
            f"{(one_sided & ~different).sum()} pairs are on one side only, ranks differ in {unexplained or 'no other'}"
        )
    return Compared("candidate_pool", len(rows), len(others) + 1, len(moved)), rows.loc[one_sided, PAIR]


def _without(rows: pd.DataFrame, excluded: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    if excluded.empty:
        return rows
    marked = rows.merge(excluded.drop_duplicates(), on=key, how="left", indicator="side")
    return marked[marked["side"] == "left_only"].drop(columns="side")


def _differ(ours: pd.Series, peers: pd.Series) -> npt.NDArray[np.bool_]:
    """Rows whose values differ: numbers beyond the tolerance, anything else at all; missing equals missing."""
    if pd.api.types.is_numeric_dtype(ours):
        own, other = (values.to_numpy(float, na_value=np.nan) for values in (ours, peers))
        return np.asarray(~np.isclose(own, other, TOLERANCE, 0.0, equal_nan=True))
    if pd.api.types.is_datetime64_any_dtype(ours):
        return np.asarray(ours != pd.to_datetime(peers, format="ISO8601"))
    text = ours.map(lambda value: ",".join(value) if isinstance(value, list | np.ndarray) else value)
    return np.asarray((text != peers) & ~(text.isna() & peers.isna()))
