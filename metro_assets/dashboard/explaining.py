"""Why an offer has its score: what each feature adds to the log odds, and the baseline that is left.

Trees: TreeSHAP, as LightGBM computes it. Additive models (logistic regression, the sequence ranker, the mean of
Thompson's posterior): what the log odds lose where a feature takes the value of another candidate, averaged over a
background of the pool; for a sum of terms that is the Shapley value itself. Wide & Deep: Shapley values by sampled
orders of the features against the same background (Štrumbelj and Kononenko 2014), each order together with its reverse.
All are of the calibrated log odds, so that the baseline and all contributions sum to the log odds of the score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs
from duckdb import ColumnExpression, ConstantExpression, Expression

from metro_assets.config import Ranking
from metro_assets.dashboard.desk import Desk
from metro_assets.dashboard.kept import once
from metro_assets.ranking.bayesian_logistic import BayesianLogisticRanker
from metro_assets.ranking.boosted_trees import BoostedTreesRanker
from metro_assets.ranking.calibration import Calibration
from metro_assets.ranking.examples import with_customer_codes, with_offer_codes
from metro_assets.ranking.fitting import CalibratedRanker, load_scorer, partition_seed
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.ranking.protocol import TOP_POSITION, Scorer
from metro_assets.ranking.uplift.effects import ScaledEffect
from metro_assets.ranking.uplift.learners import SCORING, LearnerKind
from metro_assets.ranking.uplift.scorer import UpliftScorer
from metro_assets.serving.publish import Publication
from metro_assets.sql import query, values
from metro_assets.storage.errors import explained
from metro_assets.storage.models import Version
from metro_assets.vocabulary import OFFER_FEATURES, RANKER_SUFFIX, RANKING_FEATURES, Algorithm

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]
LogOdds = Callable[[Features], Floats]
"""Log odds of rows [n, features] if shown at the top, [n]."""

BACKGROUND_CUSTOMERS, BACKGROUND_ROWS = 64, 160
"""Customers whose candidates are drawn from, and candidates drawn: what a feature is compared with."""
ORDERS = 320
"""Sampled orders of the features, half of them the reverse of the other half."""
EFFECT_ORDERS = 64
"""Likewise of an effect, whose trees take longer."""
KEPT = 12
"""Models, backgrounds and descriptions of offers that are kept."""
UNCALIBRATED = Calibration(1.0, 0.0)
SHAPLEY_TREES, SHAPLEY_TERMS, SHAPLEY_SAMPLED = "TREES", "TERMS", "SAMPLED"


@dataclass(frozen=True)
class Explanation:
    """The log odds of a score as a sum."""

    baseline: float
    """Log odds where nothing is known of the pair: the mean over what the contributions are compared with."""
    contributions: dict[str, float]
    """Log odds that each feature adds, by feature."""
    method: str
    """TREES, TERMS or SAMPLED."""
    errors: dict[str, float] | None = None
    """Standard error of each sampled contribution."""

    @property
    def log_odds(self) -> float:
        """The sum: the log odds of the score."""
        return self.baseline + sum(self.contributions.values())

    @property
    def ordered(self) -> list[tuple[str, float]]:
        """Features with their contributions, those that weigh most first."""
        return sorted(self.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))


def explanation(scorer: Scorer, row: Features, background: Features, seed: int) -> Explanation:
    """What each feature adds to the log odds of the score of one row, [features].

    Parameters
    ----------
    background : rows of the pool, [n, features]; trees do without.
    seed : of the sampled orders.
    """
    names = scorer.feature_names
    if isinstance(scorer, UpliftScorer):
        return tree_explanation(scorer.model.response, row[: len(RANKING_FEATURES)], UNCALIBRATED)
    if isinstance(scorer, BayesianLogisticRanker):
        return additive_explanation(_at_top(scorer.raw_scores), names, row, background)
    if not isinstance(scorer, CalibratedRanker):
        raise TypeError(f"no explanation is known of {type(scorer).__name__}")
    ranker, calibration = scorer.ranker, scorer.calibration
    if isinstance(ranker, BoostedTreesRanker):
        return tree_explanation(ranker.booster, np.append(row, np.float32(TOP_POSITION)), calibration)

    def log_odds(rows: Features) -> Floats:
        return calibration.slope * _at_top(ranker.raw_scores)(rows) + calibration.intercept

    if isinstance(ranker, LogisticRanker):
        return additive_explanation(log_odds, names, row, background)
    return sampled_explanation(log_odds, names, row, background, seed)


def tree_explanation(booster: lgb.Booster, row: Features, calibration: Calibration) -> Explanation:
    """TreeSHAP of one row, [features of the booster], in calibrated log odds."""
    raw = np.asarray(booster.predict(row[None], pred_contrib=True), dtype=np.float64)[0]
    named = zip(booster.feature_name(), (calibration.slope * raw[:-1]).tolist(), strict=True)
    return Explanation(calibration.slope * float(raw[-1]) + calibration.intercept, dict(named), SHAPLEY_TREES)


def additive_explanation(log_odds: LogOdds, names: Sequence[str], row: Features, background: Features) -> Explanation:
    """Exact where the log odds are a sum of one term per feature."""
    exchanged = np.repeat(row[None, None], len(names), axis=0).repeat(len(background), axis=1)
    for place in range(len(names)):
        exchanged[place, :, place] = background[:, place]
    own = float(log_odds(row[None])[0])
    lost = own - log_odds(exchanged.reshape(-1, len(names))).reshape(len(names), -1).mean(axis=1)
    return Explanation(own - float(lost.sum()), dict(zip(names, lost.tolist(), strict=True)), SHAPLEY_TERMS)


def sampled_explanation(
    log_odds: LogOdds, names: Sequence[str], row: Features, background: Features, seed: int, orders: int = ORDERS
) -> Explanation:
    """Shapley values by sampled orders: in each a row of the background becomes the row, feature by feature."""
    random, width, pairs = np.random.default_rng(seed), len(names), max(orders // 2, 1)
    order = np.array([random.permutation(width) for _ in range(pairs)])
    starts = background[np.resize(random.permutation(len(background)), pairs)]
    # An order and its reverse share their start: what one overstates the other understates.
    order, starts = np.concatenate([order, order[:, ::-1]]), np.concatenate([starts, starts])
    steps = np.repeat(starts[:, None], width + 1, axis=1)
    for step in range(width):
        changed = order[:, step]
        steps[np.arange(len(order)), step + 1 :, changed] = row[changed][:, None]
    scores = log_odds(steps.reshape(-1, width)).reshape(len(order), width + 1)
    added = np.empty((len(order), width))
    np.put_along_axis(added, order, np.diff(scores, axis=1), axis=1)
    mean = added.mean(axis=0)
    of_pairs = (added[:pairs] + added[pairs:]) / 2
    error = of_pairs.std(axis=0, ddof=1) / np.sqrt(pairs) if pairs > 1 else np.full(width, np.nan)
    own = float(log_odds(row[None])[0])
    return Explanation(
        own - float(mean.sum()),
        dict(zip(names, mean.tolist(), strict=True)),
        SHAPLEY_SAMPLED,
        dict(zip(names, error.tolist(), strict=True)),
    )


def effect_explanation(
    effect: ScaledEffect, row: Features, background: Features, seed: int, threads: int
) -> Explanation:
    """What each feature adds to the effect of showing an offer, in probability.

    The regressions of the X and DR learners are sums of trees in the probability itself, so theirs is TreeSHAP. A
    difference of two probabilities (S, T) is no such sum, and its orders are sampled.

    Parameters
    ----------
    row, background : the features of the learner, [features] and [n, features].
    """
    learner, scale = effect.learner, effect.scale
    boosters = [learner.boosters[name] for name in SCORING[learner.kind]]
    if learner.kind not in {LearnerKind.X, LearnerKind.DR}:
        return sampled_explanation(
            lambda rows: effect.of(rows, threads), RANKING_FEATURES, row, background, seed, EFFECT_ORDERS
        )
    parts = [booster.predict(row[None], pred_contrib=True, num_threads=threads)[0] for booster in boosters]
    raw = np.mean(np.asarray(parts, dtype=np.float64), axis=0)
    added = dict(zip(boosters[0].feature_name(), (scale.slope * raw[:-1]).tolist(), strict=True))
    return Explanation(scale.level + scale.slope * (float(raw[-1]) - scale.centre), added, SHAPLEY_TREES)


def scoring_version(desk: Desk, algorithm: str, run_date: date) -> Version | None:
    """The model that scored a run date; None where none is kept."""
    ranking: Ranking = desk.settings.ranking
    oldest = run_date - timedelta(days=ranking.stale_days - 1)
    return desk.models.scoring_version(f"{algorithm}{RANKER_SUFFIX}", oldest, run_date)


@once(KEPT)
def scorer_of(desk: Desk, publication: Publication, version: Version) -> Scorer:
    """The scorer of a stored model; a model that is fitted anew comes with a new publication."""
    del publication
    algorithm = Algorithm(version.name.removesuffix(RANKER_SUFFIX))
    return load_scorer(algorithm, desk.models.load(version.name, version.run_date))


def pair_features(desk: Desk, publication: Publication, customer_id: int, offer_ids: Sequence[int]) -> pl.DataFrame:
    """Every feature of a customer's pairs at the opening of the run date; no row for what was no candidate."""
    customer = ColumnExpression("customer_id") == ConstantExpression(customer_id)
    offer = ColumnExpression("offer_id").isin(*map(ConstantExpression, offer_ids))
    return _described(desk, publication, customer & offer, customer)


