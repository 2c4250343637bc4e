import numpy as np

from duiqi.core.part import metric


@metric(better="lower", needs=("model.scores", "data.label"), low=0.0, level="row")
def mean_absolute_error(truth, guess):
    """How far the answered number lies from the true one, on average, in its own unit: 0 and up, lower is better."""
    return np.stack([np.abs(guess["scores"] - truth), np.ones(len(truth))], axis=1)


@mean_absolute_error.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
