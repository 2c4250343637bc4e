import numpy as np

from duiqi.core.part import metric


@metric(better="higher", needs=("model.probs", "data.label"), low=0.0, high=1.0, shape="matrix")
def confusion(truth, guess):
    """Share of rows for each pair of true class (row) and answered class (column): float[k, k], sums to 1."""
    from scipy.sparse import csr_array

    n, k = guess.probs.shape
    return csr_array((np.ones(n), truth * k + guess.label, np.arange(n + 1)), shape=(n, k * k))


@confusion.finish
def _(sums):
    k = round(sums.shape[-1] ** 0.5)
    shares = sums / sums.sum(axis=-1, keepdims=True)
    return shares.reshape(*sums.shape[:-1], k, k)
