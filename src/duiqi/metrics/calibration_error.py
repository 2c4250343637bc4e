import numpy as np

from duiqi.core.part import metric

# Bins fixed in advance, so that sums add; finer where fine-tuned models put most of their answers.
EDGES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99)


@metric(
    better="lower",
    needs=("model.confidence", "data.label"),
    interval="centred",
    low=0.0,
    high=1.0,
    shown=("among",),
    source="Kumar, Liang & Ma, 2019, Verified uncertainty calibration, NeurIPS, https://arxiv.org/abs/1909.10155",
)
def calibration_error(truth, guess, *, edges: tuple[float, ...] = EDGES, among: str = "all"):
    """Root mean squared gap between how sure the model is and how often it is right: 0 to 1, lower is better.

    Answers are sorted into bins by confidence (the largest probability). In each bin the squared gap between mean
    confidence and accuracy is taken, less the part that chance alone makes with so few rows (debiased), so that a
    perfectly calibrated model scores 0 and not a positive number. `edges` are the lower ends of the bins.

    `among="named"` leaves out answers of the class 0: of tags the words that the model calls no span, of several labels
    those that it does not give. Most are like that, and any model is sure of them and right.
    """
    confidence = guess.probs.max(axis=1)
    bins = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, None)
    hot = np.eye(len(edges))[bins]
    if among == "named":
        hot *= (guess.label > 0)[:, None]
    return np.concatenate([hot * confidence[:, None], hot * (guess.label == truth)[:, None], hot], axis=1)


@calibration_error.finish
def _(sums):
    confidence, right, rows = np.split(sums, 3, axis=-1)
    filled = np.maximum(rows, 1e-9)
    accuracy = right / filled
    chance = accuracy * (1 - accuracy) / np.maximum(rows - 1, 1)
    squared = (confidence / filled - accuracy) ** 2 - chance
    return (squared * rows).sum(axis=-1) / rows.sum(axis=-1)


@calibration_error.shown
def _(squared):
    return np.sqrt(np.maximum(squared, 0.0))
