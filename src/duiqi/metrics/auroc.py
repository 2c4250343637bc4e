import numpy as np

from duiqi.core.part import metric

BINS = 1024
REACH = 18.0  # log-odds; a float32 probability tells no more


@metric(better="higher", needs=("model.confidence", "data.label"), low=0.0, high=1.0, shown=(), off_by=0.001)
def auroc(truth, guess):
    """Chance that a row of a class gets a higher score for it than a row of another class: 0 to 1, higher is better.

    Guessing gives .5. For two classes the area under the curve of the second class; for more, all one-against-rest
    decisions are pooled (micro average). Computed from a histogram of log-odds with 1,024 bins, so that sums add; off
    by less than .001.
    """
    from scipy.sparse import csr_array

    probs = guess.probs if guess.probs.shape[1] > 2 else guess.probs[:, 1:]
    positive = (truth[:, None] == np.arange(guess.probs.shape[1]))[:, -probs.shape[1] :]
    clipped = np.clip(probs, 1e-12, 1 - 1e-12)
    place = (np.log(clipped / (1 - clipped)) + REACH) / (2 * REACH) * BINS
    bins = np.clip(place, 0, BINS - 1).astype(np.int64) + BINS * positive
    n, k = probs.shape
    return csr_array((np.ones(n * k), bins.ravel(), np.arange(0, n * k + 1, k)), shape=(n, 2 * BINS))


@auroc.finish
def _(sums):
    negative, positive = np.split(sums, 2, axis=-1)
    below = np.cumsum(negative, axis=-1) - negative / 2
    return (positive * below).sum(axis=-1) / (positive.sum(axis=-1) * negative.sum(axis=-1))


@auroc.enough
def _(total):
    return np.minimum(total[..., :BINS].sum(axis=-1), total[..., BINS:].sum(axis=-1)) >= 5
