"""The belief of a run date: the day before's, moved by the impressions whose outcome has settled since.

A redemption may come on any day of an offer's validity, so the label of an impression is read once, when its horizon
has passed; until then it says nothing. Each run date adds exactly the impressions shown `label_horizon_days` before it:
none twice, none left out, whatever the order in which dates are made again. A redemption that becomes known later than
that moves the first run date that knows of it.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta
from functools import partial

import numpy as np
import polars as pl
from duckdb import ColumnExpression, ConstantExpression

from metro_assets.config import Bandit, Ranking
from metro_assets.ranking.examples import Examples, labelled, load_examples
from metro_assets.ranking.posterior import Belief, Integers, Rows, forgotten, prior, restricted, updated
from metro_assets.sql import Relation, query, stored, values
from metro_assets.vocabulary import OFFER_CODE, RANKING_FEATURES

SCHEMA = pl.Schema(
    {
        "place": pl.Int32(),
        "coefficient": pl.String(),
        "offer_id": pl.Int32(),
        "mean": pl.Float64(),
        "covariance": pl.List(pl.Float64()),
        "shift": pl.Float64(),
        "scale": pl.Float64(),
    }
)
OFFER = "offer"
CODES = ("segment_code",)
"""What the belief reads beside the ranking features: each further code made nothing better (docs/bandit.md)."""
FEATURE_NAMES = RANKING_FEATURES + CODES


def belief_at(
    yesterday: Belief | None,
    training_examples: Relation,
    redemptions: Relation,
    offers: Relation,
    run_date: date,
    settings: Ranking,
    seed: int,
) -> Belief | None:
    """The belief at the opening of the run date; None while no impression has settled.

    Parameters
    ----------
    yesterday : the belief of the day before; without it all settled impressions are learned from in one pass.
    training_examples : of the ranker's windows, with the codes of `CODES`.
    offers : live on the run date.
    """
    belief = (
        first_belief(training_examples, redemptions, run_date, settings, seed)
        if yesterday is None
        else next_belief(yesterday, training_examples, redemptions, run_date, settings, seed)
    )
    return None if belief is None else kept_effects(belief, training_examples, offers, run_date, settings)


def first_belief(
    training_examples: Relation, redemptions: Relation, run_date: date, settings: Ranking, seed: int
) -> Belief | None:
    """The prior and all settled impressions of the ranker's windows in one pass; None without any."""
    newest = run_date - timedelta(days=settings.label_horizon_days)
    window = (newest - timedelta(days=settings.example_days - 1), newest)
    known = stored(labelled(training_examples, redemptions, run_date, settings))
    examples = load_examples(known, window, seed, settings.maximum_rows, is_balanced=True, feature_names=FEATURE_NAMES)
    return belief_from(examples, newest, settings.bandit) if len(examples) else None


def belief_from(examples: Examples, newest: date, settings: Bandit) -> Belief:
    """The belief after examples in one pass: those shown long before the newest day count less.

    A code of the offer is not read as a feature: the belief has an effect for every offer.
    """
    names = tuple(name for name in examples.feature_names if name != OFFER_CODE)
    rows = _rows(examples, newest, settings)
    return updated(prior(rows, names, [name for name in CODES if name in names], settings), rows, settings)


def next_belief(
    yesterday: Belief, training_examples: Relation, redemptions: Relation, run_date: date, settings: Ranking, seed: int
) -> Belief:
    """The belief of the day before after a day of forgetting, what settled on the run date, and late news."""
    day = timedelta(days=1)
    newest = run_date - settings.label_horizon_days * day
    load = partial(load_examples, seed=seed, maximum_rows=settings.maximum_rows, feature_names=FEATURE_NAMES)
    shown = training_examples.filter(ColumnExpression("shown_date") == ConstantExpression(newest))
    settled = load(stored(labelled(shown, redemptions, run_date, settings)), (newest, newest), is_balanced=True)
    touched = stored(
        query(
            __package__,
            "lately_redeemed",
            training_examples=training_examples,
            redemptions=redemptions,
            parameters=values(newest_date=newest, known_date=run_date - day),
        )
    )
    newly_redeemed = query(
        __package__,
        "newly_redeemed",
        known=labelled(touched, redemptions, run_date, settings),
        known_before=labelled(touched, redemptions, run_date - day, settings),
    )
    late = load(newly_redeemed, (date.min, newest))
    rows = _together(_rows(settled, newest, settings.bandit), _corrections(_rows(late, newest, settings.bandit)))
    return updated(forgotten(yesterday, settings.bandit), rows, settings.bandit)


