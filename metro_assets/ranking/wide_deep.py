"""Wide & Deep: weights of crossed categories beside a network over embeddings, learned together (Cheng et al. 2016).

Wide is a linear model of the standardised features, of every category by itself and of pairs of categories that say
something together, hashed into a fixed number of buckets. Deep is a multilayer perceptron over the same features and an
embedding of each category. Both add up to log odds, and so does the log position, which is a bias of the log: neither
part sees it otherwise. Learning starts at the logistic regression of the features: epoch 0 of the curve.

The categories come as 24-bit codes; the model keeps a dictionary of those it learned from, and the rest share a slot.
What needs PyTorch is in `wide_deep_network`, imported when a model is fitted or scores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from metro_assets.config import WITH_LIBRARIES, ConfigurationError, Ranking, WideDeep
from metro_assets.ranking.examples import Examples
from metro_assets.ranking.logistic import HEAVY_TAILED, LogisticRanker
from metro_assets.ranking.protocol import TOP_POSITION
from metro_assets.vocabulary import CONTEXT_FEATURES, RANKING_FEATURES

if TYPE_CHECKING:
    from metro_assets.ranking.wide_deep_network import Scorer

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

CROSSES = (
    ("segment_code", "category_code"),
    ("segment_code", "mechanic_code"),
    ("segment_code", "discount_depth"),
    ("business_type_code", "category_code"),
    ("business_type_code", "mechanic_code"),
    ("business_type_code", "anchor_code"),
    ("store_code", "category_code"),
    ("mechanic_code", "category_code"),
    ("mechanic_code", "discount_depth"),
    ("mechanic_code", "bought_before"),
    ("category_code", "discount_depth"),
    ("category_code", "price_sensitivity_match"),
    ("category_code", "days_since_product"),
    ("bought_before", "discount_depth"),
    ("product_purchases", "days_since_product"),
    ("recency_days", "frequency_orders"),
)
"""Pairs whose joint value has a weight of its own; a feature that is no code is cut at its quantiles."""
PARAMETERS, DESCRIPTION = "wide_deep.safetensors", "wide_deep.json"
IMPORTANCE_ROWS = 2_048
"""Rows on which importance is measured: the error of their mean is 2 % of their spread."""
UNSEEN = 0
"""Slot of a code that is not in the dictionary, and of a missing value."""


@dataclass(frozen=True)
class Encoding:
    """How a row of features becomes numbers and slots, learned from the rows of the fit."""

    features: list[str]
    mean: list[float]
    scale: list[float]
    marked: list[int]
    """Places, among the features that are no codes, of those that get a mark where they are missing."""
    codes: dict[str, list[int]]
    """Known codes of each categorical feature, ascending; slot 1 is the first."""
    edges: dict[str, list[float]]
    """Quantiles at which a feature that is crossed is cut; slot 1 is below the first."""
    crosses: list[tuple[str, str]]
    hash_buckets: int

    @property
    def numeric(self) -> list[int]:
        """Places of the features that are no codes."""
        return [place for place, name in enumerate(self.features) if name not in CONTEXT_FEATURES]

    @property
    def heavy_tailed(self) -> npt.NDArray[np.bool_]:
        """Which of the features that are no codes become log(1 + x)."""
        return np.isin([self.features[place] for place in self.numeric], HEAVY_TAILED)

    def slots(self, name: str) -> int:
        """Slots of a categorical or cut feature, that of unseen values included."""
        return len(self.codes[name]) + 1 if name in self.codes else len(self.edges[name]) + 2

    @cached_property
    def cross_offsets(self) -> list[int]:
        """Where the cells of each cross begin in `buckets`; the last is their number."""
        return [0, *np.cumsum([self.slots(one) * self.slots(other) for one, other in self.crosses]).tolist()]

    @cached_property
    def buckets(self) -> Integers:
        """Bucket of every cell of every cross: 64-bit mixing of the cell's number (Steele et al. 2014, SplitMix)."""
        mixed = np.arange(1, self.cross_offsets[-1] + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(self.hash_buckets)).astype(np.int64)


