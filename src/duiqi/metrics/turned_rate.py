import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.turned",),
    low=0.0,
    high=1.0,
    level="row",
    source="Gardner et al., 2021, Competency problems: on finding and removing artifacts in language data, EMNLP, "
    "https://aclanthology.org/2021.emnlp-main.135/",
)
def turned_rate(truth, guess):
    """Share of answers that turn to a cue's class when the cue is put into the row: 0 to 1, lower is better.

    Reads the column `turned`, which the probe spurious_cue makes of rows of other classes; truth plays no part.
    Misleads where the cue does say something of the class: then answers should turn.
    """
    held = np.asarray(guess["turned"], dtype=np.float64)
    return np.stack([held, np.ones(len(held))], axis=1)


@turned_rate.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@turned_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
