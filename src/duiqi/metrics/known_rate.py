import numpy as np

from duiqi.core.part import metric
from duiqi.core.rates import noted


@metric(
    better="higher",
    notes=("right", "chance"),
    low=-1.0,
    high=1.0,
    about="elsewhere",
    shown=("relation",),
    source="Frary, 1988, Formula scoring of multiple-choice tests (correction for guessing), Educational Measurement: "
    "Issues and Practice; Petroni et al., 2019, Language models as knowledge bases?, EMNLP, "
    "https://aclanthology.org/D19-1250/",
)
def known_rate(notes, *, relation: str = ""):
    """Share of facts that the model knows, beyond what guessing gets right: 0 is guessing, 1 all; higher is better.

    The share of right choices less that of a guess, divided by what a guess leaves: whoever knows a share and guesses
    the rest has that share, whatever the number of choices. `relation` names the relation, without it all facts count.
    Below 0 the model prefers wrong choices. Noted by the probe knowledge (1 where the answer is right, and how often a
    guess is).
    """
    return noted(notes)


@known_rate.finish
def _(sums):
    right, chance, rows = (sums[..., at] for at in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip((right - chance) / (rows - chance), -1, 1)


@known_rate.pseudo
def _(total):
    """A question answered right and one that is not, of as many choices as questions have on average."""
    chance = total[1] / max(total[2], 1.0)
    return np.array([[1.0, chance, 1.0], [0.0, chance, 1.0]])
