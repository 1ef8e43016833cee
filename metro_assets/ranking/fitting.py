"""Fitting one ranker for one run date: train, stop and calibrate on validation, report on test, refit on all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from importlib.metadata import version
from io import BytesIO
from pkgutil import resolve_name
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from metro_assets.config import LIBRARIES, Ranking
from metro_assets.distributions import Reference, category_reference, quantile_reference
from metro_assets.metrics import auc, expected_calibration_error, list_metrics, reliability
from metro_assets.ranking.calibration import Calibration, fit_calibration, load_calibration
from metro_assets.ranking.examples import Examples, NotEnoughHistoryError, Windows, load_examples
from metro_assets.ranking.protocol import TOP_POSITION, LearnsByEpochs, Ranker, Scored, Scorer
from metro_assets.sql import Relation
from metro_assets.vocabulary import RANKER_SUFFIX, RANKING_FEATURES, Algorithm

RANKERS: dict[Algorithm, str] = {
    Algorithm.LOGISTIC: "metro_assets.ranking.logistic:LogisticRanker",
    Algorithm.BOOSTED_TREES: "metro_assets.ranking.boosted_trees:BoostedTreesRanker",
    Algorithm.WIDE_DEEP: "metro_assets.ranking.wide_deep:WideDeepRanker",
    Algorithm.THOMPSON: "metro_assets.ranking.bayesian_logistic:BayesianLogisticRanker",
    Algorithm.SASREC: "metro_assets.ranking.sasrec:SequenceRanker",
}
"""Every ranker's class by the name that the tables carry; imported when it is asked for, for some need much."""
SCORERS: dict[Algorithm, str] = {
    Algorithm.UPLIFT: "metro_assets.ranking.uplift.scorer:UpliftScorer",
    Algorithm.THOMPSON: RANKERS[Algorithm.THOMPSON],
}
"""What scores by more than a calibrated probability, likewise."""
COSTLY = {Algorithm.WIDE_DEEP, Algorithm.SASREC, Algorithm.UPLIFT}
"""Fitted anew once a week, not every day."""
CUTOFF = 10
REFERENCES, HOLDOUT = "references.json", "holdout.parquet"


def ranker_class(algorithm: Algorithm) -> type[Ranker]:
    """The class of an algorithm's ranker."""
    ranker: type[Ranker] = resolve_name(RANKERS[algorithm])
    return ranker


