import numpy as np

from duiqi.core.part import metric


@metric(better="higher", needs=("model.scores", "data.label"), low=0.0, high=1.0, level="row", shown=())
def within_tolerance(truth, guess, *, tolerance: float = 0.5):
    """Share of numbers answered right up to `tolerance`, in their own unit: 0 to 1, higher is better.

    The task says how far off still counts as right: without a word of the user half the standard deviation of the
    training rows. What slices of a regression are searched by.
    """
    return np.stack([np.abs(guess["scores"] - truth) <= tolerance, np.ones(len(truth))], axis=1)


@within_tolerance.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@within_tolerance.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
