"""How likely each class of a row is, given what several functions say of it that are right more or less often: a model
of their votes that needs no labels.

Given the class y of a row the votes are taken as independent,

    p(v, y) = p(y) Π p(v_j | y),      v_j one of the classes or "abstains",

fitted by expectation maximisation from the majority vote on (Dawid & Skene, 1979, Maximum likelihood estimation of
observer error-rates using the EM algorithm, Applied Statistics; Ratner et al., 2017, Snorkel: rapid training data
creation with weak supervision, VLDB, https://arxiv.org/abs/1711.10160, in small). To abstain is one of the outcomes:
of a function that knows one class only, nothing but where it speaks tells how good it is. Before looking, each function
is held to be right in 70 % of a hundred votes, so what the model has of functions is drawn towards that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.data.labelling_functions import ABSTAINS, Votes

GUESS, HELD = 0.7, 100.0  # before looking: how often a vote is right, worth so many votes of each function,
LEANING = 0.3  # and the classes' shares those of the majority's, worth this share of the rows
ROUNDS, CLOSE = 200, 1e-5
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelModel:
    """How likely functions say what, given the class: `says` float[m, k + 1, k], its last outcome to abstain; the
    classes' shares `prior` float[k]; how much each function counts, `weights` float[m]."""

    prior: Floats
    says: Floats
    weights: Floats

    @property
    def classes(self) -> int:
        return len(self.prior)

    def probs(self, votes: Votes) -> Floats:
        """How likely each class is, float[n, k]; nan where all functions abstain."""
        patterns, which, _ = aggregated(votes, self.classes)
        probs = self.posterior(_outcomes(patterns, self.classes))
        probs[(patterns == ABSTAINS).all(axis=1)] = np.nan
        return probs[which]

    def posterior(self, outcomes: Any) -> Floats:
        """The same for outcomes as 0 and 1, sparse [p, m (k + 1)]; of rows where all abstain, too."""
        logs = (self.weights[:, None, None] * np.log(self.says)).reshape(-1, self.classes)
        joint = outcomes @ logs + np.log(self.prior)
        raised = np.exp(joint - joint.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


class _Seen(NamedTuple):
    """Different rows: their votes int[p, m], the outcomes as 0 and 1, sparse [p, m (k + 1)], how often each comes, its
    label or -1. And what one thinks before looking: the classes' shares float[k], pseudo-votes of every function
    float[m, k + 1, k]."""

    patterns: Votes
    outcomes: Any
    counts: Floats
    known: Votes
    shares: Floats
    before: Floats


def fitted(
    votes: Votes, truth: Votes, classes: int, *, prior: Floats | None = None, weights: Floats | None = None
) -> LabelModel:
    """The model of votes int[n, m]. `truth` int[n] are known labels, -1 for none: such rows count as what they are.
    `prior` float[k] are the classes' shares where they are known; `weights` float[m] how much each function counts.

    It misleads where functions are wrong together, on the same rows for one reason: they are taken as independent
    given the class. Two functions alone, without labels, do not tell which of them is better. Where functions speak
    rarely and each for one class the classes' shares are hardly told by them: give `prior`.
    """
    seen = _seen(votes, truth, classes, prior)
    weights = np.ones(votes.shape[1]) if weights is None else weights
    model = LabelModel(seen.shares, np.full_like(seen.before, 1 / (classes + 1)), weights)
    chances = majority(seen.patterns, classes)
    chances = np.where(np.isnan(chances), seen.shares, 0.98 * chances + 0.02 * seen.shares)
    for _ in range(ROUNDS):
        chances[seen.known >= 0] = np.eye(classes)[seen.known[seen.known >= 0]]
        mass = chances * seen.counts[:, None]
        says = (seen.outcomes.T @ mass).reshape(seen.before.shape) + seen.before
        shares = seen.shares if prior is not None else mass.sum(axis=0) + LEANING * mass.sum() * seen.shares
        moved = LabelModel(shares / shares.sum(), says / says.sum(axis=1, keepdims=True), weights)
        close = np.abs(moved.says - model.says).max() < CLOSE
        model = moved
        if close:
            break
        chances = model.posterior(seen.outcomes)
    return model


def majority(votes: Votes, classes: int) -> Floats:
    """Shares of the votes for each class, float[n, k]; nan where all abstain."""
    counts = np.stack([(votes == each).sum(axis=1) for each in range(classes)], axis=1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def aggregated(votes: Votes, classes: int) -> tuple[Votes, Votes, Floats]:
    """The different patterns of votes int[p, m], which one each row has, int[n], and how often each comes."""
    codes, room = np.zeros(len(votes), dtype=np.int64), 1
    for column in votes.T:
        if room > (1 << 62) // (classes + 1):  # numbered anew before they overflow
            named, codes = np.unique(codes, return_inverse=True)
            room = len(named)
        codes = codes * (classes + 1) + column + 1
        room *= classes + 1
    _, first, which, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    return votes[first], which.ravel(), counts.astype(np.float64)


def _outcomes(votes: Votes, classes: int) -> Any:
    """What each function did, as 0 and 1: sparse [p, m (k + 1)], to abstain the last of each."""
    from scipy.sparse import csr_array

    p, m = votes.shape
    places = np.where(votes < 0, classes, votes) + np.arange(m) * (classes + 1)
    return csr_array((np.ones(p * m), places.ravel(), np.arange(p + 1) * m), shape=(p, m * (classes + 1)))


def _seen(votes: Votes, truth: Votes, classes: int, prior: Floats | None) -> _Seen:
    both, _, counts = aggregated(np.column_stack([votes, truth]), classes)
    patterns, known = both[:, :-1], both[:, -1]
    outcomes = _outcomes(patterns, classes)
    shares = np.nansum(majority(patterns, classes) * counts[:, None], axis=0) + 1 if prior is None else prior
    shares = np.clip(shares, 1e-9, None) / np.sum(shares)
    often = (outcomes.T @ counts).reshape(-1, classes + 1)
    voted = np.maximum(often[:, :-1].sum(axis=1), 1)[:, None]
    before = np.empty((votes.shape[1], classes + 1, classes))
    hits = np.where(np.eye(classes) > 0, GUESS, (1 - GUESS) / max(classes - 1, 1))
    before[:, :-1] = HELD * (often[:, :-1] / voted)[:, :, None] * hits
    before[:, -1] = HELD * often[:, -1:] / voted * shares
    return _Seen(patterns, outcomes, counts, known, shares, np.maximum(before, 1e-9))
