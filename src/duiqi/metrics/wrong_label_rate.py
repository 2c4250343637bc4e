from duiqi.core.part import metric
from duiqi.core.rates import share, yes_or_no


@metric(
    better="lower",
    notes=("wrong", "labels"),
    low=0.0,
    high=1.0,
    about="rows",
    source="Northcutt, Athalye & Mueller, 2021, Pervasive label errors in test sets, NeurIPS Datasets and Benchmarks, "
    "https://arxiv.org/abs/2103.14749",
)
def wrong_label_rate(notes):
    """Share of labels that are estimated to be wrong: 0 to 1, lower is better.

    Of words it is taken over those that have a tag or are likely to, of rows with several labels over labels that are
    given or not. Noted by the probe label_noise of the rows alone. It estimates how many there are, not which: fewer
    can be pointed at with confidence.
    """
    return notes


wrong_label_rate.finish(share)
wrong_label_rate.pseudo(yes_or_no)
