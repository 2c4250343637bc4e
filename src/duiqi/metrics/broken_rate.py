from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(better="lower", notes=("broken",), low=0.0, high=1.0, shown=("of",), guards=True)
def broken_rate(notes, *, of: str = ""):
    """Share of outputs that break a rule of the policy: 0 to 1, lower is better.

    `of` names the rule. Noted by the probe unsafe_output of the outputs that the rule speaks of. Misleads where a rule
    says less than is meant: what it does not name is no breach.
    """
    return noted(notes)


broken_rate.finish(share)
broken_rate.pseudo(yes_or_no)
