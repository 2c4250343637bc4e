"""Rates that metrics are made of: by class, for profiles of groups; and means of what a probe noted of every row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from duiqi.core.measure import SMALL_GROUP
from duiqi.core.predictions import Predictions

Floats = NDArray[np.float64]
Classes = tuple[tuple[int, ...], ...]


def members(truth: NDArray[np.int64], guess: Predictions, classes: Classes) -> tuple[NDArray[np.bool_], ...]:
    """Which rows are of each class and which are answered with it, both bool[n, c].

    A class may be several indices, as the beginning and the rest of a span are of one type. Without `classes`, every
    one; of two the second alone, since what is said of it says the same of the first.
    """
    if not classes:
        k = guess.probs.shape[1]
        classes = ((1,),) if k == 2 else tuple((c,) for c in range(k))
    return tuple(np.stack([np.isin(each, c) for c in classes], axis=1) for each in (truth, guess.label))


def rate_rows(counted: NDArray[np.bool_], among: NDArray[np.bool_]) -> Floats:
    """Row statistics float[n, 2r] of rates: what counts among what may count, then what may count; both bool[n, r]."""
    return np.concatenate([counted & among, among], axis=1).astype(np.float64)


def rates(sums: Floats) -> Floats:
    """The rates from summed row statistics, float[..., r]; NaN where nothing could count."""
    counted, among = np.split(sums, 2, axis=-1)
    return np.divide(counted, among, out=np.full_like(counted, np.nan), where=among > 0)


def rate_pseudo(total: Floats) -> Floats:
    """Pseudo-rows float[2r, 2r] in the order right, wrong for every rate; none for one that has no rows."""
    r = total.shape[-1] // 2
    rows = np.zeros((r, 2, 2, r))
    for at in np.flatnonzero(total[r:] > 0):
        rows[at, :, 1, at] = 1
        rows[at, 0, 0, at] = 1
    return rows.reshape(2 * r, 2 * r)


def rate_enough(total: Floats) -> NDArray[np.bool_]:
    """Which rates rest on as many rows as a group must have to take part, bool[..., r]."""
    return np.asarray(np.split(total, 2, axis=-1)[1] >= SMALL_GROUP)


# What a probe notes of every row, float[n, w], and its mean.


def noted(notes: Floats) -> Floats:
    """Row statistics of a mean over rows: what was noted, and 1. Notes that are a sum and a count already are these."""
    return np.column_stack([notes, np.ones(len(notes))])


def mean(sums: Floats) -> Floats:
    """The first sum over the last; NaN where nothing was counted."""
    counted = sums[..., -1]
    return np.divide(sums[..., 0], counted, out=np.full(counted.shape, np.nan), where=counted > 0)


def share(sums: Floats) -> Floats:
    """The mean of numbers from 0 to 1, without what rounding puts beyond them."""
    return np.clip(mean(sums), 0.0, 1.0)


def yes_or_no(total: Floats) -> Floats:
    """Pseudo-rows of a share: one that counts and one that does not."""
    return np.array([[1.0, 1.0], [0.0, 1.0]])
