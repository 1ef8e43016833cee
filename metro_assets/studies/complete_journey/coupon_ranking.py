"""Fit every entrant on a fold's campaigns, score its test lists, judge the orders with the platform's own metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import Evaluation, Ranking
from metro_assets.evaluation.bootstrap import interval, resampled_means
from metro_assets.evaluation.judging import Lists, Occasion, judge
from metro_assets.metrics import Floats, list_metrics
from metro_assets.ranking.calibration import Calibration, fit_calibration
from metro_assets.ranking.examples import Examples, load_examples
from metro_assets.ranking.fitting import judged, score
from metro_assets.ranking.protocol import Ranker
from metro_assets.sql import Relation
from metro_assets.studies.complete_journey.entrants import BASELINES, Entrant
from metro_assets.studies.complete_journey.history import Campaign
from metro_assets.studies.complete_journey.protocol import Fold, newest_for_validation
from metro_assets.vocabulary import Protocol

ALL_DAYS = (date(2016, 1, 1), date(2018, 12, 31))
EVERY_ROW = 10_000_000


@dataclass(frozen=True)
class Scored:
    """Test lists with the scores of every entrant and baseline, and what each entrant's first fit got on validation."""

    rows: pl.DataFrame
    validation: Mapping[str, Mapping[str, float]]

    @property
    def names(self) -> list[str]:
        """Names of the orders."""
        return [column.removeprefix("score:") for column in self.rows.columns if column.startswith("score:")]


def score_fold(
    matrix: Relation,
    fold: Fold,
    campaigns: Sequence[Campaign],
    entrants: Sequence[Entrant],
    settings: Ranking,
    seed: int,
    threads: int,
) -> Scored:
    """Every entrant as the platform fits it: stop and calibrate on the newest campaigns, then learn from all."""
    older, newest = newest_for_validation(fold.train, campaigns, _redemptions(matrix))
    rows, validation = _baselines(matrix, fold, seed), dict[str, dict[str, float]]()
    for entrant in entrants:
        train, held, everything = (
            _examples(matrix, numbers, entrant, settings, seed, is_balanced=balanced)
            for numbers, balanced in ((older, True), (newest, False), (fold.train, True))
        )
        first = entrant.ranker.fit(train, held, settings, seed, threads)
        calibration, validation[entrant.name] = _calibrated(first, held, threads)
        served = first.refit(everything, settings, seed, threads) if newest else first
        judged_rows = _examples(matrix, fold.test, entrant, settings, seed, is_balanced=False)
        scores = score(served, calibration, judged_rows.features, threads)
        scored = pl.DataFrame({"impression_id": judged_rows.impression_id, f"score:{entrant.name}": scores})
        rows = rows.join(scored, on="impression_id", how="left", validate="1:1")
    return Scored(rows.with_columns(fold=pl.lit(fold.name)), validation)


def metrics_of(scored: pl.DataFrame, settings: Evaluation, seed: int) -> pl.DataFrame:
    """`evaluation_metrics` of every order over the rows, with predicted over observed for those that are calibrated."""
    lists = _lists(scored)
    days = scored["shown_date"]
    first, last = days.min(), days.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    metrics = judge(lists, Occasion(Protocol.SHOWN, "COUPONS", first, last), settings, seed)
    ratios = [
        {"algorithm": name, "population": "ALL", "metric": "predicted_over_observed", "value": ratio}
        for name, ratio in _predicted_over_observed(scored).items()
    ]
    return pl.concat([metrics, pl.DataFrame(ratios, schema_overrides={"value": pl.Float64})], how="diagonal_relaxed")


def paired_difference(
    scored: pl.DataFrame, name: str, other: str, settings: Evaluation, seed: int
) -> tuple[float, float, float]:
    """Mean over lists with a redemption of the difference of NDCG@10, and its 95 % interval over customers."""
    (first, customer), (second, _) = (_ndcg_of_lists(scored, one, settings) for one in (name, other))
    return _mean_with_interval(first - second, customer, settings, seed)


