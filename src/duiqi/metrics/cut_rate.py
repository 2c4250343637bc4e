from duiqi.core.part import metric
from duiqi.core.rates import share, yes_or_no


@metric(
    better="lower",
    notes=("cut", "words"),
    low=0.0,
    high=1.0,
    about="rows",
    source="Rust et al., 2021, How good is your tokenizer?, ACL, https://aclanthology.org/2021.acl-long.243/",
)
def cut_rate(notes):
    """Share of words that the model's tokenizer cuts into three pieces or more: 0 to 1, lower is better.

    A Chinese character counts as a word of its own; marks do not count. Noted by the probe vocabulary_gap of how the
    model cuts the rows. Rust et al. count words of two pieces, too: these are mostly a stem and its ending, and do
    little harm. Misleads in languages of long words (Finnish, German), which are cut more often at the same quality.
    """
    return notes


cut_rate.finish(share)
cut_rate.pseudo(yes_or_no)
