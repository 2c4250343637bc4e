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
def distinct_1(truth, guess):
    """Share of words in the answers that are new within their answer: 0 to 1, higher is better.

    A low value tells of loops: "good good good" has a third. Words are in lower case; every Chinese character is one.
    The words of all answers are counted together, so long ones weigh more. The paper asks for what is new among all
    answers; that share falls with every further row, and cannot be compared between slices. So answers that are all
    alike are not noticed here, and long texts repeat words by nature: compare with the references' own value.
    """
    return distinct_rows(guess["text"], 1)


@distinct_1.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)
