import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.lost",),
    low=-1.0,
    high=1.0,
    level="row",
    about="elsewhere",
    shown=("of",),
    source="Garg, Balakrishnan, Lipton, Neyshabur & Sedghi, 2022, Leveraging unlabeled data to predict "
    "out-of-distribution performance, ICLR, https://arxiv.org/abs/2201.04234",
)
def lost_accuracy(truth, guess, *, of: str = ""):
    """Accuracy on the labelled rows minus that on other rows: -1 to 1, lower is better, 0 is no loss.

    Reads the column `lost`, which the probe unlabelled_accuracy makes: the loss is counted where the other rows have
    labels and estimated where they have none. `of` names the other rows.
    """
    lost = np.asarray(guess["lost"], dtype=np.float64)
    return np.stack([lost, np.ones(len(lost))], axis=1)


@lost_accuracy.finish
def _(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]