def mean_ndcg(scored: pl.DataFrame, name: str, settings: Evaluation, seed: int) -> tuple[float, float, float]:
    """Mean NDCG@10 of one order over the lists with a redemption, and its 95 % interval over customers."""
    return _mean_with_interval(*_ndcg_of_lists(scored, name, settings), settings, seed)


def _ndcg_of_lists(scored: pl.DataFrame, name: str, settings: Evaluation) -> tuple[Floats, npt.NDArray[Any]]:
    rows = scored.sort("slate_id", "offer_id")
    ndcg = list_metrics(rows["slate_id"], rows["label"], rows[f"score:{name}"], rows["offer_id"], settings.cutoff).ndcg
    customer = rows.unique("slate_id", keep="first", maintain_order=True)["customer_id"].to_numpy()
    return ndcg[~np.isnan(ndcg)], customer[~np.isnan(ndcg)]


def _mean_with_interval(
    values: Floats, customer: npt.NDArray[Any], settings: Evaluation, seed: int
) -> tuple[float, float, float]:
    resampled = resampled_means(values[:, None], customer, settings.bootstrap_samples, seed)
    return float(values.mean()), *interval(resampled[:, 0])


def _redemptions(matrix: Relation) -> dict[int, int]:
    return dict(matrix.aggregate("campaign_id, sum(label)::integer").fetchall())


def _of_campaigns(matrix: Relation, numbers: Sequence[int]) -> Relation:
    return matrix.filter(f"campaign_id in ({', '.join(str(int(number)) for number in numbers) or 'null'})")


def _examples(
    matrix: Relation, numbers: Sequence[int], entrant: Entrant, settings: Ranking, seed: int, *, is_balanced: bool
) -> Examples:
    maximum = settings.maximum_rows if is_balanced else EVERY_ROW
    return load_examples(
        _of_campaigns(matrix, numbers),
        ALL_DAYS,
        seed,
        maximum,
        is_balanced=is_balanced,
        feature_names=entrant.features,
    )


def _calibrated(first: Ranker, held: Examples, threads: int) -> tuple[Calibration, dict[str, float]]:
    raw = first.raw_scores(held.features, held.position, threads)
    calibration = fit_calibration(raw, held.label, held.weight)
    if not len(held):
        return calibration, {}
    return calibration, judged(held, score(first, calibration, held.features, threads), calibration.probability(raw))


def _baselines(matrix: Relation, fold: Fold, seed: int) -> pl.DataFrame:
    kept = ["impression_id", "slate_id", "customer_id", "offer_id", "shown_date", "campaign_id", "policy", "label"]
    columns = [*kept, *(f'{feature} as "score:{name}"' for name, feature in BASELINES.items())]
    rows: pl.DataFrame = _of_campaigns(matrix, fold.test).select(", ".join(columns)).order("impression_id").pl()
    chance = np.random.default_rng(seed).random(len(rows))
    return rows.with_columns(pl.col(r"^score:.*$").fill_null(0.0), pl.Series("score:random", chance))


def _lists(scored: pl.DataFrame) -> Lists:
    names = [column for column in scored.columns if column.startswith("score:")]
    scores: dict[str, Floats] = {
        name.removeprefix("score:"): scored[name].cast(pl.Float64).to_numpy() for name in names
    }
    list_id, customer, offer, label = (
        scored[name].to_numpy() for name in ("slate_id", "customer_id", "offer_id", "label")
    )
    return Lists(list_id, customer, offer, label, scores)


def _predicted_over_observed(scored: pl.DataFrame) -> dict[str, float]:
    """Expected over counted redemptions of the orders that are probabilities."""
    probabilities = [
        column
        for column in scored.columns
        if column.startswith("score:") and column.removeprefix("score:") not in {*BASELINES, "random"}
    ]
    observed = float(scored["label"].sum())
    return {
        name.removeprefix("score:"): float(scored[name].cast(pl.Float64).sum()) / observed for name in probabilities
    }
