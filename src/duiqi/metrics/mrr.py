import numpy as np

from duiqi.core.part import metric


@metric(
    better="higher",
    needs=("model.ranks", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Voorhees, 1999, The TREC-8 question answering track report",
)
def mrr(truth, guess):
    """Mean over rows of one over the rank of the right document: 0 to 1, higher is better.

    1 where it stands first, a half where it stands second. Hangs on how many documents there are to choose from.
    """
    return np.stack([1 / guess["ranks"], np.ones(len(truth))], axis=1)


@mrr.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
