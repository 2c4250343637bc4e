import numpy as np

from duiqi.core.measure import SMALL_GROUP
from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.confidence", "data.label"),
    low=-1.0,
    high=1.0,
    shape="profile",
    source="Pleiss et al., 2017, On fairness and calibration, NeurIPS, https://arxiv.org/abs/1709.02012",
)
def overconfidence(truth, guess):
    """Mean confidence less the share of right answers: -1 to 1, above 0 the model is too sure of itself; 0 is best.

    Calibration by group: signed, so that a group of which the model is too sure and one of which it is not sure enough
    are told apart, which calibration errors would call equal. Between groups the gap counts. Being too sure of some
    rows and not sure enough of others cancels within a group; the calibration error does not.
    """
    confidence = guess.probs.max(axis=1)
    return np.stack([confidence, guess.label == truth, np.ones(len(confidence))], axis=1).astype(np.float64)


@overconfidence.finish
def _(sums):
    confidence, right, rows = (sums[..., [at]] for at in range(3))
    return np.divide(confidence - right, rows, out=np.full_like(rows, np.nan), where=rows > 0)


@overconfidence.pseudo
def _(total):
    """One answer that is right and one that is not, as sure as answers are on average."""
    sure = total[0] / max(total[2], 1.0)
    return np.array([[sure, 1.0, 1.0], [sure, 0.0, 1.0]])


@overconfidence.enough
def _(total):
    return total[..., [2]] >= SMALL_GROUP
