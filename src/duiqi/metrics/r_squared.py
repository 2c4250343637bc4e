import numpy as np

from duiqi.core.part import metric


@metric(better="higher", needs=("model.scores", "data.label"), high=1.0, level="row")
def r_squared(truth, guess):
    """Share of the variance of the true numbers that the answers explain: at most 1, higher is better.

    1 minus the mean squared error over the variance of the truths in the same rows. 0 is what their own mean would
    reach, below it the answers are worse than one number for all. Rows of a narrow slice vary less: there the same
    error gives a lower value.
    """
    wrong = (guess["scores"] - truth) ** 2
    return np.stack([wrong, truth, truth**2, np.ones(len(truth))], axis=1)


@r_squared.finish
def _(sums):
    wrong, total, squares, rows = np.moveaxis(sums, -1, 0)
    varies = squares - total**2 / rows
    return 1 - wrong / np.where(varies > 0, varies, np.nan)
