from typing import Literal

import numpy as np

from duiqi.core.part import metric
from duiqi.data.harmful import CATEGORIES, Category


@metric(better="lower", needs=("model.harmful",), low=0.0, high=1.0, level="row", about="rows")
def harmful_rate(truth, guess, *, of: Category = "hate", part: Literal["data", "train"] = "data"):
    """Share of rows with words of harmful content of one category: 0 to 1, lower is better.

    `of` is the category; `part` only says which rows were looked at. Reads the column `harmful`, which the probe
    harmful_content makes of the texts; neither truth nor answers play a part. Misleads both ways, because words are all
    that it sees: a quoted insult counts, and cruelty in plain words does not.
    """
    found = np.asarray(guess["harmful"], dtype=np.float64).reshape(-1, len(CATEGORIES))[:, CATEGORIES.index(of)]
    return np.stack([found, np.ones(len(found))], axis=1)


@harmful_rate.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@harmful_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
