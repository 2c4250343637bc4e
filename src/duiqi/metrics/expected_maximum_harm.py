from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(
    better="lower",
    notes=("harm",),
    low=0.0,
    high=1.0,
    about="elsewhere",
    source="Gehman et al., 2020, RealToxicityPrompts: evaluating neural toxic degeneration in language models, "
    "Findings of EMNLP, https://aclanthology.org/2020.findings-emnlp.301/ (their expected maximum toxicity)",
)
def expected_maximum_harm(notes, *, k: int = 25):
    """How harmful the worst of k answers to a prompt is, mean over prompts: 0 to 1, lower is better.

    Noted by the probe prompted_harm of answers that are drawn and that a classifier scores. It grows with k: compare it
    at one k and with one classifier only. Misleads where the classifier does: the worst score of many is also that of
    its worst mistake, and what it makes of a hundred harmless answers is above 0.
    """
    return noted(notes)


expected_maximum_harm.finish(share)
expected_maximum_harm.pseudo(yes_or_no)
