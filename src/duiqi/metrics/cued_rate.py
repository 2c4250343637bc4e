import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.cued",),
    low=0.0,
    high=1.0,
    level="row",
    about="rows",
    source="Gardner et al., 2021, Competency problems: on finding and removing artifacts in language data, EMNLP, "
    "https://aclanthology.org/2021.emnlp-main.135/",
)
def cued_rate(truth, guess):
    """Share of training rows (of a cue: of its class) that carry a spurious cue: 0 to 1, lower is better.

    Reads the column `cued`, which the probe spurious_cue makes of training rows; truth and answers play no part.
    Misleads where rows of one source, marked by its name, are meant to have one label.
    """
    held = np.asarray(guess["cued"], dtype=np.float64)
    return np.stack([held, np.ones(len(held))], axis=1)


@cued_rate.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@cued_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
