from duiqi.core.counts import class_pseudo, class_rows, mean_of_present, split_counts
from duiqi.core.part import metric


@metric(better="higher", needs=("model.probs", "data.label"), low=0.0, high=1.0)
def recall(truth, guess, *, label: int | None = None):
    """Of the rows that have a class, the share found: 0 to 1, higher is better.

    Without `label` the mean over the classes that occur (macro recall, balanced accuracy); with it the recall of that
    class alone, which is also the true positive rate that equal opportunity speaks of.
    """
    return class_rows(truth, guess, label)


@recall.finish
def _(sums):
    hits, _, actual = split_counts(sums)
    return mean_of_present(hits / actual, actual, actual)


@recall.pseudo
def _(total):
    return class_pseudo(total, wrong=(0, 0, 1), counted=2)
