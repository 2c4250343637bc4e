import numpy as np

from duiqi.core.case import rights
from duiqi.core.part import metric


@metric(better="higher", needs=("data.label",), low=0.0, high=1.0, level="row")
def exact_match(truth, guess):
    """Share of rows answered right as a whole: 0 to 1, higher is better.

    Of a sentence with tags, all of them. A text is right where it equals a reference but for case, punctuation, width
    and the articles a, an, the (as SQuAD compares). Hard on long rows: one slip makes a row wrong.
    """
    return np.stack([rights(truth, guess), np.ones(len(truth))], axis=1)


@exact_match.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@exact_match.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
