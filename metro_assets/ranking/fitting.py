"""Fitting one ranker for one run date: train, stop and calibrate on validation, report on test, refit on all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import sklearn

from metro_assets.config import Ranking
from metro_assets.metrics import auc, expected_calibration_error, list_metrics, reliability
from metro_assets.ranking.boosted_trees import BoostedTreesRanker
from metro_assets.ranking.calibration import Calibration, fit_calibration, load_calibration
from metro_assets.ranking.examples import Examples, Windows, load_examples
from metro_assets.ranking.logistic import LogisticRanker
from metro_assets.ranking.protocol import TOP_POSITION, Ranker
from metro_assets.sql import Relation
from metro_assets.vocabulary import RANKING_FEATURES, Algorithm

RANKERS: dict[Algorithm, type[Ranker]] = {
    Algorithm.LOGISTIC: LogisticRanker,
    Algorithm.BOOSTED_TREES: BoostedTreesRanker,
}
"""Every ranker by the name that the tables carry."""
CUTOFF = 10
SUSPICIOUS_AUC_WITHIN_LISTS = 0.95
"""Nobody foresees redemptions this well: a feature knows the future until proven otherwise (docs/evaluation.md)."""


@dataclass(frozen=True)
class FittedRanker:
    """A ranker that is fitted on all windows, its calibration, and the metrics of its first fit."""

    ranker: Ranker
    calibration: Calibration
    metadata: dict[str, Any]
    reliability: npt.NDArray[np.float64]
    """Mean prediction, observed rate and rows per bin of the test window."""

    def files(self) -> dict[str, bytes]:
        """What the model store keeps of the ranker that scores."""
        return {**self.ranker.save(), **self.calibration.save()}


def fit_ranker(
    algorithm: Algorithm,
    labelled_rows: Relation,
    windows: Windows,
    run_date: date,
    settings: Ranking,
    seed: int,
    threads: int,
) -> tuple[FittedRanker, Ranker]:
    """Fit one algorithm: the ranker for serving, and its first fit, which alone may be judged on the test window."""
    own_seed = partition_seed(seed, algorithm, run_date)
    train = load_examples(labelled_rows, windows.train, own_seed, settings.maximum_rows)
    validation = load_examples(labelled_rows, windows.validation, own_seed)
    test = load_examples(labelled_rows, windows.test, own_seed)
    first = RANKERS[algorithm].fit(train, validation, settings, own_seed, threads)
    raw = {
        name: first.raw_scores(part.features, part.position, threads)
        for name, part in (("validation", validation), ("test", test))
    }
    calibration = fit_calibration(raw["validation"], validation.label, validation.weight)
    everything = load_examples(labelled_rows, windows.whole, own_seed, settings.maximum_rows)
    served = first.refit(everything, settings, own_seed, threads)
    metadata: dict[str, Any] = {
        "algorithm": str(algorithm),
        "run_date": str(run_date),
        "windows": {name: [str(day) for day in days] for name, days in windows._asdict().items()},
        "rows": {"train": len(train), "validation": len(validation), "test": len(test), "refit": len(everything)},
        "impressions": {"train": float(train.weight.sum()), "refit": float(everything.weight.sum())},
        "redemptions": {"train": int(train.label.sum()), "validation": int(validation.label.sum())},
        "metrics": {
            name: judged(part, calibration.probability(raw[name]))
            for name, part in (("validation", validation), ("test", test))
        },
        "importance": served.importance(),
        "features": list(RANKING_FEATURES),
        "seed": own_seed,
        "library_versions": {"lightgbm": lightgbm.__version__, "scikit-learn": sklearn.__version__},
    }
    curve = reliability(test.label, calibration.probability(raw["test"]))
    return FittedRanker(served, calibration, metadata, curve), first


def judged(examples: Examples, probability: npt.NDArray[np.float64]) -> dict[str, float]:
    """AUC, AUC within lists, NDCG@10 over lists with a redemption, and the calibration error."""
    lists = list_metrics(examples.list_id, examples.label, probability, examples.offer_id, CUTOFF)
    return {
        "auc": auc(examples.label, probability),
        "auc_within_lists": _mean(lists.auc),
        "ndcg_at_10": _mean(lists.ndcg),
        "ece": expected_calibration_error(examples.label, probability),
        "lists_with_redemption": float((lists.relevant > 0).sum()),
    }


def load_ranker(algorithm: Algorithm, files: dict[str, bytes]) -> tuple[Ranker, Calibration]:
    """A stored ranker and its calibration."""
    return RANKERS[algorithm].load(files), load_calibration(files)


def score(
    ranker: Ranker, calibration: Calibration, features: npt.NDArray[np.float32], threads: int
) -> npt.NDArray[np.float32]:
    """Calibrated probability of redemption if shown at the top, [n]."""
    position = np.full(len(features), TOP_POSITION, dtype=np.float32)
    return calibration.probability(ranker.raw_scores(features, position, threads)).astype(np.float32)


def choose(metrics: dict[str, dict[str, float]], metric: str) -> str:
    """The algorithm with the best validation metric; ties and undefined values by name."""
    return max(sorted(metrics), key=lambda name: np.nan_to_num(metrics[name][metric], nan=-1.0))


def partition_seed(seed: int, purpose: str, run_date: date) -> int:
    """A seed of its own for every purpose and run date."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{purpose}:{run_date}".encode(), digest_size=4).digest()) >> 1


def _mean(values: npt.NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
