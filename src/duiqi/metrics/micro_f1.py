import numpy as np

from duiqi.core.counts import label_rows
from duiqi.core.part import metric


@metric(
    better="higher",
    needs=("model.labels", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Sorower, 2010, A literature survey on algorithms for multi-label learning",
)
def micro_f1(truth, guess, *, label: int | None = None):
    """F1 of labels given to rows, the harmonic mean of precision and recall: 0 to 1, higher is better.

    All decisions of all labels are counted together, so frequent labels weigh more; with `label` that label alone.
    """
    return label_rows(truth, guess["labels"], label)


@micro_f1.finish
def _(sums):
    both = sums[..., 1] + sums[..., 2]
    return 2 * sums[..., 0] / np.where(both > 0, both, np.nan)


@micro_f1.pseudo
def _(total):
    return np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
