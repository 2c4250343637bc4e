import numpy as np

from duiqi.core.part import metric


@metric(better="higher", needs=("model.ranks", "data.label"), low=0.0, high=1.0, level="row")
def recall_at_k(truth, guess, *, k: int = 10):
    """Share of rows whose right document is among the first `k`: 0 to 1, higher is better.

    What a reader who looks at `k` documents finds. Hangs on how many documents there are to choose from.
    """
    return np.stack([guess["ranks"] <= k, np.ones(len(truth))], axis=1)


@recall_at_k.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@recall_at_k.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
