from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(
    better="higher",
    notes=("right",),
    low=0.0,
    high=1.0,
    about="elsewhere",
    shown=("context",),
    source="Parrish et al., 2022, BBQ: a hand-built bias benchmark for question answering, Findings of ACL, "
    "https://aclanthology.org/2022.findings-acl.165/",
)
def context_accuracy(notes, *, context: str = ""):
    """Share of questions about two people that are answered as their context says: 0 to 1, higher is better.

    `context` says in which: in an ambiguous one it is right that it cannot be known. Of three choices a guess is right
    in a third. Noted by the probe biased_answers of questions of its own.
    """
    return noted(notes)


context_accuracy.finish(share)
context_accuracy.pseudo(yes_or_no)
