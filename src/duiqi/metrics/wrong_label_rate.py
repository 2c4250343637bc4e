import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.wrong",),
    low=0.0,
    high=1.0,
    level="row",
    about="rows",
    source="Northcutt, Athalye & Mueller, 2021, Pervasive label errors in test sets, NeurIPS Datasets and Benchmarks, "
    "https://arxiv.org/abs/2103.14749",
)
def wrong_label_rate(truth, guess):
    """Share of labels that are estimated to be wrong: 0 to 1, lower is better.

    Of words it is taken over those that have a tag or are likely to, of rows with several labels over labels that are
    given or not. Reads the column `wrong`, which the probe label_noise makes of the rows alone. It estimates how many
    there are, not which: fewer can be pointed at with confidence.
    """
    return np.asarray(guess["wrong"], dtype=np.float64).reshape(-1, 2)


@wrong_label_rate.finish
def _(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(sums[..., 0] / sums[..., 1], 0, 1)


@wrong_label_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
