"""From log odds to probabilities: Platt's sigmoid, fitted on the validation window."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

FILE = "calibration.json"


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(slope * log odds + intercept); Platt 1999."""

    slope: float
    intercept: float

    def probability(self, log_odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities, [n]; the order of the log odds is kept, for the slope is positive."""
        chance: npt.NDArray[np.float64] = expit(self.slope * log_odds + self.intercept)
        return chance

    def save(self) -> dict[str, bytes]:
        """The two numbers as JSON."""
        return {FILE: json.dumps(asdict(self)).encode()}


def fit_calibration(
    log_odds: npt.NDArray[np.float64], label: npt.NDArray[np.int8], weight: npt.NDArray[np.float32]
) -> Calibration:
    """Minimise the weighted log loss over slope and intercept; without both classes nothing is changed."""
    if not len(label) or label.min() == label.max():
        return Calibration(1.0, 0.0)
    target, share = label.astype(np.float64), weight.astype(np.float64) / weight.sum()

    def loss(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        slope, intercept = np.exp(parameters[0]), parameters[1]
        logit = slope * log_odds + intercept
        error = (expit(logit) - target) * share
        value = float((share * (np.logaddexp(0.0, logit) - target * logit)).sum())
        return value, np.array([(error * log_odds).sum() * slope, error.sum()])

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B").x
    return Calibration(float(np.exp(found[0])), float(found[1]))


def load_calibration(files: dict[str, bytes]) -> Calibration:
    """The calibration among a model's files."""
    return Calibration(**json.loads(files[FILE]))
