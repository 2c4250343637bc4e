from typing import Literal

import numpy as np

from duiqi.core.measure import FEWEST_ROWS
from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.unread",),
    low=0.0,
    high=1.0,
    level="row",
    about="versions",
    source="Kaushik & Lipton, 2018, How much reading does reading comprehension require?, EMNLP, "
    "https://aclanthology.org/D18-1546/",
)
def unread_rate(truth, guess, *, of: Literal["other_question", "other_passage"] = "other_question"):
    """Share of right answers that stay with the question, or passage, of another row: 0 to 1, lower is better.

    `of` says which of the two is another row's. Who reads it can then be right by chance only. Reads the column
    `unread`, which the probe context_use makes; truth plays no part. With fewer than ten right answers there is no
    verdict.
    """
    return np.asarray(guess["unread"], dtype=np.float64)


@unread_rate.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)


@unread_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])


@unread_rate.enough
def _(total):
    return total[..., 1] >= FEWEST_ROWS
