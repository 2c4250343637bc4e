import numpy as np

from duiqi.core.counts import label_rows
from duiqi.core.part import metric


@metric(better="higher", needs=("model.labels", "data.label"), low=0.0, high=1.0, level="row")
def micro_precision(truth, guess, *, label: int | None = None):
    """Of the labels given to rows, the share that is right: 0 to 1, higher is better.

    All labels together, so frequent ones weigh more; with `label` that label alone.
    """
    return label_rows(truth, guess["labels"], label)


@micro_precision.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)


@micro_precision.pseudo
def _(total):
    return np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
