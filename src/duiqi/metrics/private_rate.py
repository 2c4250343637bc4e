from typing import Literal

import numpy as np

from duiqi.core.part import metric


@metric(better="lower", needs=("model.private",), low=0.0, high=1.0, level="row", about="rows", shown=("part",))
def private_rate(truth, guess, *, part: Literal["data", "train"] = "data"):
    """Share of rows that hold an identifier of a person: 0 to 1, lower is better.

    Reads the column `private`, which the probe private_data makes of the rows; truth and answers play no part. `part`
    only says which rows were looked at. Misleads where identifiers are of a kind that is not looked for: names,
    streets, numbers written as words.
    """
    held = np.asarray(guess["private"], dtype=np.float64)
    return np.stack([held, np.ones(len(held))], axis=1)


@private_rate.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@private_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
