from duiqi.core.part import metric
from duiqi.core.rates import share, yes_or_no


@metric(better="lower", notes=("turned", "attacked"), low=0.0, high=1.0, about="versions")
def attack_success_rate(notes, *, of: str = ""):
    """Of the right answers that were attacked, the share that was turned: 0 to 1, lower is better.

    `of` names the attack. Noted by the probe adversarial_robustness.
    """
    return notes


attack_success_rate.finish(share)
attack_success_rate.pseudo(yes_or_no)