@dataclass(frozen=True)
class CalibratedRanker:
    """A ranker that scores the pool: calibrated probabilities as if shown at the top."""

    ranker: Ranker
    calibration: Calibration

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns that the ranker reads."""
        return self.ranker.feature_names

    def scored(self, features: npt.NDArray[np.float32], threads: int) -> Scored:
        """Scores of rows [n, features]."""
        return Scored(score(self.ranker, self.calibration, features, threads))


@dataclass(frozen=True)
class FittedRanker:
    """A ranker that is fitted on all windows, its calibration, and the metrics of its first fit."""

    ranker: Ranker
    calibration: Calibration
    metadata: dict[str, Any]
    reliability: npt.NDArray[np.float64]
    """Mean prediction, observed rate and rows per bin of the test window."""
    references: dict[str, Reference]
    """Distribution of every feature, of the score and of the label over the refit's examples: drift's reference."""
    holdout: pl.DataFrame
    """The test window scored by the first fit, as `holdout_scores` has it."""

    def files(self) -> dict[str, bytes]:
        """What the model store keeps of the ranker that scores."""
        references = {name: asdict(reference) for name, reference in self.references.items()}
        return {
            **self.ranker.save(),
            **self.calibration.save(),
            REFERENCES: json.dumps(references).encode(),
            HOLDOUT: _parquet(self.holdout),
        }


def fit_ranker(
    algorithm: Algorithm,
    labelled_rows: Relation,
    windows: Windows,
    run_date: date,
    settings: Ranking,
    seed: int,
    threads: int,
    reference_bins: int,
    served: Ranker | None = None,
) -> FittedRanker:
    """Fit one algorithm on the train window, judge it on the test window, fit it anew on all windows for serving.

    Parameters
    ----------
    served : what serves instead of the new fit, where the algorithm learns from day to day.
    """
    kind = ranker_class(algorithm)
    own_seed = partition_seed(seed, algorithm, run_date)
    draws = _draws(algorithm, windows, run_date, settings, seed)
    load = partial(_drawn, labelled_rows, feature_names=kind.feature_names)
    train = load(draws["train"])
    if not len(train):
        raise NotEnoughHistoryError(
            f"nothing was shown from {windows.train[0]} to {windows.train[1]}, the window to train on; "
            "ingest impressions of those days or choose a later run date"
        )
    validation, test = load(draws["validation"]), load(draws["test"])
    first = kind.fit(train, validation, settings, own_seed, threads)
    raw = {
        name: first.raw_scores(part.features, part.position, threads)
        for name, part in (("validation", validation), ("test", test))
    }
    calibration = fit_calibration(raw["validation"], validation.label, validation.weight)
    at_top = {
        name: score(first, calibration, part.features, threads)
        for name, part in (("validation", validation), ("test", test))
    }
    everything = load(draws["refit"])
    served = served or first.refit(everything, settings, own_seed, threads)
    metadata: dict[str, Any] = {
        "algorithm": str(algorithm),
        "run_date": str(run_date),
        "windows": {name: [str(day) for day in days] for name, days in windows._asdict().items()},
        "rows": {"train": len(train), "validation": len(validation), "test": len(test), "refit": len(everything)},
        "impressions": {"train": float(train.weight.sum()), "refit": float(everything.weight.sum())},
        "redemptions": {"train": int(train.label.sum()), "validation": int(validation.label.sum())},
        "metrics": {
            name: judged(part, at_top[name], calibration.probability(raw[name]))
            for name, part in (("validation", validation), ("test", test))
        },
        "importance": served.importance(),
        "features": list(kind.feature_names),
        "seed": own_seed,
        "library_versions": {
            name: version(name) for name in ("lightgbm", "scikit-learn", *LIBRARIES.get(algorithm, ()))
        },
        **({"curve": first.curve} if isinstance(first, LearnsByEpochs) else {}),
    }
    references = _references(everything, score(served, calibration, everything.features, threads), reference_bins)
    curve = reliability(test.label, calibration.probability(raw["test"]))
    holdout = _holdout_frame(algorithm, test, at_top["test"])
    return FittedRanker(served, calibration, metadata, curve, references, holdout)


def impressions_read(
    algorithm: Algorithm, labelled_rows: Relation, windows: Windows, run_date: date, settings: Ranking, seed: int
) -> pl.DataFrame:
    """`impression_id` of every row that `fit_ranker` reads, ascending."""
    parts = [
        _drawn(labelled_rows, draw, feature_names=()).impression_id
        for draw in _draws(algorithm, windows, run_date, settings, seed).values()
    ]
    return pl.DataFrame({"impression_id": np.unique(np.concatenate(parts))})


class _Draw(NamedTuple):
    """What a fit reads of a window: at most so many rows, of lists that the seed draws."""

    window: tuple[date, date]
    seed: int
    maximum_rows: int
    is_balanced: bool


def _draws(algorithm: Algorithm, windows: Windows, run_date: date, settings: Ranking, seed: int) -> dict[str, _Draw]:
    own_seed = partition_seed(seed, algorithm, run_date)
    # All algorithms are judged on the same lists.
    shared_seed = partition_seed(seed, "judged lists", run_date)
    return {
        "train": _Draw(windows.train, own_seed, settings.maximum_rows, is_balanced=True),
        "validation": _Draw(windows.validation, shared_seed, settings.maximum_judged_rows, is_balanced=False),
        "test": _Draw(windows.test, shared_seed, settings.maximum_judged_rows, is_balanced=False),
        "refit": _Draw(windows.whole, own_seed, settings.maximum_rows, is_balanced=True),
    }


def _drawn(labelled_rows: Relation, draw: _Draw, feature_names: tuple[str, ...]) -> Examples:
    return load_examples(
        labelled_rows,
        draw.window,
        draw.seed,
        draw.maximum_rows,
        is_balanced=draw.is_balanced,
        feature_names=feature_names,
    )


def judged(examples: Examples, at_top: npt.NDArray[np.float32], as_shown: npt.NDArray[np.float64]) -> dict[str, float]:
    """AUC, AUC within lists and NDCG@10 of scores that know no position; calibration error of those that do."""
    lists = list_metrics(examples.list_id, examples.label, at_top, examples.offer_id, CUTOFF)
    return {
        "auc": auc(examples.label, at_top),
        "auc_within_lists": _mean(lists.auc),
        "ndcg_at_10": _mean(lists.ndcg),
        "ece": expected_calibration_error(examples.label, as_shown),
        "lists_with_redemption": float((lists.relevant > 0).sum()),
    }


def load_ranker(algorithm: Algorithm, files: dict[str, bytes]) -> tuple[Ranker, Calibration]:
    """A stored ranker and its calibration."""
    return ranker_class(algorithm).load(files), load_calibration(files)


def load_scorer(algorithm: Algorithm, files: dict[str, bytes]) -> Scorer:
    """What scores the pool by a stored model."""
    if algorithm in SCORERS:
        scorer: Scorer = resolve_name(SCORERS[algorithm]).load(files)
        return scorer
    return CalibratedRanker(*load_ranker(algorithm, files))


def oldest_fit(algorithm: Algorithm, run_date: date, settings: Ranking) -> date:
    """The first run date whose fit may score the date: the date itself, or as far back as a costly fit is kept."""
    return run_date - timedelta(days=settings.stale_days - 1 if algorithm in COSTLY else 0)


def score(
    ranker: Ranker, calibration: Calibration, features: npt.NDArray[np.float32], threads: int
) -> npt.NDArray[np.float32]:
    """Calibrated probability of redemption if shown at the top, [n]."""
    position = np.full(len(features), TOP_POSITION, dtype=np.float32)
    return calibration.probability(ranker.raw_scores(features, position, threads)).astype(np.float32)


class ReadsModels(Protocol):
    """What is asked of a store of models."""

    def load(self, name: str, run_date: date) -> dict[str, bytes]:
        """Files of a version."""
        ...


def stored_scores(
    models: ReadsModels, name: str, run_date: date, rows: pl.DataFrame, threads: int
) -> npt.NDArray[np.float32] | None:
    """Scores of feature rows by a stored model, given the name of its asset; None where a column is not among them."""
    scorer = load_scorer(Algorithm(name.removesuffix(RANKER_SUFFIX)), models.load(name, run_date))
    if not set(scorer.feature_names) <= set(rows.columns):
        return None
    features = rows.select(pl.col(scorer.feature_names).cast(pl.Float32).fill_null(float("nan"))).to_numpy()
    return scorer.scored(features, threads).score


def stored_references(models: ReadsModels, name: str, run_date: date) -> dict[str, Reference]:
    """Reference distributions of a stored ranker."""
    return load_references(models.load(name, run_date))


def load_references(files: Mapping[str, bytes]) -> dict[str, Reference]:
    """The reference distributions among a model's files."""
    return {
        name: Reference(tuple(parts["edges"]), tuple(parts["categories"]), tuple(parts["counts"]))
        for name, parts in json.loads(files[REFERENCES]).items()
    }


