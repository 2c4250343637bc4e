from typing import Literal

import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.flipped",),
    low=0.0,
    high=1.0,
    level="row",
    about="versions",
    source="Garg et al., 2019, Counterfactual fairness in text classification through robustness, AIES, "
    "https://arxiv.org/abs/1809.10610",
)
def flip_rate(truth, guess, *, of: Literal["swapped", "inserted"] = "swapped"):
    """Share of rows whose answer changes with whom the text speaks of: 0 to 1, lower is better.

    A row counts where any of its versions is answered otherwise; `of` says how these were made, by other people in the
    place of those named or by somebody put before a text that names nobody. Reads the column `flipped`, which the probe
    identity_bias makes; the truth plays no part. Misleads as a sign of bias: a fragile model flips in all directions.
    """
    return np.asarray(guess["flipped"], dtype=np.float64).reshape(-1, 2)


@flip_rate.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)


@flip_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
