from duiqi.core.counts import class_pseudo, class_rows, mean_of_present, split_counts
from duiqi.core.part import metric


@metric(better="higher", needs=("model.probs", "data.label"), low=0.0, high=1.0)
def macro_f1(truth, guess, *, label: int | None = None):
    """Mean over classes of F1, the harmonic mean of precision and recall: 0 to 1, higher is better.

    Every class counts the same, however rare. With `label` the F1 of that class alone.
    """
    return class_rows(truth, guess, label)


@macro_f1.finish
def _(sums):
    hits, predicted, actual = split_counts(sums)
    return mean_of_present(2 * hits / (predicted + actual), predicted, actual)


@macro_f1.pseudo
def _(total):
    return class_pseudo(total, wrong=(0, 1, 1), counted=2)
