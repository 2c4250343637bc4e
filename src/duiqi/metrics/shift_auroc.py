from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(
    better="lower",
    notes=("placed",),
    low=0.0,
    high=1.0,
    about="rows",
    shown=("of",),
    source="Lopez-Paz & Oquab, 2017, Revisiting classifier two-sample tests, ICLR, https://arxiv.org/abs/1610.06545",
)
def shift_auroc(notes, *, of: str = "train"):
    """How well rows are told from known ones: .5 not at all, 1 always; lower is better.

    The chance that a row looks more like the rows examined than a known row does, by a classifier that saw neither.
    Noted by the probe shift of both sets. `of` names the known rows. Unlike `auroc` it is a mean over the rows of one
    side, so it can be taken on a slice of them.
    """
    return noted(notes)


shift_auroc.finish(share)
shift_auroc.pseudo(yes_or_no)
