import numpy as np

from duiqi.core.part import metric
from duiqi.core.texts import best_rows, overlap_f1, plain_words


@metric(better="higher", needs=("model.text", "data.label"), low=0.0, high=1.0, level="row")
def enough_shared(truth, guess, *, least: float = 0.5):
    """Share of rows whose text shares enough words with a reference: 0 to 1, higher is better.

    A row counts where the F1 of its words (of Chinese its characters) and those of the best reference is at least
    `least`. A coarse yes or no, so that rows that went wrong can be counted and slices be searched; rank systems by
    the graded metrics.
    """
    scored = best_rows(truth, guess["text"], plain_words, overlap_f1)
    return np.stack([scored[:, 0] >= least, scored[:, 1]], axis=1)


@enough_shared.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@enough_shared.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
