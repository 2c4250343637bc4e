import numpy as np

from duiqi.core.part import metric


@metric(
    better="higher",
    needs=("model.ranks", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Järvelin & Kekäläinen, 2002, Cumulated gain-based evaluation of IR techniques, ACM TOIS",
)
def ndcg(truth, guess, *, k: int = 10):
    """Normalised discounted gain among the first `k` documents: 0 to 1, higher is better.

    One over the binary logarithm of one more than the rank of the right document, 0 behind place `k`: 1 where it
    stands first, .63 second, .5 third. Every row has one right document, as others of its query are left out.
    """
    ranks = guess["ranks"]
    gain = np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0)
    return np.stack([gain, np.ones(len(truth))], axis=1)


@ndcg.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
