import numpy as np

from duiqi.core.part import metric
from duiqi.core.rates import mean, noted


@metric(
    better="higher",
    notes=("change",),
    low=-1.0,
    high=1.0,
    shown=("of",),
    guards=True,
    source="Lopez-Paz & Ranzato, 2017, Gradient episodic memory for continual learning, NeurIPS, "
    "https://arxiv.org/abs/1706.08840",
)
def backward_transfer(notes, *, of: str = ""):
    """How much more often rows are right than they were before: -1 to 1, higher is better, below 0 is forgetting.

    The mean of right now minus right before, row by row, so what both models share cancels. `of` names the rows, where
    they are not those examined. Noted by the probe forgetting of both models' answers. The paper takes the mean over
    all earlier tasks; here each set of rows has a number of its own, or one that is lost would hide behind the others.
    """
    return noted(notes)


backward_transfer.finish(mean)


@backward_transfer.pseudo
def _(total):
    """One row more that is learned or not, and one that is kept or forgotten."""
    return np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [-1.0, 1.0]])
