"""What scores a morning again: the fit that scored it, loaded once; or why it cannot be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from metro_assets.config import LIBRARIES, Sequences, Settings, missing_libraries
from metro_assets.ranking.fitting import load_scorer, oldest_fit
from metro_assets.ranking.protocol import Scorer
from metro_assets.sql import Relation
from metro_assets.storage.models import ModelStore, Version
from metro_assets.vocabulary import NEXT_ITEM_FEATURE, RANKER_SUFFIX, UNRANKED, Algorithm

NEXT_ITEM_MODEL = "next_item_model"


class NextItem(Protocol):
    """A network of purchase sequences that scores one customer's pairs."""

    def __call__(
        self,
        lines: Relation,
        customer_id: int,
        pairs: Mapping[str, npt.ArrayLike],
        offer_products: Mapping[str, npt.ArrayLike],
        run_date: date,
        settings: Sequences,
    ) -> npt.NDArray[np.float32]:
        """Scores of pairs of customer_id and offer_id, [pairs]."""
        ...


@dataclass(frozen=True)
class Scoring:
    """An algorithm as it scored a morning."""

    algorithm: str
    champion: str
    """The algorithm whose order is served."""
    scorer: Scorer | None
    """None: nothing was fitted, the order of retrieval is served."""
    version: Version | None
    next_item: NextItem | None = None


class CannotScoreError(Exception):
    """The algorithm's scores cannot be computed here; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def load_scoring(models: ModelStore, algorithm: str, champion: str, run_date: date, settings: Settings) -> Scoring:
    """The algorithm as it scored the run date.

    Raises
    ------
    CannotScoreError : unknown_algorithm, no_library or no_model.
    """
    if algorithm == UNRANKED:
        return Scoring(algorithm, champion, None, None)
    try:
        known = Algorithm(algorithm)
    except ValueError:
        raise CannotScoreError("unknown_algorithm", algorithm) from None
    if missing := missing_libraries(LIBRARIES.get(known, ())):
        raise CannotScoreError("no_library", ", ".join(missing))
    version = models.scoring_version(f"{known}{RANKER_SUFFIX}", oldest_fit(known, run_date, settings.ranking), run_date)
    if version is None:
        raise CannotScoreError("no_model", algorithm)
    scorer = load_scorer(known, models.load(version.name, version.run_date))
    reads_sequences = NEXT_ITEM_FEATURE in scorer.feature_names
    next_item = _load_next_item(models, run_date, settings) if reads_sequences else None
    return Scoring(algorithm, champion, scorer, version, next_item)


def _load_next_item(models: ModelStore, run_date: date, settings: Settings) -> NextItem:
    oldest = run_date - timedelta(days=settings.ranking.stale_days - 1)
    version = models.newest(NEXT_ITEM_MODEL, oldest, run_date)
    if version is None:
        raise CannotScoreError("no_model", NEXT_ITEM_MODEL)
    # PyTorch takes seconds and much memory to load: only for who asks for it.
    from metro_assets.sequences.baskets import baskets_between, day_number
    from metro_assets.sequences.fitting import NextItemModel
    from metro_assets.sequences.scoring import offer_sets, scores_of_pairs

    model = NextItemModel.load(models.load(version.name, version.run_date))

    def scores(
        lines: Relation,
        customer_id: int,
        pairs: Mapping[str, Any],
        offer_products: Mapping[str, Any],
        run_date: date,
        settings: Sequences,
    ) -> npt.NDArray[np.float32]:
        first_date = run_date - timedelta(days=settings.history_days)
        ends = (customer_id, customer_id)
        coded = baskets_between(lines, first_date, run_date, ends, settings.most_baskets).coded(model.catalogue)
        sets = offer_sets(model, offer_products["offer_id"], offer_products["product_id"])
        asked = (pairs["customer_id"], pairs["offer_id"])
        return scores_of_pairs(model, coded, asked, sets, day_number(run_date), settings, threads=1)

    return scores
