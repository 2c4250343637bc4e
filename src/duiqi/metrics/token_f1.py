from duiqi.core.part import metric
from duiqi.core.texts import bare, best_rows, overlap_f1, units


@metric(
    better="higher",
    needs=("model.text", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Rajpurkar et al., 2016, SQuAD, EMNLP, https://arxiv.org/abs/1606.05250",
)
def token_f1(truth, guess):
    """F1 of the words that a short answer and its reference share: 0 to 1, higher is better.

    Lower case, without punctuation and the articles a, an, the; every Chinese character is a word. Of several
    references the best counts; the value is the mean over rows. An empty answer is right where nothing was expected.
    Misleads on long answers, where common words are shared by chance, and on numbers: "1990" and "1991" share nothing.
    """
    return best_rows(truth, guess["text"], lambda text: units(bare(text)), overlap_f1)


@token_f1.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]
