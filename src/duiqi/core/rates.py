"""Rates by class, which profiles of groups are made of: each a share of rows (or words) of its own."""

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
