import numpy as np

from duiqi.core.part import metric


@metric(
    better="higher",
    needs=("model.probs", "data.label"),
    low=-1.0,
    high=1.0,
    source="Matthews, 1975; for many classes Gorodkin, 2004, Computational Biology and Chemistry",
)
def mcc(truth, guess):
    """Matthews correlation of answers and truth: -1 to 1, 0 is guessing, higher is better.

    Fair to classes of unequal size. 0 where all answers, or all truths, are one class.
    """
    classes = np.arange(guess.probs.shape[1])
    right = np.stack([guess.label == truth, np.ones(len(truth))], axis=1)
    return np.concatenate([right, guess.label[:, None] == classes, truth[:, None] == classes], axis=1).astype(float)


@mcc.finish
def _(sums):
    right, rows = sums[..., 0], sums[..., 1]
    predicted, actual = np.split(sums[..., 2:], 2, axis=-1)
    covariance = right * rows - (predicted * actual).sum(axis=-1)
    spread = (rows**2 - (predicted**2).sum(axis=-1)) * (rows**2 - (actual**2).sum(axis=-1))
    return np.where(spread > 0, covariance / np.sqrt(np.maximum(spread, 1e-300)), 0.0)
