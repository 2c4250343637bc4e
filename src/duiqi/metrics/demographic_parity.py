import numpy as np

from duiqi.core.part import metric
from duiqi.core.rates import Classes, members, rate_enough, rate_pseudo, rate_rows, rates


@metric(
    needs=("model.probs", "data.label"),
    low=0.0,
    high=1.0,
    shape="profile",
    shown=(),
    source="Dwork et al., 2012, Fairness through awareness, ITCS, https://arxiv.org/abs/1104.3913",
)
def demographic_parity(truth, guess, *, classes: Classes = ()):
    """Share of rows answered with each class: 0 to 1; between groups the gap counts, lower is better.

    The gap between groups is the largest over the classes, of two classes that of the second: fairlearn's
    demographic_parity_difference. Of tags it is the share of words in spans of a type. It does not ask whether answers
    are right: where classes are not equally common in the groups, a model without any error has a gap, too.
    """
    _, answered = members(truth, guess, classes)
    return rate_rows(answered, np.ones_like(answered))


demographic_parity.finish(rates)
demographic_parity.pseudo(rate_pseudo)
demographic_parity.enough(rate_enough)
