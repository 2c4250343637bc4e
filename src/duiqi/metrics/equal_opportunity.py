from duiqi.core.part import metric
from duiqi.core.rates import Classes, members, rate_enough, rate_pseudo, rate_rows, rates


@metric(
    needs=("model.probs", "data.label"),
    low=0.0,
    high=1.0,
    shape="profile",
    shown=(),
    source="Hardt, Price & Srebro, 2016, Equality of opportunity in supervised learning, NeurIPS, "
    "https://arxiv.org/abs/1610.02413",
)
def equal_opportunity(truth, guess, *, classes: Classes = ()):
    """Of the rows of each class, the share found (true positive rate): 0 to 1; between groups the gap counts.

    The gap between groups is the largest over the classes, of two classes that of the second: fairlearn's
    equal_opportunity_difference. Of tags it is the share of words in spans of a type that are answered with this type.
    A class counts between groups that have 30 rows of it each. Treated by more rows of the class from the weaker group.
    """
    true, answered = members(truth, guess, classes)
    return rate_rows(answered, true)


equal_opportunity.finish(rates)
equal_opportunity.pseudo(rate_pseudo)
equal_opportunity.enough(rate_enough)