@once(KEPT)
def background(desk: Desk, publication: Publication) -> pl.DataFrame:
    """Some candidates of some customers of the run date with every feature, the same ones for everybody."""
    run_date = publication.run_date
    with desk.reading() as connection, explained():
        drawn = query(
            __package__,
            "background_customers",
            customer_features=desk.table(connection, "customer_features", [run_date]),
            parameters=values(customer_count=BACKGROUND_CUSTOMERS),
        ).fetchall()
    customers = ColumnExpression("customer_id").isin(*(ConstantExpression(one) for (one,) in drawn))
    pairs = _described(desk, publication, customers, customers)
    chosen = np.random.default_rng(explanation_seed(desk, run_date)).permutation(len(pairs))[:BACKGROUND_ROWS]
    return pairs[np.sort(chosen)]


def _described(desk: Desk, publication: Publication, pairs: Expression, customers: Expression) -> pl.DataFrame:
    """Pairs with every feature, sorted.

    Parameters
    ----------
    pairs, customers : which rows of tables of pairs, and of customers, are asked for: the files are sorted by them.
    """
    key, run_date = ["customer_id", "offer_id"], publication.run_date
    with desk.reading() as connection, explained():
        known, signals, margins = (
            pl.DataFrame(desk.table(connection, table, [run_date]).filter(pairs).pl()).drop("run_date")
            for table in ("interaction_features", "next_item_scores", "candidate_margins")
        )
        features = desk.table(connection, "customer_features", [run_date]).filter(customers)
        described: pl.DataFrame = with_customer_codes(
            features, desk.table(connection, "customers").filter(customers)
        ).pl()
    return (
        known.join(signals, on=key, how="left")
        .join(margins, on=key, how="left")
        .join(described.drop("run_date"), on="customer_id")
        .join(offer_descriptions(desk, publication), on="offer_id")
        .sort(key)
    )


