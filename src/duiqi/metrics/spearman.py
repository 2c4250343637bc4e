import numpy as np

from duiqi.core.part import metric


@metric(better="higher", needs=("model.scores", "data.label"), low=-1.0, high=1.0, level="row")
def spearman(truth, guess):
    """Correlation of the ranks of answered and true numbers: -1 to 1, higher is better.

    What likeness of sentences is usually judged by: only the order counts. Ranks are those among all rows asked, equal
    numbers sharing the mean of theirs; on a slice it is the correlation of these ranks.
    """
    from scipy.stats import rankdata

    half = (len(truth) + 1) / 2  # about the middle, so that squares stay small
    answered, true = rankdata(guess["scores"]) - half, rankdata(truth) - half
    return np.stack([answered, true, answered**2, true**2, answered * true, np.ones(len(true))], axis=1)


@spearman.finish
def _(sums):
    a, t, aa, tt, at, rows = np.moveaxis(sums, -1, 0)
    spread = (aa - a**2 / rows) * (tt - t**2 / rows)
    return np.clip((at - a * t / rows) / np.sqrt(np.where(spread > 0, spread, np.nan)), -1.0, 1.0)
