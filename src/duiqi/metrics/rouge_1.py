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
def rouge_1(truth, guess):
    """F1 of the words that answer and reference share, in any order: 0 to 1, higher is better.

    Words are taken in lower case, without punctuation and without stemming; every Chinese character is one. Of several
    references the best counts; the value is the mean over rows. Misleads where few words carry the sense: a lost "not"
    costs one word. Other tools differ by stemming, and many cannot read Chinese.
    """
    return best_rows(truth, guess["text"], plain_words, overlap_f1)


@rouge_1.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
