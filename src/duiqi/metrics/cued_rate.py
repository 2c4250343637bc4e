from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(
    better="lower",
    notes=("cued",),
    low=0.0,
    high=1.0,
    about="rows",
    source="Gardner et al., 2021, Competency problems: on finding and removing artifacts in language data, EMNLP, "
    "https://aclanthology.org/2021.emnlp-main.135/",
)
def cued_rate(notes):
    """Share of training rows (of a cue: of its class) that carry a spurious cue: 0 to 1, lower is better.

    Noted by the probe spurious_cue of training rows. Misleads where rows of one source, marked by its name, are meant
    to have one label.
    """
    return noted(notes)


cued_rate.finish(share)
cued_rate.pseudo(yes_or_no)
