import numpy as np

from duiqi.core.part import metric
from duiqi.core.spans import span_rows


@metric(better="higher", needs=("model.tags", "data.label"), low=0.0, high=1.0, level="row")
def span_recall(truth, guess, *, label: int | None = None):
    """Of the true spans, the share found with first word, last word and type right: 0 to 1, higher is better.

    All types together; with `label` that type alone.
    """
    return span_rows(truth, guess["tags"], label)


@span_recall.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 2] > 0, sums[..., 2], np.nan)


@span_recall.pseudo
def _(total):
    return np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
