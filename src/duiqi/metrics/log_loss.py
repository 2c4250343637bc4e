import numpy as np

from duiqi.core.part import metric

FLOOR = 1e-12  # below this a probability is rounding, and its logarithm would drown all other rows


@metric(better="lower", needs=("model.confidence", "data.label"), low=0.0)
def log_loss(truth, guess):
    """Mean of minus the natural logarithm of the probability given to the true class: 0 and up, lower is better.

    A proper score: it rewards being right and being honest about doubt. One sure and wrong answer weighs a lot.
    """
    true = guess.probs[np.arange(len(truth)), truth]
    return np.stack([-np.log(np.maximum(true, FLOOR)), np.ones(len(truth))], axis=1)


@log_loss.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
