import numpy as np

from duiqi.core.part import metric
from duiqi.core.rates import noted


@metric(
    better="lower",
    notes=("share", "share in training"),
    low=0.0,
    high=1.0,
    about="rows",
    source="Lipton, Wang & Smola, 2018, Detecting and correcting for label shift with black box predictors, ICML, "
    "https://arxiv.org/abs/1802.03916",
)
def label_shift(notes):
    """How far the shares of classes are from those of the training rows: total variation, 0 to 1, lower is better.

    The share of rows whose class would have to change for the shares to be equal. Noted by the probe label_shift: of
    every row how far it counts for each class, and the shares in training.
    """
    return noted(notes)


@label_shift.finish
def _(sums):
    k = (sums.shape[-1] - 1) // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.abs(sums[..., :k] - sums[..., k : 2 * k]).sum(axis=-1) / 2 / sums[..., -1], 0, 1)
