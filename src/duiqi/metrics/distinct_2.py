import numpy as np

from duiqi.core.part import metric
from duiqi.core.texts import distinct_rows


@metric(
    better="higher",
    needs=("model.text",),
    low=0.0,
    high=1.0,
    level="row",
    source="Li et al., 2016, A diversity-promoting objective function, NAACL, https://arxiv.org/abs/1510.03055",
)
def distinct_2(truth, guess):
    """Share of pairs of neighbouring words in the answers that are new within their answer: 0 to 1, higher is better.

    As `distinct_1`, for pairs: less troubled by common words, so the better sign of loops. Answers of one word have no
    pairs and do not count. Unlike in the paper repeats are looked for within each answer, not among all of them:
    answers that are all alike are not noticed.
    """
    return distinct_rows(guess["text"], 2)


@distinct_2.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)
