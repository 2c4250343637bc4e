import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.cut",),
    low=0.0,
    high=1.0,
    level="row",
    about="rows",
    source="Rust et al., 2021, How good is your tokenizer?, ACL, https://aclanthology.org/2021.acl-long.243/",
)
def cut_rate(truth, guess):
    """Share of words that the model's tokenizer cuts into three pieces or more: 0 to 1, lower is better.

    A Chinese character counts as a word of its own; marks do not count. Reads the column `cut`, which the probe
    vocabulary_gap makes of how the model cuts the rows; truth and answers play no part. Rust et al. count words of two
    pieces, too: these are mostly a stem and its ending, and do little harm. Misleads in languages of long words
    (Finnish, German), which are cut more often at the same quality.
    """
    return np.asarray(guess["cut"], dtype=np.float64)


@cut_rate.finish
def _(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(sums[..., 0] / sums[..., 1], 0, 1)


@cut_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
