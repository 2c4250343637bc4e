import numpy as np

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
def equalized_odds(truth, guess, *, classes: Classes = ()):
    """How often rows of each class are found and other rows left alone: 0 to 1 each; between groups the gap counts.

    Share of the rows of a class that get it (true positive rate), and share of all other rows that do not (one less
    the false positive rate, whose gap is the same). The gap between groups is the largest over both rates and all
    classes, of two classes over the second: fairlearn's equalized_odds_difference. Of tags, rows are words; all outside
    a type are the others. A rate counts between groups that have 30 rows for it each.
    """
    true, answered = members(truth, guess, classes)
    return rate_rows(np.concatenate([answered, ~answered], axis=1), np.concatenate([true, ~true], axis=1))


equalized_odds.finish(rates)
equalized_odds.pseudo(rate_pseudo)
equalized_odds.enough(rate_enough)
