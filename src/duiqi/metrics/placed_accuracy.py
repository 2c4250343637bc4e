from duiqi.core.part import metric
from duiqi.core.rates import share, yes_or_no


@metric(
    better="higher",
    notes=("right", "asked"),
    low=0.0,
    high=1.0,
    about="versions",
    source="Liu et al., 2024, Lost in the middle: how language models use long contexts, TACL, "
    "https://arxiv.org/abs/2307.03172",
)
def placed_accuracy(notes):
    """Share of rows answered right where what is right stands at a place: 0 to 1, higher is better.

    The same rows are asked with it first, in the middle and last; the gap between the places is what counts. Noted by
    the probe context_use.
    """
    return notes


placed_accuracy.finish(share)
placed_accuracy.pseudo(yes_or_no)
