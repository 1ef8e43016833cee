"""What a policy learns from what it lived through: rankers fitted anew every few days, a belief moved every day."""

from __future__ import annotations

from datetime import date

import polars as pl

from metro_assets.config import Ranking, Settings
from metro_assets.experiments.next_items import examples_by_network, fit_network
from metro_assets.experiments.opening import Opening
from metro_assets.ranking.bayesian_logistic import BayesianLogisticRanker
from metro_assets.ranking.examples import (
    NotEnoughHistoryError,
    labelled,
    windows_before,
    with_customer_codes,
    with_next_item_examples,
    with_offer_codes,
)
from metro_assets.ranking.fitting import fit_ranker, load_scorer, partition_seed, ranker_class
from metro_assets.ranking.protocol import Scorer
from metro_assets.ranking.settled import belief_at, belief_frame, belief_of
from metro_assets.ranking.uplift.fitting import fit_uplift
from metro_assets.ranking.uplift.trial import TrialSources, trial_windows, with_outcomes
from metro_assets.sql import Relation, stored
from metro_assets.storage.models import ModelStore
from metro_assets.vocabulary import CONTEXT_FEATURES, NEXT_ITEM_FEATURE, RANKER_SUFFIX, Algorithm

BELIEF = "bandit_posterior"


def scorer_of(
    opening: Opening, algorithm: Algorithm, models: ModelStore, settings: Settings, seed: int, start: date
) -> Scorer:
    """What scores the pool of the run date by an algorithm, learned from what was known at the opening."""
    if algorithm is Algorithm.THOMPSON:
        return _belief_of_the_day(opening, settings, seed)
    if (opening.run_date - start).days % settings.experiments.refit_days == 0:
        fit = _fit_uplift if algorithm is Algorithm.UPLIFT else _fit
        fit(opening, algorithm, models, settings, seed)
    name = f"{algorithm}{RANKER_SUFFIX}"
    newest = max(version.run_date for version in models.versions(name) if version.run_date <= opening.run_date)
    return load_scorer(algorithm, models.load(name, newest))


def _fit(opening: Opening, algorithm: Algorithm, models: ModelStore, settings: Settings, seed: int) -> None:
    ranking = settings.ranking
    rows = _settled_rows(opening, algorithm, ranking)
    if NEXT_ITEM_FEATURE in ranker_class(algorithm).feature_names:
        fit_network(opening, models, settings, seed)
        rows = with_next_item_examples(rows, _table(opening, examples_by_network(opening, models, settings)))
        rows = rows.materialize()
    first_shown = rows.aggregate("min(shown_date)").fetchall()[0][0] or opening.run_date
    windows = windows_before(opening.run_date, first_shown, ranking)
    fitted = fit_ranker(
        algorithm, rows, windows, opening.run_date, ranking, seed, threads=1, reference_bins=settings.monitoring.bins
    )
    models.save(f"{algorithm}{RANKER_SUFFIX}", opening.run_date, fitted.files(), fitted.metadata)


def _fit_uplift(opening: Opening, algorithm: Algorithm, models: ModelStore, settings: Settings, seed: int) -> None:
    horizon = settings.ranking.label_horizon_days
    reach = settings.uplift.example_days + horizon
    sources = TrialSources(
        order_items=opening.days("order_items", -reach + 1, -1),
        redemptions=opening.days("redemptions", -reach + 1, -1),
        offers=opening.days("offers", -reach + 1, -1),
        offer_products=opening.days("offer_products", -reach + 1, -1),
        daily_prices=opening.days("daily_prices", -reach + 1, -1),
        products=opening.whole("products"),
    )
    examples = opening.days("uplift_examples", -reach + 2, 0)
    rows = stored(with_outcomes(examples, sources, opening.run_date, horizon))
    first_shown = rows.aggregate("min(shown_date)").fetchall()[0][0] or opening.run_date
    windows = trial_windows(opening.run_date, first_shown, settings.uplift, settings.ranking)
    fitted = fit_uplift(rows, windows, opening.run_date, settings.uplift, seed, threads=1)
    models.save(f"{algorithm}{RANKER_SUFFIX}", opening.run_date, fitted.model.files(), fitted.metadata)


def _settled_rows(opening: Opening, algorithm: Algorithm, ranking: Ranking) -> Relation:
    """Training examples with their labels as known at the opening, and the codes where the algorithm reads them."""
    reach = ranking.example_days + ranking.label_horizon_days
    rows = labelled(_examples(opening, ranking), _outcomes(opening, ranking), opening.run_date, ranking)
    if set(CONTEXT_FEATURES) & set(ranker_class(algorithm).feature_names):
        offers, offer_products = (opening.days(table, -reach + 1, 0) for table in ("offers", "offer_products"))
        rows = with_customer_codes(with_offer_codes(rows, offers, offer_products), opening.whole("customers"))
    return rows.materialize()


def _belief_of_the_day(opening: Opening, settings: Settings, seed: int) -> Scorer:
    """The belief of the day before, moved by what has settled since; the first one from all that has."""
    ranking, run_date = settings.ranking, opening.run_date
    belief = belief_at(
        belief_of(opening.days(BELIEF, -1, -1).pl()),
        with_customer_codes(_examples(opening, ranking), opening.whole("customers")),
        _outcomes(opening, ranking),
        opening.days("offers"),
        run_date,
        ranking,
        partition_seed(seed, Algorithm.THOMPSON, run_date),
    )
    opening.warehouse.write(BELIEF, run_date, belief_frame(belief))
    if belief is None:
        raise NotEnoughHistoryError(f"no impression has settled at {run_date}; choose a longer sizes.history_days")
    return BayesianLogisticRanker(belief, ranking.bandit.offer_sd)


def _table(opening: Opening, rows: pl.DataFrame) -> Relation:
    return opening.connection.from_arrow(rows.to_arrow())


def _examples(opening: Opening, ranking: Ranking) -> Relation:
    return opening.days("training_examples", -(ranking.example_days + ranking.label_horizon_days) + 2, 0)


def _outcomes(opening: Opening, ranking: Ranking) -> Relation:
    return opening.days("redemptions", -(ranking.example_days + ranking.label_horizon_days) + 1, -1)
