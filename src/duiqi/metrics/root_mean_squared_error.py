import numpy as np

from duiqi.core.part import metric


@metric(better="lower", needs=("model.scores", "data.label"), low=0.0, level="row")
def root_mean_squared_error(truth, guess):
    """Root of the mean squared distance of answered and true numbers, in their unit: 0 and up, lower is better.

    A few answers that are far off weigh more than in the mean absolute error.
    """
    return np.stack([(guess["scores"] - truth) ** 2, np.ones(len(truth))], axis=1)


@root_mean_squared_error.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@root_mean_squared_error.shown
def _(squared):
    return np.sqrt(squared)