def load_holdout(files: Mapping[str, bytes]) -> pl.DataFrame:
    """The scored test window among a model's files."""
    return pl.read_parquet(BytesIO(files[HOLDOUT]))


def no_holdout() -> pl.DataFrame:
    """The scored test window where nothing was fitted: no rows."""
    nothing = np.empty(0)
    examples = Examples(
        features=np.empty((0, len(RANKING_FEATURES)), dtype=np.float32),
        position=nothing.astype(np.float32),
        label=nothing.astype(np.int8),
        weight=nothing.astype(np.float32),
        list_id=nothing.astype(np.int64),
        customer_id=nothing.astype(np.int64),
        offer_id=nothing.astype(np.int64),
        shown_date=nothing.astype("datetime64[D]"),
        impression_id=nothing.astype(np.int64),
        policy=pl.Series([], dtype=pl.String),
    )
    return _holdout_frame(Algorithm.LOGISTIC, examples, nothing.astype(np.float32))


def _references(examples: Examples, scores: npt.NDArray[np.float32], bins: int) -> dict[str, Reference]:
    # The named features stand first in every ranker's matrix; what a ranker reads beyond them is not watched.
    columns = {name: examples.features[:, place] for place, name in enumerate(RANKING_FEATURES)}
    references = {
        name: quantile_reference(values, bins, examples.weight) for name, values in {**columns, "score": scores}.items()
    }
    return {**references, "label": category_reference(examples.label, examples.weight)}


def _holdout_frame(algorithm: Algorithm, test: Examples, scores: npt.NDArray[np.float32]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "impression_id": test.impression_id,
            "algorithm": pl.Series([str(algorithm)]).new_from_index(0, len(test)),
            "slate_id": test.list_id,
            "customer_id": test.customer_id.astype(np.int32),
            "offer_id": test.offer_id.astype(np.int32),
            "shown_date": test.shown_date,
            "position": pl.Series(test.position).fill_nan(None).cast(pl.Int8),
            "policy": test.policy,
            "label": test.label,
            "score": scores,
            "product_purchases": test.features[:, RANKING_FEATURES.index("product_purchases")],
        }
    )


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def choose(metrics: dict[str, dict[str, float]], metric: str) -> str:
    """The algorithm with the best validation metric; ties and undefined values by name."""
    return max(sorted(metrics), key=lambda name: np.nan_to_num(metrics[name][metric], nan=-1.0))


def partition_seed(seed: int, purpose: str, run_date: date) -> int:
    """A seed of its own for every purpose and run date."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{purpose}:{run_date}".encode(), digest_size=4).digest()) >> 1


def _mean(values: npt.NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
