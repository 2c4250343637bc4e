import numpy as np

from duiqi.core.part import metric


@metric(better="lower", needs=("model.unknown",), low=0.0, high=1.0, level="row", about="rows")
def unknown_rate(truth, guess):
    """Share of words (of Chinese: characters) that the model's tokenizer does not know: 0 to 1, lower is better.

    All such words look alike to the model. Reads the column `unknown`, which the probe vocabulary_gap makes of how the
    model cuts the rows; truth and answers play no part. A tokenizer that falls back to bytes knows everything in
    this sense: how many pieces it makes is told by `fertility`.
    """
    return np.asarray(guess["unknown"], dtype=np.float64)


@unknown_rate.finish
def _(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(sums[..., 0] / sums[..., 1], 0, 1)


@unknown_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
