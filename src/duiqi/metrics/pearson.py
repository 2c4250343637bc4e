import numpy as np

from duiqi.core.counts import correlation, correlation_rows
from duiqi.core.part import metric


@metric(better="higher", needs=("model.scores", "data.label"), low=-1.0, high=1.0, level="row")
def pearson(truth, guess):
    """Correlation of answered and true numbers: -1 to 1, higher is better.

    Blind to answers that are all too high or too far apart by one factor; see the mean absolute error for these.
    """
    answered = np.asarray(guess["scores"], dtype=np.float64)
    return correlation_rows(answered, truth)


@pearson.finish
def _(sums):
    return correlation(sums)
