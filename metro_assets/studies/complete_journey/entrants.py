"""What is compared: the platform's rankers on its features, and orders that need no learning."""

from __future__ import annotations

from dataclasses import dataclass

from metro_assets.ranking.boosted_trees import BoostedTreesRanker
from metro_assets.ranking.listwise import ListwiseRanker
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.ranking.protocol import Ranker
from metro_assets.vocabulary import RANKING_FEATURES, SET_FEATURES

ALL_FEATURES = RANKING_FEATURES + SET_FEATURES


@dataclass(frozen=True)
class Entrant:
    """A ranker and the features that it sees."""

    name: str
    ranker: type[Ranker]
    features: tuple[str, ...]


ENTRANTS = (
    Entrant("logistic", LogisticRanker, RANKING_FEATURES),
    Entrant("boosted_trees", BoostedTreesRanker, RANKING_FEATURES),
    Entrant("logistic_sets", LogisticRanker, ALL_FEATURES),
    Entrant("boosted_trees_sets", BoostedTreesRanker, ALL_FEATURES),
    Entrant("listwise_sets", ListwiseRanker, ALL_FEATURES),
)
BASELINES = {
    "popularity": "set_buyers",
    "category_share": "set_type_spend_share",
    "category_affinity": "category_affinity_score",
    "repeat_purchase": "product_purchases",
}
"""Feature by whose value each baseline orders: buyers of the set in 90 days, spend share of its shelves, …"""
