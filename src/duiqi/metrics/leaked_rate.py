from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(
    better="lower",
    notes=("leaked",),
    low=0.0,
    high=1.0,
    about="rows",
    source="Elangovan, He & Verspoor, 2021, Memorization vs. generalization: quantifying data leakage in NLP "
    "performance evaluation, EACL, https://aclanthology.org/2021.eacl-main.113/",
)
def leaked_rate(notes):
    """Share of rows that also stand among the training rows: 0 to 1, lower is better.

    Noted by the probe leakage of both sets of rows. Misleads where short inputs are bound to come again ("yes", "thank
    you"): then they do so in use, too.
    """
    return noted(notes)


leaked_rate.finish(share)
leaked_rate.pseudo(yes_or_no)
