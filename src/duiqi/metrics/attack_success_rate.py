import numpy as np

from duiqi.core.part import metric


@metric(better="lower", needs=("model.attacked",), low=0.0, high=1.0, level="row", about="versions")
def attack_success_rate(truth, guess, *, of: str = ""):
    """Of the right answers that were attacked, the share that was turned: 0 to 1, lower is better.

    `of` names the attack. Reads the column `attacked`, which the probe adversarial_robustness makes; the truth plays no
    part in it.
    """
    return np.asarray(guess["attacked"], dtype=np.float64)


@attack_success_rate.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)


@attack_success_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
