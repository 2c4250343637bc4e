import numpy as np

from duiqi.core.part import metric


@metric(better="higher", needs=("model.probs", "data.label"), low=0.0, high=1.0)
def accuracy(truth, guess):
    """Share of rows answered right: 0 to 1, higher is better.

    Misleads where classes are of unequal size: always answering the larger class scores its share.
    """
    return np.stack([guess.label == truth, np.ones(len(truth))], axis=1)


@accuracy.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@accuracy.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
