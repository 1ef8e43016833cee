"""The posterior of Thompson sampling as a ranker: it scores by its mean, and says how firmly it believes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from metro_assets.config import Ranking
from metro_assets.ranking.examples import Examples
from metro_assets.ranking.posterior import LOG_POSITION, Belief, Integers, log_odds
from metro_assets.ranking.protocol import Scored
from metro_assets.ranking.settled import FEATURE_NAMES, belief_from
from metro_assets.vocabulary import OFFER_CODE

FILE = "belief.json"
CODE_BITS = 0xFFFFFF


@dataclass(frozen=True)
class BayesianLogisticRanker:
    """A belief, and the standard deviation of the effect of an offer that it has not met.

    No calibration follows: the policy draws around the log odds of the score, which must be those of the belief.
    """

    feature_names: ClassVar[tuple[str, ...]] = (*FEATURE_NAMES, OFFER_CODE)
    belief: Belief
    offer_sd: float

    @classmethod
    def fit(cls, train: Examples, validation: Examples | None, settings: Ranking, seed: int, threads: int) -> Self:
        """The prior and all examples in one pass; there is nothing to stop early."""
        newest = train.shown_date.max().astype("datetime64[D]").item()
        return cls(belief_from(train, newest, settings.bandit), settings.bandit.offer_sd)

    def refit(self, examples: Examples, settings: Ranking, seed: int, threads: int) -> Self:
        """Fit anew; the complexity is the prior, which stays."""
        return self.fit(examples, None, settings, seed, threads)

    def raw_scores(
        self, features: npt.NDArray[np.float32], position: npt.NDArray[np.float32], threads: int
    ) -> npt.NDArray[np.float64]:
        """Log odds at the mean of the belief, [n]."""
        at_top, _ = self._log_odds(features)
        slope = self.belief.mean[self.belief.names.index(LOG_POSITION)]
        behind: npt.NDArray[np.float64] = np.nan_to_num(np.log(position.astype(np.float64)), nan=0.0)
        return at_top.astype(np.float64) + float(slope) * behind

    def scored(self, features: npt.NDArray[np.float32], threads: int) -> Scored:
        """Probability at the mean of the belief if shown at the top, and the doubt about its log odds."""
        mean, sd = self._log_odds(features)
        return Scored(expit(mean), log_odds_sd=sd)

    def importance(self) -> dict[str, float]:
        """Absolute coefficient per standard deviation."""
        known = dict(zip(self.belief.names, np.abs(self.belief.mean).tolist(), strict=True))
        return {name: known[name] for name in self.belief.feature_names if name in known}

    def save(self) -> dict[str, bytes]:
        """The belief as JSON."""
        content = {part.name: getattr(self.belief, part.name) for part in fields(Belief)}
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in content.items()}
        return {FILE: json.dumps({**plain, "offer_sd": self.offer_sd}).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The belief from its JSON."""
        content: dict[str, Any] = json.loads(files[FILE])
        offer_sd = float(content.pop("offer_sd"))
        for name in ("feature_names", "names"):
            content[name] = tuple(content[name])
        for name in set(content) - {"feature_names", "names"}:
            content[name] = np.array(content[name], dtype=np.int64 if name == "offer_id" else np.float64)
        content["offer_slope"] = content["offer_slope"].reshape(len(content["offer_id"]), len(content["names"]))
        return cls(Belief(**content), offer_sd)

    def _log_odds(self, features: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        described, codes = np.split(features, [len(self.belief.feature_names)], axis=1)
        # Without a code, or where the catalogue lacks the offer, it is one that was not met before.
        asked = np.nan_to_num(codes[:, 0], nan=-1.0) if codes.size else np.full(len(features), -1.0)
        met: Integers = self.belief.offer_id & CODE_BITS
        order = np.argsort(met, kind="stable")
        place = np.searchsorted(met[order], asked)
        is_met = np.append(met[order], -2)[place] == asked
        return log_odds(self.belief, described, np.where(is_met, np.append(order, 0)[place], len(met)), self.offer_sd)
