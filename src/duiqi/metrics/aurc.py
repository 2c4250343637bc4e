import numpy as np

from duiqi.core.part import metric

BINS = 1024
REACH = 18.0  # log-odds; a float32 probability tells no more


@metric(
    better="lower",
    needs=("model.confidence", "data.label"),
    low=0.0,
    high=1.0,
    shown=(),
    off_by=0.001,
    source="Geifman & El-Yaniv, 2017, Selective classification for deep neural networks, NeurIPS, "
    "https://arxiv.org/abs/1705.08500",
)
def aurc(truth, guess):
    """Area under the risk-coverage curve: 0 to 1, lower is better.

    The share of wrong answers among the rows of which the model is surest, on average over all shares of rows that one
    may keep. A model whose confidence says nothing has its error rate; one that doubts just its wrong answers has much
    less. It falls with the error rate, too, so between models of unequal accuracy it does not tell confidence alone.
    Computed from a histogram of the log-odds of the largest probability with 1,024 bins, so that sums add; rows of one
    bin are taken in any order.
    """
    from scipy.sparse import csr_array

    sure = np.clip(guess.probs.max(axis=1), 1e-12, 1 - 1e-12)
    place = (np.log(sure / (1 - sure)) + REACH) / (2 * REACH) * BINS
    bins = np.clip(place, 0, BINS - 1).astype(np.int64) + BINS * (guess.label != truth)
    n = len(bins)
    return csr_array((np.ones(n), bins, np.arange(n + 1)), shape=(n, 2 * BINS))


@aurc.finish
def _(sums):
    right, wrong = (side[..., ::-1] for side in np.split(sums, 2, axis=-1))
    rows = right + wrong
    kept, errors = np.cumsum(rows, axis=-1) - rows / 2, np.cumsum(wrong, axis=-1) - wrong / 2
    risk = np.divide(errors, kept, out=np.zeros_like(errors), where=kept > 0)
    return (rows * risk).sum(axis=-1) / rows.sum(axis=-1)
