from duiqi.core.part import metric
from duiqi.core.texts import best_rows, plain_words, subsequence_f1


@metric(
    better="higher",
    needs=("model.text", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Lin, 2004, ROUGE: a package for automatic evaluation of summaries, https://aclanthology.org/W04-1013",
)
def rouge_l(truth, guess):
    """F1 of the longest run of words, gaps allowed, that answer and reference share: 0 to 1, higher is better.

    The longest common subsequence of words over the length of the answer (precision) and of the reference (recall).
    Words as in `rouge_1`; the whole text is one sequence, not sentence by sentence as in the form for summaries. Of
    several references the best counts; the value is the mean over rows. Misleads where parts may stand in any order.
    """
    return best_rows(truth, guess["text"], plain_words, subsequence_f1)


@rouge_l.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
