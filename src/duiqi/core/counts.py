"""Row statistics that several metrics are finished from: counts by class, sums of products."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.predictions import Predictions

Floats = NDArray[np.float64]


def class_rows(truth: NDArray[np.int64], guess: Predictions, label: int | None) -> Floats:
    """Row statistics float[n, 3k]: hit, predicted, actual of every class; with a `label` float[n, 3] for it alone."""
    classes = np.arange(guess.probs.shape[1]) if label is None else np.array([label])
    actual = truth[:, None] == classes
    predicted = guess.label[:, None] == classes
    return np.concatenate([actual & predicted, predicted, actual], axis=1).astype(np.float64)


def split_counts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Hits, predicted and actual, each float[..., k]."""
    hits, predicted, actual = np.split(sums, 3, axis=-1)
    return hits, predicted, actual


def correlation_rows(answered: Floats, true: Floats) -> Floats:
    """Row statistics float[n, 6] of the correlation of two columns: both, their squares, their product and one."""
    return np.stack([answered, true, answered**2, true**2, answered * true, np.ones(len(true))], axis=1)


def correlation(sums: Floats) -> Floats:
    """Pearson's correlation from summed row statistics, -1 to 1; no number where a column does not vary."""
    a, t, aa, tt, at, rows = np.moveaxis(sums, -1, 0)
    spread = (aa - a**2 / rows) * (tt - t**2 / rows)
    return np.clip((at - a * t / rows) / np.sqrt(np.where(spread > 0, spread, np.nan)), -1.0, 1.0)


def mean_of_present(values: Floats, predicted: Floats, actual: Floats) -> Floats:
    """Mean over classes that occur in truth or answers; a class that occurs but has no value counts as 0."""
    present = (predicted + actual) > 0
    filled = np.where(np.isfinite(values), values, 0.0)
    return np.asarray((filled * present).sum(axis=-1) / present.sum(axis=-1))


def class_pseudo(total: Floats, wrong: tuple[int, int, int], counted: int) -> Floats:
    """Pseudo-rows float[2k, 3k] in the order right, wrong for every class; none for a class that `counted` (0 hit,
    1 predicted, 2 actual) never saw, so that it stays absent in every draw."""
    k = total.shape[-1] // 3
    seen = total.reshape(3, k)[counted] > 0
    rows: Any = np.zeros((k, 2, 3, k))
    for c in np.flatnonzero(seen):
        rows[c, 0, :, c] = (1, 1, 1)
        rows[c, 1, :, c] = wrong
    return np.asarray(rows.reshape(2 * k, 3 * k))


def label_rows(truth: NDArray[np.int64], given: NDArray[np.int64], label: int | None) -> Floats:
    """Row statistics float[n, 3] of sets of labels: right ones, given ones, true ones; with a `label` of it alone."""
    which = slice(None) if label is None else [label]
    truth, given = np.asarray(truth)[:, which], np.asarray(given)[:, which]
    return np.stack([(truth & given).sum(axis=1), given.sum(axis=1), truth.sum(axis=1)], axis=1).astype(np.float64)
