import numpy as np

from duiqi.core.part import metric


@metric(
    better="higher",
    needs=("model.found",),
    low=0.0,
    high=1.0,
    level="row",
    about="versions",
    source="Liu et al., 2024, Lost in the middle: how language models use long contexts, TACL, "
    "https://arxiv.org/abs/2307.03172",
)
def placed_accuracy(truth, guess):
    """Share of rows answered right where what is right stands at a place: 0 to 1, higher is better.

    The same rows are asked with it first, in the middle and last; the gap between the places is what counts. Reads the
    column `found`, which the probe context_use makes; truth plays no part.
    """
    return np.asarray(guess["found"], dtype=np.float64)


@placed_accuracy.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)


@placed_accuracy.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
