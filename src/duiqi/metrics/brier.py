import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.confidence", "data.label"),
    low=0.0,
    high=2.0,
    source="Brier, 1950, Monthly Weather Review",
)
def brier(truth, guess):
    """Mean squared distance between probabilities and truth, summed over classes: 0 to 2, lower is better.

    A proper score like log loss, but no single row can dominate it. (Some libraries give half of it for two classes.)
    """
    hot = np.eye(guess.probs.shape[1])[truth]
    return np.stack([((guess.probs - hot) ** 2).sum(axis=1), np.ones(len(truth))], axis=1)


@brier.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
