"""The network of purchase sequences of a policy that reads one, by the functions that the pipeline's assets call.

As there, it learns from what was bought before the first impression that a ranker of the run date may learn from. Needs
torch, which is imported where it is used.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from metro_assets.config import Settings
from metro_assets.experiments.opening import Opening
from metro_assets.sql import Relation, query
from metro_assets.storage.models import ModelStore

MODEL = "next_item_model"


def fit_network(opening: Opening, models: ModelStore, settings: Settings, seed: int) -> None:
    """Fit and keep the network of the run date; none where there are too few baskets to learn an order from."""
    from metro_assets.sequences.baskets import baskets_to_learn_from
    from metro_assets.sequences.fitting import TooFewBasketsError, fit_next_item

    oldest, history = _oldest(settings), settings.sequences.history_days
    cutoff = opening.run_date - timedelta(days=oldest)
    bought = opening.days("order_items", -oldest - history, -oldest - 1)
    baskets = baskets_to_learn_from(bought, opening.whole("customers"), cutoff, settings.sequences, seed)
    try:
        fit = fit_next_item(baskets, cutoff, settings.sequences, seed, threads=1)
    except TooFewBasketsError:
        return
    models.save(MODEL, opening.run_date, fit.model.save(), fit.metadata)


def examples_by_network(opening: Opening, models: ModelStore, settings: Settings) -> pl.DataFrame:
    """What the network of the run date says of the impressions that a ranker learns from, as `next_item_examples`."""
    from metro_assets.sequences.scoring import no_examples, score_examples

    if not models.exists(MODEL, opening.run_date):
        return no_examples()
    oldest, horizon = _oldest(settings), settings.ranking.label_horizon_days
    return score_examples(
        models.load(MODEL, opening.run_date),
        opening.days("training_examples", -oldest + 1, -horizon + 1),
        opening.days("offer_products", -oldest, -horizon),
        opening.days("order_items", -oldest - settings.sequences.history_days, -horizon - 1),
        opening.whole("customers"),
        settings.sequences,
        threads=1,
    )


def scores_by_network(opening: Opening, models: ModelStore, candidates: Relation, settings: Settings) -> pl.DataFrame:
    """What the newest network says of candidates, as `next_item_scores`; null where there is none."""
    from metro_assets.sequences.scoring import score_candidates

    version = models.newest(MODEL, opening.first_day, opening.run_date)
    bought = opening.days("order_items", -settings.sequences.history_days, -1)
    customers, of_due = (
        query(__package__, "of_due", rows=rows, due=candidates) for rows in (opening.whole("customers"), bought)
    )
    return score_candidates(
        models.load(MODEL, version.run_date) if version else None,
        candidates,
        opening.days("offer_products"),
        of_due,
        customers,
        opening.run_date,
        settings.sequences,
        threads=1,
    )


def _oldest(settings: Settings) -> int:
    """Age in days of the earliest impression that a ranker of the run date may learn from."""
    return settings.ranking.example_days + settings.ranking.label_horizon_days - 1
