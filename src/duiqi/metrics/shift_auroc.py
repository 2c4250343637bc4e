import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.placed",),
    low=0.0,
    high=1.0,
    level="row",
    about="rows",
    shown=("of",),
    source="Lopez-Paz & Oquab, 2017, Revisiting classifier two-sample tests, ICLR, https://arxiv.org/abs/1610.06545",
)
def shift_auroc(truth, guess, *, of: str = "train"):
    """How well rows are told from known ones: .5 not at all, 1 always; lower is better.

    The chance that a row looks more like the rows examined than a known row does, by a classifier that saw neither.
    Reads the column `placed`, which the probe shift makes of both sets; truth and answers play no part. `of` names the
    known rows. Unlike `auroc` it is a mean over the rows of one side, so it can be taken on a slice of them.
    """
    placed = np.asarray(guess["placed"], dtype=np.float64)
    return np.stack([placed, np.ones(len(placed))], axis=1)


@shift_auroc.finish
def _(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(sums[..., 0] / sums[..., 1], 0, 1)


@shift_auroc.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
