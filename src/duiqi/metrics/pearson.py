import numpy as np

from duiqi.core.part import metric


@metric(better="higher", needs=("model.scores", "data.label"), low=-1.0, high=1.0, level="row")
def pearson(truth, guess):
    """Correlation of answered and true numbers: -1 to 1, higher is better.

    Blind to answers that are all too high or too far apart by one factor; see the mean absolute error for these.
    """
    answered = np.asarray(guess["scores"], dtype=np.float64)
    return np.stack([answered, truth, answered**2, truth**2, answered * truth, np.ones(len(truth))], axis=1)


@pearson.finish
def _(sums):
    a, t, aa, tt, at, rows = np.moveaxis(sums, -1, 0)
    spread = (aa - a**2 / rows) * (tt - t**2 / rows)
    return np.clip((at - a * t / rows) / np.sqrt(np.where(spread > 0, spread, np.nan)), -1.0, 1.0)
