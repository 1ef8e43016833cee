"""Listwise regression: which offer of a list is redeemed, given that one is; a head says how likely that is.

The order within lists is a conditional logit (McFadden 1974; as a ranking loss, ListNet's, Cao et al. 2007): each
redemption is a choice among the rows of its list, so that what is the same in a whole list, such as how often the
customer redeems at all, explains nothing and distorts nothing. Lists without a redemption say nothing of the order. The
head, a logistic regression of all rows on that score and the customer's features, gives log odds across customers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from metro_assets.config import Ranking
from metro_assets.ranking.examples import Examples
from metro_assets.ranking.logistic import LogisticRanker, standardised
from metro_assets.vocabulary import CUSTOMER_FEATURES, RANKING_FEATURES, SET_FEATURES

FILE = "listwise.json"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ListwiseRanker:
    """One linear score per row: order and head are linear in the same columns, so they add up to one regression."""

    feature_names: ClassVar[tuple[str, ...]] = RANKING_FEATURES + SET_FEATURES

    linear: LogisticRanker

    @classmethod
    def fit(cls, train: Examples, validation: Examples | None, settings: Ranking, seed: int, threads: int) -> Self:
        """Fit order and head by penalised maximum likelihood; there is nothing to stop early."""
        if train.label.min() == train.label.max():
            return cls(LogisticRanker.fit(train, None, settings, seed, threads))
        columns, mean, scale, marked = standardised(train)
        order = listwise_coefficients(columns, train.label, train.list_id, train.weight, settings.listwise_penalty)
        is_customers = np.isin(train.feature_names, CUSTOMER_FEATURES)
        of_customer = columns[:, : len(is_customers)][:, is_customers]
        score = columns.astype(np.float64) @ order
        head = LogisticRegression(C=settings.l2_strength, solver="newton-cholesky", tol=1e-6)
        head.fit(np.column_stack([score, of_customer.astype(np.float64)]), train.label, sample_weight=train.weight)
        coefficients = head.coef_[0, 0] * order
        coefficients[: len(is_customers)][is_customers] += head.coef_[0, 1:]
        return cls(
            LogisticRanker(
                mean=mean.tolist(),
                scale=scale.tolist(),
                marked=marked.tolist(),
                coefficients=coefficients.tolist(),
                intercept=float(head.intercept_[0]),
                features=list(train.feature_names),
            )
        )

    def refit(self, examples: Examples, settings: Ranking, seed: int, threads: int) -> Self:
        """Fit anew; the complexity is the penalty, which stays."""
        return self.fit(examples, None, settings, seed, threads)

    def raw_scores(
        self, features: npt.NDArray[np.float32], position: npt.NDArray[np.float32], threads: int
    ) -> npt.NDArray[np.float64]:
        """Log odds, [n]."""
        return self.linear.raw_scores(features, position, threads)

    def importance(self) -> dict[str, float]:
        """Absolute coefficient per standard deviation."""
        return self.linear.importance()

    def save(self) -> dict[str, bytes]:
        """The coefficients as JSON."""
        return {FILE: json.dumps(asdict(self.linear), indent=1).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The model from its JSON."""
        return cls(LogisticRanker(**json.loads(files[FILE])))


def listwise_coefficients(
    columns: npt.NDArray[np.float32],
    label: npt.NDArray[np.int8],
    list_id: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float32],
    penalty: float,
) -> Floats:
    """Coefficients that maximise the sum over redemptions of ln softmax(columns @ coefficients) in their lists.

    Less half the penalty times the squared coefficients. Columns are standardised, [n, columns]; lists without a
    redemption are left out.
    """
    order = np.argsort(list_id, kind="stable")
    lists, group = np.unique(list_id[order], return_inverse=True)
    redeemed = np.bincount(group, label[order] * weight[order], minlength=len(lists))
    kept = order[redeemed[group] > 0]
    group = np.unique(list_id[kept], return_inverse=True)[1]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    matrix, chosen = columns[kept].astype(np.float64), (label[kept] * weight[kept]).astype(np.float64)
    count = np.add.reduceat(chosen, starts)[group]

    def loss(coefficients: Floats) -> tuple[float, Floats]:
        score = matrix @ coefficients
        score -= np.maximum.reduceat(score, starts)[group]
        total = np.add.reduceat(np.exp(score), starts)[group]
        fit = (chosen * (score - np.log(total))).sum()
        slope = matrix.T @ (chosen - count * np.exp(score) / total)
        return penalty / 2 * coefficients @ coefficients - fit, penalty * coefficients - slope

    found: Floats = minimize(loss, np.zeros(matrix.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return found
