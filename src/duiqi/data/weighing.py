"""How far to trust labelling functions: which of them repeat another one, what they say together, and how each does.

A function that repeats another one beyond what independence allows shares its say with it, so that a rule written twice
does not count twice. How often a function is right is told twice: as the model of all votes has it, which needs no
labels and has no interval, since what it was held to be before looking and what functions have in common move it in
ways that no redrawing of rows shows; and by the labelled rows alone, with an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from duiqi.core.measure import jeffreys
from duiqi.core.seed import generator
from duiqi.data.label_model import Floats, LabelModel, fitted
from duiqi.data.labelling_functions import ABSTAINS, Ballot, Votes

ALIKE = 0.8  # of rows where either of two functions votes, the share of equal votes from which on one may be a copy
MISSING = 0.5  # of the differences that independence would make, the share whose lack makes it one
SURELY = 4.0  # standard errors of that lack
FEWEST_OTHERS = 2  # functions by which two more are judged
MOST_FITTED, MOST_COMPARED = 100_000, 4_000  # rows for the model; for copies, which take many fits


@dataclass(frozen=True, eq=False)
class WeighedModel(LabelModel):
    """A label model that knows what each function is a copy of: `copy_of` int[m], -1 for none."""

    copy_of: Votes


@dataclass(frozen=True)
class Standing:
    """How a function does: shares of the rows where it votes, and where it does and another one says otherwise; how
    often its votes are right as the model has it, an estimate without an interval (`None` where it never votes); how
    many labelled rows it votes on, how many of these it has right, and the 95 % interval of that share. `classes` are
    those it votes for. `weight` is its say: less than 1 where it is much like `copy_of`."""

    name: str
    classes: tuple[int, ...]
    coverage: float
    conflicts: float
    accuracy: float | None
    labelled: int = 0
    right: int = 0
    labelled_low: float = 0.0
    labelled_high: float = 1.0
    weight: float = 1.0
    copy_of: str = ""


def fit_label_model(
    votes: Votes, classes: int, *, prior: Floats | None = None, truth: Votes | None = None, seed: int = 0
) -> WeighedModel:
    """The model of votes int[n, m], in which functions that repeat one another share one say.

    `prior` float[k] are the classes' shares where they are known; `truth` int[n] are known labels, -1 for none: such
    rows count as what they are. Of more than 100,000 rows as many are drawn. When it misleads: see
    `duiqi.data.label_model.fitted`.
    """
    truth = np.full(len(votes), ABSTAINS) if truth is None else truth
    few = _some(truth, MOST_COMPARED, seed)
    copy_of = _copies(votes[few], truth[few], classes, prior)
    heads = np.where(copy_of >= 0, copy_of, np.arange(len(copy_of)))
    rows = _some(truth, MOST_FITTED, seed)
    model = fitted(votes[rows], truth[rows], classes, prior=prior, weights=1 / np.bincount(heads)[heads])
    return WeighedModel(model.prior, model.says, model.weights, copy_of)


def standings(model: WeighedModel, ballot: Ballot, *, truth: Votes | None = None) -> tuple[Standing, ...]:
    """How every function does. `truth` int[n] are known labels, -1 for none: those that the model was fitted to.

    The model's estimate is drawn towards 70 % where votes are few, and misses where functions are wrong together: it
    tells good functions from bad ones. How good one is, is told by rows with labels, unless it was written with these
    very rows in view.
    """
    given, n = ballot.votes, len(ballot.votes)
    truth = np.full(n, ABSTAINS) if truth is None else truth
    known = truth >= 0
    chances = model.probs(given)
    chances[known] = np.eye(model.classes)[truth[known]]
    voted = given != ABSTAINS
    found = []
    for j, name in enumerate(ballot.names):
        mine = np.flatnonzero(voted[:, j])
        said = given[mine, j]
        differs = ((given[mine] != said[:, None]) & voted[mine]).any(axis=1)
        right, labelled = int((said == truth[mine]).sum()), int(known[mine].sum())
        low, high = jeffreys(right, labelled)
        found.append(
            Standing(
                name=name,
                classes=tuple(np.unique(said).tolist()),
                coverage=len(mine) / max(n, 1),
                conflicts=int(differs.sum()) / max(n, 1),
                accuracy=float(chances[mine, said].mean()) if len(mine) else None,
                labelled=labelled,
                right=right,
                labelled_low=low,
                labelled_high=high,
                weight=float(model.weights[j]),
                copy_of=ballot.names[model.copy_of[j]] if model.copy_of[j] >= 0 else "",
            )
        )
    return tuple(found)


def _some(truth: Votes, most: int, seed: int) -> Votes:
    """Places of at most so many rows, and of all that are labelled."""
    if len(truth) <= most:
        return np.arange(len(truth))
    drawn = generator(seed, "votes", most).choice(len(truth), most, replace=False)
    return np.union1d(drawn, np.flatnonzero(truth >= 0))


def _copies(votes: Votes, truth: Votes, classes: int, prior: Floats | None) -> Votes:
    """Which function each one repeats, int[m], -1 for none.

    Two that say the same exactly are copies. So are two that differ far less than functions as good as they are would:
    how good each is is told by the others, without either, so that a pair cannot vouch for itself.
    """
    m = votes.shape[1]
    voted = votes != ABSTAINS
    same = np.array([[((votes[:, j] == votes[:, k]) & voted[:, j]).sum() for k in range(m)] for j in range(m)])
    either = np.array([[(voted[:, j] | voted[:, k]).sum() for k in range(m)] for j in range(m)])
    agree = same / np.maximum(either, 1)
    head = [next((k for k in range(j) if same[j, k] == either[j, k] > 0), j) for j in range(m)]
    own = [j for j in range(m) if head[j] == j]  # each saying once
    typical = np.array([np.median([1.0, *(agree[j, k] for k in own if k != j)][len(own) > 1 :]) for j in range(m)])
    close = (agree >= ALIKE) & (1 - agree <= MISSING * (1 - np.minimum(typical[:, None], typical[None])))
    for j in own:
        for k in own[: own.index(j)]:
            if close[j, k] and head[k] == k and head[j] == j:
                kin = [i for i in own if i not in (j, k) and (close[i, j] or close[i, k])]
                others = [i for i in own if i not in (j, k, *kin)]
                if len(others) < FEWEST_OTHERS:
                    others = [i for i in own if i not in (j, k)]
                if len(others) >= FEWEST_OTHERS or (truth >= 0).any():
                    head[j] = k if _repeats(votes, truth, classes, prior, j, k, others) else j
    return np.array([ABSTAINS if each == j else each for j, each in enumerate(head)], dtype=np.int64)


def _repeats(
    votes: Votes, truth: Votes, classes: int, prior: Floats | None, j: int, k: int, others: Sequence[int]
) -> bool:
    """Whether two functions differ far less than they would if they were independent, by what the others make of
    each."""
    first, second = (fitted(votes[:, [*others, each]], truth, classes, prior=prior) for each in (j, k))
    a, b, shares = first.says[-1], second.says[-1], (first.prior + second.prior) / 2
    same = float(((a[:-1] * b[:-1]).sum(axis=0) * shares).sum())
    expected = same / max(1 - float((a[-1] * b[-1] * shares).sum()), 1e-9)
    either = (votes[:, [j, k]] != ABSTAINS).any(axis=1)
    n, seen = int(either.sum()), float((votes[either, j] == votes[either, k]).mean())
    error = np.sqrt(max(expected * (1 - expected), 1e-9) / n)
    return seen - expected > SURELY * error and seen - expected > MISSING * (1 - expected)
