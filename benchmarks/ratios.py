"""What stages take against the least that anyone would write for the same rows, measured in the same process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import numpy as np

from metro_assets.config import Settings
from metro_assets.ranking.boosted_trees import BoostedTreesRanker
from metro_assets.ranking.fitting import load_ranker
from metro_assets.ranking.scoring import score_pool
from metro_assets.sql import query, values
from metro_assets.storage.models import ModelStore
from metro_assets.storage.tables import Warehouse
from metro_assets.vocabulary import RANKING_FEATURES, Algorithm

REPETITIONS = 3
EVERYBODY = 2**31 - 1
BARE_AGGREGATE = """
create or replace temp table bare as
select customer_id, product_id, count(*) as order_count, avg(quantity) as usual_quantity, sum(net_ron) as net_ron,
    sum(net_ron) filter (offer_id is not null) as offer_ron, count(*) filter (tier >= 2) as tier_line_count,
    min(run_date) as first_date, max(run_date) as last_date
from lines group by customer_id, product_id
"""


@dataclass(frozen=True)
class Ratio:
    """Seconds of ours and of a bare peer on the same rows, medians of the repetitions, and their spread."""

    name: str
    rows: int
    seconds: float
    bare_seconds: float
    bare: str
    spread: tuple[float, float]
    """Least and most of the ratio over the repetitions."""

    @property
    def ratio(self) -> float:
        """Ours over the peer's."""
        return self.seconds / self.bare_seconds


def scoring_ratio(settings: Settings, run_date: date) -> Ratio:
    """Scores of the pool by the boosted trees, features read and calibrated, against LightGBM's own `predict`."""
    warehouse, threads = Warehouse(settings.warehouse, settings.engine), settings.engine.threads
    name = f"{Algorithm.BOOSTED_TREES}_ranker"
    ranker, calibration = load_ranker(Algorithm.BOOSTED_TREES, ModelStore(settings.warehouse).load(name, run_date))
    assert isinstance(ranker, BoostedTreesRanker)
    with warehouse.connection() as connection:
        tables = [
            warehouse.read(connection, table, [run_date])
            for table in ("interaction_features", "customer_features", "offer_features")
        ]
        columns = query(
            "metro_assets.ranking",
            "pool_features",
            pool=tables[0],
            customer_features=tables[1],
            offer_features=tables[2],
            parameters=values(first_customer=0, last_customer=EVERYBODY),
        ).fetchnumpy()
        rows = len(columns["customer_id"])
        matrix = np.ones((rows, len(RANKING_FEATURES) + 1), dtype=np.float32)
        for place, feature in enumerate(RANKING_FEATURES):
            matrix[:, place] = np.ma.filled(columns[feature], np.nan)
        del columns
        return _ratio(
            "scoring of the pool by boosted trees",
            rows,
            lambda: score_pool({"boosted_trees": (ranker, calibration)}, *tables, threads),
            lambda: ranker.booster.predict(matrix, num_threads=threads),
            "`Booster.predict` on a matrix in memory",
        )


def features_ratio(settings: Settings, run_date: date, seconds: float, name: str) -> Ratio:
    """Stages of features that took `seconds`, files written, against one bare aggregate of the same lines in memory."""
    warehouse = Warehouse(settings.warehouse, settings.engine)
    window = (run_date - timedelta(days=settings.features.window_days), run_date - timedelta(days=1))
    with warehouse.connection() as connection:
        lines = warehouse.read(connection, "order_items", window)
        lines.create_view("lines")
        rows = lines.count("*").fetchall()[0][0]
        bare = [_seconds(lambda: connection.execute(BARE_AGGREGATE)) for _ in range(REPETITIONS)]
    return Ratio(
        name,
        rows,
        seconds,
        median(bare),
        "one `group by customer, product`",
        (seconds / max(bare), seconds / min(bare)),
    )


def _ratio(name: str, rows: int, ours: Callable[[], object], peer: Callable[[], object], bare: str) -> Ratio:
    pairs = [(_seconds(ours), _seconds(peer)) for _ in range(REPETITIONS)]
    ratios = [own / other for own, other in pairs]
    own, other = (median(column) for column in zip(*pairs, strict=True))
    return Ratio(name, rows, own, other, bare, (min(ratios), max(ratios)))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
