"""How often a model is right on rows without labels, from rows with labels: four estimates, each under an assumption.

- confidence: mean confidence after temperature scaling, moved by what it is off by on the labelled rows (Guillory,
  Shankar, Ebrahimi, Darrell & Schmidt, 2021, "Predicting with confidence on unseen distributions", ICCV,
  https://arxiv.org/abs/2107.03315).
- threshold: the share of answers that reach a confidence which as many labelled rows reach as are right (Garg,
  Balakrishnan, Lipton, Neyshabur & Sedghi, 2022, "Leveraging unlabeled data to predict out-of-distribution
  performance", ICLR, https://arxiv.org/abs/2201.04234).
- weighted: the accuracy on the labelled rows, each counted by how common its like is among the others (Shimodaira,
  2000, "Improving predictive inference under covariate shift by weighting the log-likelihood function", JSPI), by the
  odds of a classifier that tells the two sides apart.
- mixed: the accuracy on each class, mixed as classes are mixed there by what the answers say (`label_shares`).

All four give the accuracy on the labelled rows where the others are these rows themselves. The last two foretell from
labelled rows how sure answers are elsewhere, as well as how many are right; where the answers are not as sure as that,
their assumption is refuted. Rows of either side are drawn anew; temperature and odds stay.

Notation: m labelled rows, n others, p answers (one a row, or one a word or label), k classes, b draws. What is
float[1 + b] has the plain value first and then one for each draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from duiqi.core.measure import LEVEL, Interval
from duiqi.data.label_shares import mixture
from duiqi.data.temperature import best_temperature, tempered

Floats = NDArray[np.float64]

OF_ANSWERS = ("confidence", "threshold")  # read off the answers to the others alone; the nearest on bench/unlabelled.py
FEWEST_OF_CLASS = 10  # labelled answers of every class that occurs: with fewer, how it is answered is a guess
MOST_CLASSES = 30  # beyond which mixing takes long and few rows are left for each
REFUTED = 2.0  # standard errors by which answers elsewhere are surer, or less sure, than an assumption foretells
UNSEEN = 0.05  # what texts that differ wholly may cost beyond what the answers show (all halves of bench/unlabelled.py)
BLOCK = 4_000_000  # weights of answers that are made at a time


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to the rows of one side: `probs` float[p, k], `given` int[p] is the class that was answered, `row` int[p]
    says whose an answer is, and `weights` float[m, 1 + b] how much rows count: as one, and in every draw."""

    probs: Floats
    given: NDArray[np.int64]
    row: NDArray[np.int64]
    weights: NDArray[np.float32]

    @cached_property
    def confidence(self) -> Floats:
        return np.asarray(self.probs[np.arange(len(self.given)), self.given])

    def sums(self, values: Floats, by: Floats | float = 1.0) -> Floats:
        """The sums of a number of every answer, float[1 + b], rows counting `by` times as much."""
        of_rows = np.bincount(self.row, weights=values, minlength=len(self.weights))
        return np.asarray((of_rows * by) @ self.weights, dtype=np.float64)

    def mean(self, values: Floats, by: Floats | float = 1.0) -> Floats:
        """The mean of a number of every answer, float[1 + b], rows counting `by` times as much."""
        return self.sums(values, by) / np.maximum(self.sums(np.ones(len(values)), by), 1e-12)

    def tempered(self, temperature: float) -> Answers:
        return replace(self, probs=tempered(self.probs, temperature))


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """`here`: the accuracy on the labelled rows, `found`: the estimates of that on the others, all float[1 + b].
    `refuted` names estimates whose assumption the answers contradict; `auroc` says how well the others are told from
    the labelled rows."""

    here: Floats
    found: Mapping[str, Floats]
    refuted: frozenset[str] = frozenset()
    auroc: float = 0.5

    @property
    def accuracy(self) -> Floats:
        """The one estimate, float[1 + b]: the mean of those that read the answers alone."""
        return np.asarray(np.mean([self.found[name] for name in OF_ANSWERS], axis=0))

    @property
    def disagreement(self) -> float:
        """How far the estimates, refuted ones too, and the accuracy on the labelled rows lie apart."""
        values = [float(each[0]) for each in (self.here, *self.found.values())]
        return max(values) - min(values)

    @property
    def doubt(self) -> float:
        """How far below all that stands the truth may lie: the disagreement, and more the better rows are told apart.

        On real shifts estimates tend to be too high, and the more so the more they disagree: in a third of the shifts
        that the rule was chosen on (bench/unlabelled.py) the truth lay below what they span, and in none above.
        """
        return self.disagreement + UNSEEN * max(0.0, 2 * self.auroc - 1)

    @property
    def interval(self) -> Interval:
        """What all intervals that are not refuted span, made longer downwards by the doubt."""
        low, high = self._span({name: each for name, each in self.found.items() if name not in self.refuted})
        return Interval(max(0.0, low - self.doubt), min(1.0, high))

    @property
    def lost(self) -> Floats:
        """How much lower the accuracy is there, float[1 + b]."""
        return self.here - self.accuracy

    @property
    def interval_of_lost(self) -> Interval:
        kept = {name: self.here - each for name, each in self.found.items() if name not in self.refuted}
        low, high = self._span(kept)
        return Interval(max(-1.0, low), min(1.0, high + self.doubt))

    def _span(self, estimates: Mapping[str, Floats]) -> tuple[float, float]:
        ends = [ends_of(each) for each in estimates.values()]
        return min(each.low for each in ends), max(each.high for each in ends)


