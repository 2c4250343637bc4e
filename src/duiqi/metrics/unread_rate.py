from typing import Literal

from duiqi.core.measure import FEWEST_ROWS
from duiqi.core.part import metric
from duiqi.core.rates import share, yes_or_no


@metric(
    better="lower",
    notes=("kept", "right"),
    low=0.0,
    high=1.0,
    about="versions",
    source="Kaushik & Lipton, 2018, How much reading does reading comprehension require?, EMNLP, "
    "https://aclanthology.org/D18-1546/",
)
def unread_rate(notes, *, of: Literal["other_question", "other_passage"] = "other_question"):
    """Share of right answers that stay with the question, or passage, of another row: 0 to 1, lower is better.

    `of` says which of the two is another row's. Who reads it can then be right by chance only. Noted by the probe
    context_use. With fewer than ten right answers there is no verdict.
    """
    return notes


unread_rate.finish(share)
unread_rate.pseudo(yes_or_no)


@unread_rate.enough
def _(total):
    return total[..., 1] >= FEWEST_ROWS
