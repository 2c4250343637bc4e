from duiqi.core.part import metric
from duiqi.core.rates import mean, noted


@metric(
    better="lower",
    notes=("lost",),
    low=-1.0,
    high=1.0,
    about="elsewhere",
    shown=("of",),
    source="Garg, Balakrishnan, Lipton, Neyshabur & Sedghi, 2022, Leveraging unlabeled data to predict "
    "out-of-distribution performance, ICLR, https://arxiv.org/abs/2201.04234",
)
def lost_accuracy(notes, *, of: str = ""):
    """Accuracy on the labelled rows minus that on other rows: -1 to 1, lower is better, 0 is no loss.

    Noted by the probe unlabelled_accuracy: the loss is counted where the other rows have labels and estimated where
    they have none. `of` names the other rows.
    """
    return noted(notes)


lost_accuracy.finish(mean)
