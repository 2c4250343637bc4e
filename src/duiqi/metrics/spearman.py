from duiqi.core.counts import correlation, correlation_rows
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
    return correlation_rows(answered, true)


@spearman.finish
def _(sums):
    return correlation(sums)
