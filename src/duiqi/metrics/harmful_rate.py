from typing import Literal

from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no
from duiqi.data.harmful import CATEGORIES, Category


@metric(better="lower", notes=CATEGORIES, low=0.0, high=1.0, about="rows")
def harmful_rate(notes, *, of: Category = "hate", part: Literal["data", "train"] = "data"):
    """Share of rows with words of harmful content of one category: 0 to 1, lower is better.

    `of` is the category; `part` only says which rows were looked at. Noted by the probe harmful_content of the texts.
    Misleads both ways, because words are all that it sees: a quoted insult counts, and cruelty in plain words does not.
    """
    return noted(notes[:, CATEGORIES.index(of)])


harmful_rate.finish(share)
harmful_rate.pseudo(yes_or_no)
