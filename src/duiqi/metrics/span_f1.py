import numpy as np

from duiqi.core.part import metric
from duiqi.core.spans import span_rows


@metric(
    better="higher",
    needs=("model.tags", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Tjong Kim Sang & De Meulder, 2003, Introduction to the CoNLL-2003 shared task, CoNLL",
)
def span_f1(truth, guess, *, label: int | None = None):
    """F1 of spans, the harmonic mean of precision and recall: 0 to 1, higher is better.

    A span counts as found when its first word, its last word and its type are right. All types together (micro); with
    `label` that type alone. Counted as conlleval does: a tag that goes on with what did not begin begins it.
    """
    return span_rows(truth, guess["tags"], label)


@span_f1.finish
def _(sums):
    both = sums[..., 1] + sums[..., 2]
    return 2 * sums[..., 0] / np.where(both > 0, both, np.nan)


@span_f1.pseudo
def _(total):
    return np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
