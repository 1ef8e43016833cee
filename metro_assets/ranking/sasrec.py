"""Logistic regression of the ranking features and of what purchase sequences say of the offer's products."""

from __future__ import annotations

from typing import ClassVar

from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.vocabulary import NEXT_ITEM_FEATURE, RANKING_FEATURES


class SequenceRanker(LogisticRanker):
    """The logistic ranker with `next_item_score` as one more column; where it is missing, a mark says so."""

    feature_names: ClassVar[tuple[str, ...]] = (*RANKING_FEATURES, NEXT_ITEM_FEATURE)