def kept_effects(
    belief: Belief, training_examples: Relation, offers: Relation, run_date: date, settings: Ranking
) -> Belief:
    """The belief with the effects of offers that are live or were shown too lately to have settled."""
    newest = ConstantExpression(run_date - timedelta(days=settings.label_horizon_days))
    unsettled = training_examples.filter(ColumnExpression("shown_date") > newest)
    ids = [rows.select("offer_id").distinct().fetchnumpy()["offer_id"] for rows in (unsettled, offers)]
    return restricted(belief, np.concatenate(ids).astype(np.int64))


def belief_frame(belief: Belief | None) -> pl.DataFrame:
    """The belief as `bandit_posterior` has it: shared coefficients in their order, then the offers."""
    if belief is None:
        return pl.DataFrame(schema=SCHEMA)
    shared, offers = len(belief.names), len(belief.offer_id)
    with_shared = -belief.offer_slope @ belief.covariance
    own = belief.offer_variance - (with_shared * belief.offer_slope).sum(axis=1)
    return pl.DataFrame(
        {
            "place": np.arange(shared + offers),
            "coefficient": [*belief.names, *[OFFER] * offers],
            "offer_id": [*[None] * shared, *belief.offer_id.tolist()],
            "mean": np.append(belief.mean, belief.offer_mean),
            "covariance": [*belief.covariance.tolist(), *np.column_stack([with_shared, own]).tolist()],
            "shift": np.append(belief.shift, np.zeros(offers)),
            "scale": np.append(belief.scale, np.ones(offers)),
        },
        schema=SCHEMA,
    )


def belief_of(rows: pl.DataFrame) -> Belief | None:
    """The belief that `bandit_posterior` holds of a date; None where it has no rows, or other features than today's."""
    ordered = rows.sort("place")
    shared, offers = (ordered.filter(pl.col("offer_id").is_null() == is_shared) for is_shared in (True, False))
    if not set(RANKING_FEATURES) <= set(shared["coefficient"]):
        return None
    covariance = np.array(shared["covariance"].to_list())
    of_offers = np.array(offers["covariance"].to_list()).reshape(len(offers), len(covariance) + 1)
    slope = -np.linalg.solve(covariance, of_offers[:, :-1].T).T
    return Belief(
        feature_names=FEATURE_NAMES,
        names=tuple(shared["coefficient"].to_list()),
        shift=shared["shift"].to_numpy(),
        scale=shared["scale"].to_numpy(),
        mean=shared["mean"].to_numpy(),
        covariance=covariance,
        offer_id=offers["offer_id"].cast(pl.Int64).to_numpy(),
        offer_mean=offers["mean"].to_numpy(),
        offer_slope=slope,
        offer_variance=of_offers[:, -1] + (of_offers[:, :-1] * slope).sum(axis=1),
    )


def _rows(examples: Examples, newest: date, settings: Bandit) -> Rows:
    """Examples as rows that count less the longer ago their outcome settled."""
    age: Integers = (np.datetime64(newest) - examples.shown_date.astype("datetime64[D]")).astype(np.int64)
    return Rows(
        features=examples.features[:, [name != OFFER_CODE for name in examples.feature_names]],
        position=examples.position,
        label=examples.label.astype(np.float64),
        weight=examples.weight * settings.kept_share**age,
        offer_id=examples.offer_id,
    )


def _corrections(rows: Rows) -> Rows:
    """What takes back a label of 0 and puts one of 1 in its place."""
    zeros = Rows(rows.features, rows.position, np.zeros(len(rows)), -rows.weight, rows.offer_id)
    return _together(zeros, Rows(rows.features, rows.position, np.ones(len(rows)), rows.weight, rows.offer_id))


def _together(first: Rows, second: Rows) -> Rows:
    return Rows(*(np.concatenate([getattr(first, part.name), getattr(second, part.name)]) for part in fields(Rows)))
