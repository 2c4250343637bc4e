from duiqi.core.part import metric
from duiqi.core.texts import best_rows, overlap_f1, plain_words


@metric(
    better="higher",
    needs=("model.text", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Lin, 2004, ROUGE: a package for automatic evaluation of summaries, https://aclanthology.org/W04-1013",
)
def rouge_2(truth, guess):
    """F1 of the pairs of neighbouring words that answer and reference share: 0 to 1, higher is better.

    As `rouge_1`, but order counts within a pair. Of several references the best counts; the value is the mean over
    rows. Misleads where answers are one word long: they have no pairs, and only equal ones score, see `token_f1`.
    """
    return best_rows(truth, guess["text"], plain_words, lambda a, b: overlap_f1(a, b, 2))


@rouge_2.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