def ends_of(values: Floats) -> Interval:
    """The interval of float[1 + b] by its draws; it holds the plain value."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(min(low, values[0])), float(max(high, values[0])))


def accuracy_elsewhere(
    known: Answers,
    truth: NDArray[np.int64],
    others: Answers,
    *,
    pseudo: Floats,
    odds: Floats | None = None,
    classes: bool = True,
    auroc: float = 0.5,
) -> Elsewhere:
    """Estimates of the accuracy on the others.

    `truth` int[p] has the classes of the answers to `known`, `odds` float[m] the log-odds that a known row is one of
    the others, `auroc` how well the sides are told apart; `pseudo`: see `share_right`. `classes`: whether classes are
    the same in all rows.
    """
    hits = (known.given == truth).astype(float)
    temperature = best_temperature(known.probs, truth)
    known, others = known.tempered(temperature), others.tempered(temperature)
    plain, here = known.mean(hits), share_right(known, hits, pseudo)
    sure, sure_there = known.mean(known.confidence), others.mean(others.confidence)
    found = {"confidence": here + sure_there - sure, "threshold": reaching(known, here, others)}
    foretold = {}
    if odds is not None:
        by = np.exp(odds - odds.max())
        found["weighted"] = known.mean(hits, by) + here - plain
        foretold["weighted"] = known.mean(known.confidence, by)
    if classes and enough_of_each(truth, known.probs.shape[1]):
        shares = shares_elsewhere(known, truth, others)
        found["mixed"] = mixed(known, truth, hits, shares) + here - plain
        foretold["mixed"] = mixed(known, truth, known.confidence, shares)
    off = {name: each - sure_there for name, each in foretold.items()}
    refuted = {name for name, each in off.items() if abs(each[0]) > REFUTED * max(float(each[1:].std()), 1e-9)}
    return Elsewhere(here, {name: np.clip(each, 0, 1) for name, each in found.items()}, frozenset(refuted), auroc)


def effective_rows(odds: Floats) -> float:
    """As how many rows of equal weight those weighted by these log-odds count (Kish, 1965, Survey sampling)."""
    by = np.exp(odds - odds.max())
    return float(by.sum() ** 2 / (by**2).sum())


def share_right(answers: Answers, hits: Floats, pseudo: Floats) -> Floats:
    """The share of right answers, float[1 + b]. `pseudo` float[1 + b, 2] are the weights of a right and a wrong answer
    more in each draw (Jeffreys): without them nothing would vary where all answers are right."""
    count = answers.sums(np.ones(len(hits)))
    return np.asarray((answers.sums(hits) + pseudo[:, 0]) / np.maximum(count + pseudo.sum(axis=1), 1e-12))


def enough_of_each(truth: NDArray[np.int64], classes: int) -> bool:
    """Whether there are two classes or more, not too many, and enough answers of each that occurs."""
    met = np.bincount(truth, minlength=classes)
    met = met[met > 0]
    return classes <= MOST_CLASSES and len(met) > 1 and bool(met.min() >= FEWEST_OF_CLASS)


def reaching(known: Answers, right: Floats, others: Answers) -> Floats:
    """The share of the other answers that reach the confidence which a share `right` of the known ones reaches."""
    order, theirs = np.argsort(known.confidence, kind="stable"), np.argsort(others.confidence, kind="stable")
    levels, sure = np.append(known.confidence[order], np.inf), others.confidence[theirs]
    found = []
    step = max(1, BLOCK // max(len(order), len(theirs)))
    for start in range(0, len(right), step):
        some = slice(start, start + step)
        below = np.cumsum(known.weights[known.row[order], some], axis=0, dtype=np.float64)
        left_out = (below <= (1 - right[some] + 1e-9) * below[-1]).sum(axis=0)
        under = np.cumsum(others.weights[others.row[theirs], some], axis=0, dtype=np.float64)
        first = np.searchsorted(sure, levels[left_out], side="left")
        missed = np.where(first > 0, under[first - 1, np.arange(under.shape[1])], 0.0)
        found.append(1 - missed / np.maximum(under[-1], 1e-12))
    return np.concatenate(found)


def shares_elsewhere(known: Answers, truth: NDArray[np.int64], others: Answers) -> Floats:
    """The shares of classes among the others, float[1 + b, k]: those whose mean answers mix to the mean one there."""
    k = known.probs.shape[1]
    asked = np.stack([others.mean(column) for column in others.probs.T], axis=1)
    rows = np.stack([known.sums((truth == each).astype(float)) for each in range(k)], axis=1)
    answered = [[known.sums((truth == each) * column) for column in known.probs.T] for each in range(k)]
    by_draw = np.moveaxis(np.array(answered), -1, 0)
    return np.stack([mixture(*each) for each in zip(by_draw, rows, asked, strict=True)])


def mixed(known: Answers, truth: NDArray[np.int64], values: Floats, shares: Floats) -> Floats:
    """The mean of a number of every answer if classes had these shares, float[1 + b]."""
    inside = [(truth == each).astype(float) for each in range(shares.shape[1])]
    means = [known.sums(values * each) / np.maximum(known.sums(each), 1e-12) for each in inside]
    return np.asarray((shares * np.stack(means, axis=1)).sum(axis=1))
