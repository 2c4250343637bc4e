from duiqi.core.part import metric
from duiqi.core.rates import noted, share


@metric(
    better="higher",
    notes=("estimated",),
    low=0.0,
    high=1.0,
    about="elsewhere",
    shown=("of",),
    source="Garg, Balakrishnan, Lipton, Neyshabur & Sedghi, 2022, Leveraging unlabeled data to predict "
    "out-of-distribution performance, ICLR, https://arxiv.org/abs/2201.04234",
)
def estimated_accuracy(notes, *, of: str = ""):
    """How often the model is probably right on rows that have no labels: 0 to 1, higher is better.

    Noted by the probe unlabelled_accuracy from labelled rows. `of` names the rows. It is an estimate under assumptions,
    and tends to be too high.
    """
    return noted(notes)


estimated_accuracy.finish(share)
