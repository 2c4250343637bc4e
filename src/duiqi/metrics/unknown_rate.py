from duiqi.core.part import metric
from duiqi.core.rates import share, yes_or_no


@metric(better="lower", notes=("unknown", "words"), low=0.0, high=1.0, about="rows")
def unknown_rate(notes):
    """Share of words (of Chinese: characters) that the model's tokenizer does not know: 0 to 1, lower is better.

    All such words look alike to the model. Noted by the probe vocabulary_gap of how the model cuts the rows. A
    tokenizer that falls back to bytes knows everything in this sense: how many pieces it makes is told by `fertility`.
    """
    return notes


unknown_rate.finish(share)
unknown_rate.pseudo(yes_or_no)
