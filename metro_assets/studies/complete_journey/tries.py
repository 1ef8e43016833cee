"""What was tried, judged on training campaigns only: every try is a row of a table, also those that lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from metro_assets.config import Evaluation, Features, Ranking
from metro_assets.ranking.boosted_trees import BoostedTreesRanker
from metro_assets.ranking.listwise import ListwiseRanker
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.sql import Relation
from metro_assets.studies.complete_journey.coupon_ranking import mean_ndcg, paired_difference, score_fold
from metro_assets.studies.complete_journey.entrants import ALL_FEATURES, BASELINES, Entrant
from metro_assets.studies.complete_journey.history import Campaign
from metro_assets.studies.complete_journey.protocol import GIVEN_TRAIN, Fold, rolling_folds
from metro_assets.vocabulary import RANKING_FEATURES, SET_FEATURES

INNER = tuple(range(8, 14))
"""Training campaigns that are predicted from those that had ended before them."""
LEFT_OUT = (8, 13)
"""Large campaigns that are predicted from all other training campaigns: the earliest folds learn from 91 redemptions,
the test from 1,180, and a choice must hold for the latter. Later labels say nothing of the test campaigns."""
MAXIMUM_ROWS = 100_000
"""Rows that a try learns from; beyond, lists are sampled as the platform samples them."""
OFFER_TERMS = ("offer_value_ron", "offer_minimum_quantity", "is_supplier_funded", "discount_depth")


@dataclass(frozen=True)
class Try:
    """A ranker, its features and settings, and why it was worth trying."""

    entrant: Entrant
    what: str
    ranking: dict[str, Any] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)


def _without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in ALL_FEATURES if name not in names)


TRIES = (
    Try(Entrant("logistic", LogisticRanker, RANKING_FEATURES), "the platform's regression as it was"),
    Try(Entrant("boosted_trees", BoostedTreesRanker, RANKING_FEATURES), "the platform's trees as they were"),
    Try(Entrant("listwise", ListwiseRanker, RANKING_FEATURES), "listwise objective, no new feature"),
    Try(Entrant("logistic_sets", LogisticRanker, ALL_FEATURES), "features of the offer's set"),
    Try(Entrant("logistic_sets_c001", LogisticRanker, ALL_FEATURES), "penalised harder", {"l2_strength": 0.01}),
    Try(Entrant("boosted_trees_sets", BoostedTreesRanker, ALL_FEATURES), "features of the offer's set"),
    Try(
        Entrant("small_trees_sets", BoostedTreesRanker, ALL_FEATURES),
        "7 leaves, slow",
        {"num_leaves": 7, "learning_rate": 0.05, "minimum_leaf_rows": 50},
    ),
    *(
        Try(
            Entrant(f"listwise_sets_{penalty:g}", ListwiseRanker, ALL_FEATURES),
            f"both, penalty {penalty:g}",
            {"listwise_penalty": penalty},
        )
        for penalty in (3.0, 10.0, 30.0, 100.0, 200.0, 300.0, 500.0, 1000.0)
    ),
    Try(
        Entrant("listwise_sets_only", ListwiseRanker, SET_FEATURES),
        "without the named features",
        {"listwise_penalty": 300.0},
    ),
    Try(
        Entrant("listwise_no_terms", ListwiseRanker, _without(*OFFER_TERMS)),
        "without what the coupon's number says",
        {"listwise_penalty": 300.0},
    ),
    *(
        Try(
            Entrant(f"listwise_{name}_{value:g}", ListwiseRanker, ALL_FEATURES),
            f"{name} {value:g} days",
            {"listwise_penalty": 300.0},
            {name: value},
        )
        for name, value in (
            ("set_window_days", 90),
            ("set_window_days", 365),
            ("set_half_life_days", 28.0),
            ("set_half_life_days", 112.0),
        )
    ),
)


def judge_tries(
    tries: Sequence[Try],
    matrix: Callable[[Features], Relation],
    campaigns: Sequence[Campaign],
    evaluation: Evaluation,
    seed: int,
    threads: int,
) -> Iterator[dict[str, Any]]:
    """One row per try: NDCG@10 over the inner folds with its interval and the paired difference to repeat purchase.

    The orders that need no learning come with the first.
    """
    for number, attempt in enumerate(tries):
        started = time.perf_counter()
        rows = matrix(Features(**attempt.features))
        ranking = Ranking(**{"maximum_rows": MAXIMUM_ROWS} | attempt.ranking)
        parts = [
            score_fold(rows, fold, campaigns, [attempt.entrant], ranking, seed, threads).rows
            for fold in inner_folds(campaigns)
        ]
        # a list that both kinds of fold judge is two lists here
        scored = pl.concat(
            part.with_columns(slate_id=pl.col("slate_id") + fold * 10_000_000) for fold, part in enumerate(parts)
        )
        if number == 0:
            for name in ("random", *BASELINES):
                yield _row(name, "an order that needs no learning", scored, evaluation, seed) | {"seconds": 0.0}
        row = _row(attempt.entrant.name, attempt.what, scored, evaluation, seed)
        yield row | {"seconds": time.perf_counter() - started}


def inner_folds(campaigns: Sequence[Campaign]) -> list[Fold]:
    """Rolling folds inside the training campaigns, and the two large ones left out in turn."""
    left_out = [
        Fold(f"left out {number}", tuple(other for other in GIVEN_TRAIN if other != number), (number,))
        for number in LEFT_OUT
    ]
    return [*rolling_folds(campaigns, INNER), *left_out]


def _row(name: str, what: str, scored: pl.DataFrame, evaluation: Evaluation, seed: int) -> dict[str, Any]:
    against, low, high = paired_difference(scored, name, "repeat_purchase", evaluation, seed)
    parts = {
        "rolling": scored.filter(~pl.col("fold").str.starts_with("left out")),
        "left_out": scored.filter(pl.col("fold").str.starts_with("left out")),
    }
    value, lower, upper = mean_ndcg(scored, name, evaluation, seed)
    return {
        "try": name,
        "what": what,
        "ndcg_at_10": value,
        "lower": lower,
        "upper": upper,
        **{part: mean_ndcg(rows, name, evaluation, seed)[0] for part, rows in parts.items()},
        "minus_repeat_purchase": against,
        "minus_lower": low,
        "minus_upper": high,
    }
