"""The worst of k draws, from more draws than k: unbiased, and exact in that no subset is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def expected_maximum(scores: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """The mean of the largest of k, over all ways to take k of the s scores of a row: float[n] of scores float[n, s].

    Sorted upwards, the i-th is the largest in C(i - 1, k - 1) of the C(s, k) ways. It is unbiased for the expected
    maximum of k independent draws, 1 <= k <= s; of scores 0 and 1 it is the estimator of "at least one of k" of Chen et
    al., 2021, https://arxiv.org/abs/2107.03374 (section 2.1).
    """
    s = scores.shape[1]
    assert 1 <= k <= s, f"k of {k} among {s}"
    places = np.arange(s, k, -1)  # from the largest down: C(i - 2, k - 1) / C(i - 1, k - 1) = (i - k) / (i - 1)
    weights = np.concatenate([[k / s], k / s * np.cumprod((places - k) / (places - 1))])
    return np.asarray(np.sort(scores, axis=1)[:, ::-1][:, : len(weights)] @ weights)
