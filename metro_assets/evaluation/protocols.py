"""The two protocols, never mixed: ranking what was shown, and ranking the whole pool against what was then redeemed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from metro_assets.config import Evaluation
from metro_assets.evaluation.judging import RECALL, SCHEMA, Lists, Occasion, judge
from metro_assets.evaluation.oracle import Oracle
from metro_assets.metrics import Floats, expected_calibration_error
from metro_assets.sql import Relation, query, stored, values
from metro_assets.vocabulary import UNRANKED, Algorithm, Baseline, Protocol, Strategy

HOLDOUT, SERVED = "HOLDOUT", "SERVED"


def judge_shown(
    holdout_scores: Relation,
    order_items: Relation,
    offer_products: Relation,
    oracle: Oracle | None,
    settings: Evaluation,
    seed: int,
) -> pl.DataFrame:
    """Metrics of the rankers' first fits on their test window: lists as shown, scores blind to the position.

    The oracle knows the place at which each offer was shown, for it is a ceiling. Calibration at the places as shown
    stands with each model.
    """
    span = holdout_scores.aggregate("min(shown_date), max(shown_date)").fetchall()[0]
    if span[0] is None:
        return pl.DataFrame(schema=SCHEMA)
    first, last = span
    popularity = _popularity(order_items, offer_products, first, settings)
    rows = _by_offer(query(__package__, "shown", holdout_scores=holdout_scores, popularity=popularity), "slate_id")
    scores = _scores(rows, seed)
    if oracle is not None:
        scores[str(Baseline.ORACLE)] = _oracle_of_days(oracle, rows)
    lists = _lists(rows, rows["slate_id"].to_numpy(), scores)
    occasion = Occasion(Protocol.SHOWN, HOLDOUT, first, last)
    return judge(lists, occasion, settings, seed)


def judge_pool(
    scored_candidates: Relation,
    interaction_features: Relation,
    candidate_pool: Relation,
    offers: Relation,
    recommendations: Relation,
    impressions: Relation,
    redemptions: Relation,
    order_items: Relation,
    offer_products: Relation,
    oracle: Oracle | None,
    run_date: date,
    settings: Evaluation,
    seed: int,
) -> pl.DataFrame:
    """Metrics of what was scored and served `horizon_days` before the run date, against what was redeemed since.

    What is redeemed depends on what the log showed meanwhile. The oracle is told what was shown before the date and
    the log's probabilities for later, as a ranker could be at best. Recall and calibration are over all customers.
    """
    served = run_date - timedelta(days=settings.horizon_days)
    bound = values(first_date=served, last_date=run_date)
    judged_customers = stored(
        query(
            __package__,
            "judged_customers",
            candidate_pool=candidate_pool,
            parameters=values(seed=seed, maximum_customers=settings.maximum_judged_customers),
        )
    )
    customers = judged_customers.count("*").fetchall()[0][0]
    if not customers:
        return pl.DataFrame(schema=SCHEMA)
    popularity = _popularity(order_items, offer_products, served, settings)
    scored = query(
        __package__,
        "pool",
        scored_candidates=scored_candidates,
        interaction_features=interaction_features,
        candidate_pool=candidate_pool,
        judged_customers=judged_customers,
        redemptions=redemptions,
        popularity=popularity,
        parameters=bound,
    )
    rows = _by_offer(scored, "customer_id")
    scores = _scores(rows, seed)
    if oracle is not None and len(rows):
        scores[str(Baseline.ORACLE)] = oracle.unprompted_probability(
            served, rows["customer_id"].to_numpy(), rows["offer_id"].to_numpy()
        )
    occasion = Occasion(Protocol.POOL, SERVED, served, run_date - timedelta(days=1))
    lists = _lists(rows, rows["customer_id"].to_numpy(), scores)
    recall = query(
        __package__,
        "pool_recall",
        redemptions=redemptions,
        offers=offers,
        candidate_pool=candidate_pool,
        parameters=bound,
    ).pl()
    calibration = query(
        __package__,
        "served_and_shown",
        recommendations=recommendations,
        impressions=impressions,
        redemptions=redemptions,
        parameters=bound,
    ).pl()
    return pl.concat(
        [
            judge(lists, occasion, settings, seed, all_lists=customers),
            _recall_rows(recall, occasion),
            _calibration_rows(calibration, occasion),
        ]
    )


def _popularity(order_items: Relation, offer_products: Relation, before: date, settings: Evaluation) -> Relation:
    """Lines of the products of each offer in the weeks before a date: offer_id, line_count."""
    bound = values(first_date=before - timedelta(days=settings.popularity_days), last_date=before)
    return stored(
        query(__package__, "popularity", order_items=order_items, offer_products=offer_products, parameters=bound)
    )


def _by_offer(scored: Relation, list_column: str) -> pl.DataFrame:
    """One row per list and offer, with a column of scores per algorithm."""
    long: pl.DataFrame = scored.pl()
    index = [column for column in long.columns if column not in {"algorithm", "score"}]
    return long.pivot("algorithm", index=index, values="score").sort(list_column, "offer_id")


def _scores(rows: pl.DataFrame, seed: int) -> dict[str, Floats]:
    """Scores of the algorithms and of the baselines that need no truth; without rows, of every algorithm."""
    unscored = pl.Series([], dtype=pl.Float64)
    known = [str(name) for name in (*Algorithm, UNRANKED) if str(name) in rows.columns or rows.is_empty()]
    scores = {
        name: rows[name].cast(pl.Float64).to_numpy() if name in rows.columns else unscored.to_numpy()
        for name in known
        if name != UNRANKED or name in rows.columns
    }
    return {
        **scores,
        str(Baseline.RANDOM): np.random.default_rng(seed).random(len(rows)),
        str(Baseline.POPULARITY): rows["popularity"].cast(pl.Float64).to_numpy(),
        str(Baseline.REPEAT_PURCHASE): rows["repeat_purchase"].cast(pl.Float64).to_numpy(),
    }


def _oracle_of_days(oracle: Oracle, rows: pl.DataFrame) -> Floats:
    truth = np.zeros(len(rows))
    shown = rows["shown_date"].to_numpy()
    for day in rows["shown_date"].unique().sort().to_list():
        chosen = np.flatnonzero(shown == np.datetime64(day))
        part = rows[chosen]
        position = part["position"].fill_null(1).to_numpy()
        truth[chosen] = oracle.redemption_probability(
            day, part["customer_id"].to_numpy(), part["offer_id"].to_numpy(), position
        )
    return truth


def _lists(rows: pl.DataFrame, list_id: np.typing.NDArray[np.int64], scores: dict[str, Floats]) -> Lists:
    return Lists(list_id, rows["customer_id"].to_numpy(), rows["offer_id"].to_numpy(), rows["label"].to_numpy(), scores)


def _recall_rows(recall: pl.DataFrame, occasion: Occasion) -> pl.DataFrame:
    """Recall of the pool and of every strategy, as rows of metrics."""
    found = recall.row(0, named=True)
    names = ["pool", *(str(strategy) for strategy in Strategy)]
    counts = (found["customer_count"], found["redemption_count"])
    return _frame(occasion, [("pool", "REDEEMERS", f"{RECALL}{name}", found[name], *counts) for name in names])


def _calibration_rows(rows: pl.DataFrame, occasion: Occasion) -> pl.DataFrame:
    """Calibration error of served rows: the top of an order is over-predicted even by a calibrated model.

    The order of retrieval predicts nothing.
    """
    metrics: list[tuple[str, str, str, float | None, int, int]] = []
    for (algorithm,), part in rows.filter(pl.col("algorithm") != UNRANKED).group_by("algorithm", maintain_order=True):
        error = expected_calibration_error(part["label"].to_numpy(), part["score"].to_numpy())
        predicted, observed = part["score"].cast(pl.Float64).sum(), part["label"].sum()
        ratio = float(predicted) / float(observed) if observed else None
        counts = (part["customer_id"].n_unique(), len(part))
        metrics.append((str(algorithm), "SHOWN", "ece", error, *counts))
        metrics.append((str(algorithm), "SHOWN", "predicted_over_observed", ratio, *counts))
    return _frame(occasion, metrics)


def _frame(occasion: Occasion, metrics: Sequence[tuple[str, str, str, float | None, int, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "protocol": str(occasion.protocol),
                "subject": occasion.subject,
                "algorithm": algorithm,
                "population": population,
                "metric": metric,
                "value": value,
                "lower": None,
                "upper": None,
                "customer_count": customers,
                "list_count": lists,
                "from_date": occasion.from_date,
                "to_date": occasion.to_date,
            }
            for algorithm, population, metric, value, customers, lists in metrics
        ],
        schema=SCHEMA,
    )