@dataclass(frozen=True)
class WideDeepRanker:
    """Parameters of the network by name, the encoding of its input, and how many epochs it learned."""

    encoding: Encoding
    parameters: Mapping[str, Floats]
    epochs: int
    curve: list[dict[str, float]]
    """Weighted log loss per epoch of the first fit: `epoch`, `train` (as it learned), `validation`."""
    importances: dict[str, float]

    feature_names: ClassVar[tuple[str, ...]] = RANKING_FEATURES + CONTEXT_FEATURES

    @classmethod
    def fit(cls, train: Examples, validation: Examples | None, settings: Ranking, seed: int, threads: int) -> Self:
        """Learn until the validation loss no longer falls and keep the best epoch; without validation, a fixed few."""
        knobs = settings.wide_deep
        judged = validation if validation is not None and len(validation) else None
        most = knobs.epochs if judged else knobs.unjudged_epochs
        return cls._learned(train, judged, settings, most, seed, threads)

    def refit(self, examples: Examples, settings: Ranking, seed: int, threads: int) -> Self:
        """Learn anew, for as many epochs as the first fit kept; the curve stays that of the first fit."""
        again = self._learned(examples, None, settings, self.epochs, seed, threads)
        return replace(again, curve=self.curve)

    @classmethod
    def _learned(
        cls, train: Examples, validation: Examples | None, settings: Ranking, epochs: int, seed: int, threads: int
    ) -> Self:
        network = _network()
        linear = LogisticRanker.fit(_without_codes(train), None, settings, seed, threads)
        encoding = fitted_encoding(train, linear, settings.wide_deep)
        # Alike labels leave nothing to learn beyond their rate.
        most = epochs if train.label.min() < train.label.max() else 0
        parameters, curve, kept = network.learn(encoding, linear, train, validation, settings.wide_deep, most, seed)
        fitted = cls(encoding, parameters, kept, curve, {})
        return replace(fitted, importances=fitted._measured_importances(train, seed, threads))

    def raw_scores(self, features: Floats, position: Floats, threads: int) -> npt.NDArray[np.float64]:
        """Log odds, [n]; a row scores alike in every batch and with every number of threads."""
        return self._scorer.log_odds(features, position, threads)

    def importance(self) -> dict[str, float]:
        """Mean absolute change of the log odds where a row gets another row's value of the feature."""
        return dict(self.importances)

    def save(self) -> dict[str, bytes]:
        """The parameters as safetensors; encoding, epochs, curve and importances as JSON."""
        described = {
            "encoding": asdict(self.encoding),
            "epochs": self.epochs,
            "curve": self.curve,
            "importances": self.importances,
        }
        return {
            PARAMETERS: _network().save(dict(self.parameters)),
            DESCRIPTION: json.dumps(described, indent=1).encode(),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The model from its two files."""
        described: dict[str, Any] = json.loads(files[DESCRIPTION])
        encoding = described.pop("encoding")
        crosses = [(one, other) for one, other in encoding.pop("crosses")]
        return cls(Encoding(**encoding, crosses=crosses), _network().load(files[PARAMETERS]), **described)

    @cached_property
    def _scorer(self) -> Scorer:
        scorer: Scorer = _network().Scorer(self.encoding, self.parameters)
        return scorer

    def _measured_importances(self, examples: Examples, seed: int, threads: int) -> dict[str, float]:
        random = np.random.default_rng(seed)
        rows = np.sort(random.permutation(len(examples))[:IMPORTANCE_ROWS])
        names, features = self.encoding.features, examples.features[rows]
        exchanged = features[random.permutation(len(rows))]
        # The rows as they are, then once per feature with that feature of another row.
        versions = np.repeat(features[None], len(names) + 1, axis=0)
        for place in range(len(names)):
            versions[place + 1, :, place] = exchanged[:, place]
        position = np.full(versions.shape[0] * len(rows), TOP_POSITION, dtype=np.float32)
        scores = self.raw_scores(versions.reshape(-1, len(names)), position, threads).reshape(versions.shape[:2])
        return dict(zip(names, np.abs(scores[1:] - scores[0]).mean(axis=1).tolist(), strict=True))


def fitted_encoding(train: Examples, linear: LogisticRanker, knobs: WideDeep) -> Encoding:
    """The dictionary of frequent codes, the cuts of crossed features, and the standardisation of the regression."""
    names = list(train.feature_names)
    crosses = [(one, other) for one, other in CROSSES if one in names and other in names]
    cut = sorted({name for pair in crosses for name in pair} - set(CONTEXT_FEATURES))
    columns = dict(zip(names, train.features.T, strict=True))
    return Encoding(
        features=names,
        mean=linear.mean,
        scale=linear.scale,
        marked=linear.marked,
        codes={name: _frequent(columns[name], knobs.minimum_code_rows) for name in names if name in CONTEXT_FEATURES},
        edges={name: _quantiles(columns[name], knobs.quantile_buckets) for name in cut},
        crosses=crosses,
        hash_buckets=knobs.hash_buckets,
    )


def _frequent(codes: Floats, minimum_rows: int) -> list[int]:
    known, rows = np.unique(codes[~np.isnan(codes)], return_counts=True)
    frequent: list[int] = known[rows >= minimum_rows].astype(np.int64).tolist()
    return frequent


def _quantiles(values: Floats, buckets: int) -> list[float]:
    """Distinct inner edges of buckets of about equal size; none where nothing is known."""
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    # Edges are values that occur, so that rows that are equal fall into the same bucket in single precision too.
    edges = np.quantile(known, np.arange(1, buckets) / buckets, method="inverted_cdf")
    distinct: list[float] = np.unique(edges).tolist()
    return distinct


def _without_codes(examples: Examples) -> Examples:
    kept = [place for place, name in enumerate(examples.feature_names) if name not in CONTEXT_FEATURES]
    names: Sequence[str] = [examples.feature_names[place] for place in kept]
    return replace(examples, features=examples.features[:, kept], feature_names=tuple(names))


def _network() -> ModuleType:
    """The module that needs PyTorch; raises ConfigurationError where it is not installed."""
    try:
        from metro_assets.ranking import wide_deep_network
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the wide_deep ranker needs {error.name}, which is not installed: pip install '{WITH_LIBRARIES}', "
            "or leave wide_deep out of ranking.algorithms"
        ) from error
    return wide_deep_network
