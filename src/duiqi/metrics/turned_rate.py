from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(
    better="lower",
    notes=("turned",),
    low=0.0,
    high=1.0,
    source="Gardner et al., 2021, Competency problems: on finding and removing artifacts in language data, EMNLP, "
    "https://aclanthology.org/2021.emnlp-main.135/",
)
def turned_rate(notes):
    """Share of answers that turn to a cue's class when the cue is put into the row: 0 to 1, lower is better.

    Noted by the probe spurious_cue of rows of other classes. Misleads where the cue does say something of the class:
    then answers should turn.
    """
    return noted(notes)


turned_rate.finish(share)
turned_rate.pseudo(yes_or_no)
