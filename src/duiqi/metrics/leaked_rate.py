import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.leaked",),
    low=0.0,
    high=1.0,
    level="row",
    about="rows",
    source="Elangovan, He & Verspoor, 2021, Memorization vs. generalization: quantifying data leakage in NLP "
    "performance evaluation, EACL, https://aclanthology.org/2021.eacl-main.113/",
)
def leaked_rate(truth, guess):
    """Share of rows that also stand among the training rows: 0 to 1, lower is better.

    Reads the column `leaked`, which the probe leakage makes of both sets of rows; truth and answers play no part.
    Misleads where short inputs are bound to come again ("yes", "thank you"): then they do so in use, too.
    """
    held = np.asarray(guess["leaked"], dtype=np.float64)
    return np.stack([held, np.ones(len(held))], axis=1)


@leaked_rate.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@leaked_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
