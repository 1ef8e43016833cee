"""Rankers of phase 2 on the coupons, beside the best of phase 1: who is compared and the columns that they read."""

from __future__ import annotations

from datetime import date

import duckdb

from metro_assets.config import Sequences
from metro_assets.features.training import History
from metro_assets.ranking.boosted_trees import BoostedTreesRanker
from metro_assets.ranking.examples import with_customer_codes, with_next_item_examples, with_offer_codes
from metro_assets.ranking.listwise import ListwiseRanker
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.ranking.sasrec import SequenceRanker
from metro_assets.ranking.wide_deep import WideDeepRanker
from metro_assets.sequences.baskets import baskets_to_learn_from
from metro_assets.sql import Relation, stored
from metro_assets.studies.complete_journey.entrants import ALL_FEATURES, Entrant
from metro_assets.vocabulary import CONTEXT_FEATURES, RANKING_FEATURES

SEQUENCES = Sequences(history_days=365, customers_per_block=16)
"""A year of history, for half of the households come at most 35 times in it; few households at a time, for the shops
sell 92,000 products."""
PHASE_1 = (
    Entrant("logistic", LogisticRanker, RANKING_FEATURES),
    Entrant("boosted_trees", BoostedTreesRanker, RANKING_FEATURES),
    Entrant("listwise_sets", ListwiseRanker, ALL_FEATURES),
)
PHASE_2 = (
    Entrant("wide_deep", WideDeepRanker, WideDeepRanker.feature_names),
    Entrant("sasrec", SequenceRanker, SequenceRanker.feature_names),
    Entrant("wide_deep_sets", WideDeepRanker, ALL_FEATURES + CONTEXT_FEATURES),
)


def matrix_of_phase_2(
    matrix: Relation, history: History, connection: duckdb.DuckDBPyConnection, seed: int, threads: int
) -> Relation:
    """The matrix with what customers and offers are, as codes, and what a network of purchases says of each coupon.

    The network learned from what was known before the first campaign of the matrix, for in the daily run too it ends
    where the rankers' windows begin: of all campaigns it then remembers as little. It reads what was known before each.
    """
    from metro_assets.sequences.fitting import fit_next_item
    from metro_assets.sequences.scoring import score_examples

    cutoff: date = matrix.aggregate("min(shown_date)").fetchall()[0][0]
    learned = baskets_to_learn_from(history.order_items, history.customers, cutoff, SEQUENCES, seed)
    scores = score_examples(
        fit_next_item(learned, cutoff, SEQUENCES, seed, threads).model.save(),
        matrix,
        history.offer_products,
        history.order_items,
        history.customers,
        SEQUENCES,
        threads,
    )
    coded = with_offer_codes(with_customer_codes(matrix, history.customers), history.offers, history.offer_products)
    return stored(with_next_item_examples(coded, connection.from_arrow(scores.to_arrow())))
