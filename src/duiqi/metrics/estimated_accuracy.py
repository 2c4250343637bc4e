import numpy as np

from duiqi.core.part import metric


@metric(
    better="higher",
    needs=("model.estimated",),
    low=0.0,
    high=1.0,
    level="row",
    about="elsewhere",
    shown=("of",),
    source="Garg, Balakrishnan, Lipton, Neyshabur & Sedghi, 2022, Leveraging unlabeled data to predict "
    "out-of-distribution performance, ICLR, https://arxiv.org/abs/2201.04234",
)
def estimated_accuracy(truth, guess, *, of: str = ""):
    """How often the model is probably right on rows that have no labels: 0 to 1, higher is better.

    Reads the column `estimated`, which the probe unlabelled_accuracy makes from labelled rows; truth and answers play
    no part. `of` names the rows. It is an estimate under assumptions, and tends to be too high.
    """
    estimated = np.asarray(guess["estimated"], dtype=np.float64)
    return np.stack([estimated, np.ones(len(estimated))], axis=1)


@estimated_accuracy.finish
def _(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]
