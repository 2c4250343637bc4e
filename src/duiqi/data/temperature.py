"""The temperature: one number by which log-odds are divided, so that answers are given as surely as they are right.

Guo, Pleiss, Sun & Weinberger, 2017, "On calibration of modern neural networks", ICML, https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOW, HIGH = 0.05, 20.0
LEAST = 1e-12  # of a probability
Floats = NDArray[np.float64]


def best_temperature(probs: Floats, truth: NDArray[np.int64]) -> float:
    """The temperature that minimises the log loss of `probs` float[n, k] on rows whose class is known."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        return float(-np.mean(_scaled(probs, np.exp(log_temperature))[rows, truth]))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(LOW), np.log(HIGH)), method="bounded").x))


def tempered(probs: Floats, temperature: float) -> Floats:
    """Probabilities whose log-odds are divided by the temperature, float[n, k]."""
    return np.exp(_scaled(probs, temperature))


def _scaled(probs: Floats, temperature: float) -> Floats:
    scaled = np.log(np.clip(probs, LEAST, None)) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True)))