@once(KEPT)
def offer_descriptions(desk: Desk, publication: Publication) -> pl.DataFrame:
    """Features and codes of every live offer of a run date."""
    run_date = publication.run_date
    with desk.reading() as connection, explained():
        found: pl.DataFrame = with_offer_codes(
            desk.table(connection, "offer_features", [run_date]),
            desk.table(connection, "offers", [run_date]),
            desk.table(connection, "offer_products", [run_date]),
        ).pl()
    return found.select("offer_id", *OFFER_FEATURES, cs.ends_with("_code"))


def matrix(rows: pl.DataFrame, names: Sequence[str]) -> Features:
    """The features of rows as a scorer reads them, [n, features]; missing is NaN."""
    known = rows.select(pl.col(list(names)).cast(pl.Float32).fill_null(float("nan"))).to_numpy()
    return np.ascontiguousarray(known, dtype=np.float32)


def explanation_seed(desk: Desk, run_date: date) -> int:
    """The seed of a run date's sampled orders: who asks again gets the same numbers."""
    return partition_seed(desk.settings.seed, "explanation", run_date)


def _at_top(raw_scores: Callable[[Features, Features, int], Floats]) -> LogOdds:
    def log_odds(rows: Features) -> Floats:
        return raw_scores(rows, np.full(len(rows), TOP_POSITION, dtype=np.float32), 1)

    return log_odds
