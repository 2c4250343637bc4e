from duiqi.core.counts import class_pseudo, class_rows, mean_of_present, split_counts
from duiqi.core.part import metric


@metric(better="higher", needs=("model.probs", "data.label"), low=0.0, high=1.0)
def precision(truth, guess, *, label: int | None = None):
    """Of the rows given a class, the share that has it: 0 to 1, higher is better.

    Without `label` the mean over classes (macro); with it the precision of that class alone. A class that is never
    answered counts as 0.
    """
    return class_rows(truth, guess, label)


@precision.finish
def _(sums):
    hits, predicted, actual = split_counts(sums)
    return mean_of_present(hits / predicted, predicted, actual)


@precision.pseudo
def _(total):
    return class_pseudo(total, wrong=(0, 1, 0), counted=1)
