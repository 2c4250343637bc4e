"""Wrong labels: which labels of training rows are likely to be slips, and how many there are.

A model of slips is laid over out-of-sample probabilities (`duiqi.data.crossfit`): a label is drawn from the
probabilities q of the row, sharpened or softened by an exponent a, or, at a rate e, from all labels alike,

    p(label | x) = (1 - e) q(label)^a / Σ q^a + e / k,

the lapse of psychometric functions. Both are fitted by maximum likelihood, with a prior of Beta(1.5, 1.5) on e, to the
labels as they are; rows that only look hard are left to the exponent, and what no exponent explains are slips.

Northcutt, Jiang & Chuang, 2021, Confident learning: estimating uncertainty in dataset labels, JAIR,
https://arxiv.org/abs/1911.00068, count instead how often a row's probability for another label is above that label's
mean. On labels without a single slip that flags rows that are merely hard (bench/noise.py), so the likelihood is used
here; rankings are as good. The lapse: Wichmann & Hill, 2001, The psychometric function: I, Perception & Psychophysics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.predictions import Predictor
from duiqi.core.task import Task
from duiqi.data.crossfit import around_words, of_texts, out_of_sample

SURE = 0.9
FEWEST = 10  # labels of a class below which nothing is said of them
TOLD = 0.01  # a rate of slips from which on they are ranked by how likely each is one
FLOOR = 0.1  # of probabilities in odds: what cheap models say below it means little (best on tags that were turned)
MOST_CLASSES, MOST_READ = 300, 20_000
ROUNDS = 60
FEWEST_COUNTED = 2_000  # of 16 draws of clean rows of sst2, counts alone raised a false alarm in 2 at 1,000, 0 at 1,200
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Noise:
    """What is likely wrong among labels, one of each row, of each word, or of each row and label.

    `wrong` float[m]: how likely each label is a slip. `doubt` float[m] ranks them, the most suspicious label highest;
    it is `wrong` where slips were told from hard rows, and else the odds of another label. `likely` int[m]: the class
    that is likeliest otherwise. `rate`: the share of wrong labels, 0 to 1; `shares` float[m] have it as their mean and
    vary as much as it does by chance.
    `sizes` int[n] says how many labels each row has. Rows of classes that are too rare to tell have `wrong` 0.
    `counted` bool[m]: of words those that have a tag or are likely to, as the many that have none would hide how often
    a tag is wrong; else all.
    """

    wrong: Floats
    doubt: Floats
    likely: NDArray[np.int64]
    rate: float
    shares: Floats
    sizes: NDArray[np.int64]
    counted: NDArray[np.bool_] | None = None

    @cached_property
    def by_row(self) -> Floats:
        """How likely some label of each row is wrong, by its most suspicious one: float[n]."""
        starts = np.cumsum(self.sizes) - self.sizes
        worst = np.zeros(len(self.sizes))
        some = self.sizes > 0
        worst[some] = np.maximum.reduceat(self.wrong, starts[some]) if some.any() else 0
        return worst

    @property
    def statistics(self) -> Floats:
        """Of every row the sum of its shares and how many labels count, float[n, 2]: what the metric reads."""
        rows = np.repeat(np.arange(len(self.sizes)), self.sizes)
        many = self.sizes if self.counted is None else np.bincount(rows, self.counted, len(self.sizes))
        return np.stack([np.bincount(rows, self.shares, len(self.sizes)), many], axis=1)

    def within(self, rows: NDArray[np.bool_]) -> Noise:
        """The same labels, told with a share of wrong ones of its own in some of the rows (bool[n]).

        How likely each label is wrong hangs on how many are: what was told under the share of all rows is told anew
        under the share that makes these labels likeliest, found by expectation and maximisation.
        """
        some = np.repeat(rows, self.sizes)
        if not self.rate or not some.any():
            return self
        held = np.clip(self.wrong[some], 0, 1 - 1e-9)
        odds = held / (1 - held) * (1 - self.rate) / self.rate
        share, likely = self.rate, held
        for _ in range(ROUNDS):
            likely = share * odds / (share * odds + 1 - share)
            share = float(likely.mean())
        wrong, shares = self.wrong.copy(), self.shares.copy()
        wrong[some] = shares[some] = likely
        return replace(self, wrong=wrong, shares=shares)

    def suspects(self, sure: float = SURE) -> NDArray[np.bool_]:
        """Labels that are wrong with a probability of `sure` or more, bool[m]."""
        return self.wrong >= sure


def noise_of(case: Case) -> Noise:
    """What is likely wrong among the labels of the training rows; computed once for all cases on them.

    `DataError` for fewer than 2,000 rows where no model is there that has not learned them: on few rows word counts
    alone take what they cannot read for slips.
    """
    train, reader = case.train, case.reader
    assert train is not None
    if reader is None and case.task.unit != "word" and len(train) < FEWEST_COUNTED:
        raise DataError(
            f"expected at least {FEWEST_COUNTED:,} training rows, or a model that has not learned them, given "
            f"{len(train):,} rows",
            hint="Ask a model without a head: duiqi diagnose default DATA --only label_noise",
        )
    name = f"noise:{train.fingerprint}:{reader.fingerprint if reader else ''}"
    return case.remember(name, lambda: find_noise(case.task, train, reader))


def sources(made: Dataset, of: Dataset) -> NDArray[np.int64]:
    """Of every row the place of the row that it is, or was made of (copies have its id and what was done behind a
    plus), int[n]; -1 for rows that are new."""
    where = {str(row): at for at, row in enumerate(of.row_ids)}

    def place(row: str) -> int:
        while row not in where and "+" in row:
            row = row.rpartition("+")[0]
        return where.get(row, -1)

    return np.array([place(str(row)) for row in made.row_ids], dtype=np.int64)


def find_noise(task: Task, train: Dataset, reader: Predictor | None = None) -> Noise:
    """What is likely wrong among the labels of some rows. `reader` is a model that has not learned them.

    Where classes are given to rows they are ranked anew, held against models in whose fitting likely slips counted
    less. How many slips there are is told by the first models: the second ones have made up their minds. The reader is
    asked for up to 20,000 rows; of more, counts tell enough. `DataError` for more than 300 classes.
    """
    if len(task.labels) > MOST_CLASSES:
        raise DataError(
            f"expected at most {MOST_CLASSES} labels to be held against each other, given {len(task.labels)}",
            hint="Look at a part of them, or at broader classes.",
        )
    reader = reader if len(train) <= MOST_READ else None
    vectors = around_words(train) if task.unit == "word" else of_texts(train, reader)
    labels, probs, sizes = out_of_sample(task, train, vectors)
    noise = fitted(probs, labels, sizes)
    if sizes is not None:
        words = task.unit == "word"
        return replace(noise, counted=(labels != 0) | (probs.argmax(axis=1) != 0)) if words else noise
    labels, probs, _ = out_of_sample(task, train, vectors, weights=1 - noise.wrong)
    return ranked_anew(noise, probs, labels)


def ranked_anew(first: Noise, probs: Floats, labels: NDArray[np.int64]) -> Noise:
    """The same share of slips, and labels ranked by other probabilities."""
    second = fitted(probs, labels, rate=max(first.rate, 1e-6))
    return replace(first, wrong=second.wrong, doubt=second.doubt, likely=second.likely)


def fitted(
    probs: Floats, labels: NDArray[np.int64], sizes: NDArray[np.int64] | None = None, *, rate: float | None = None
) -> Noise:
    """The model of slips, laid over out-of-sample probabilities float[m, k] of labels int[m]; with the share of slips
    given as `rate`, or fitted."""
    from scipy.optimize import minimize

    m, k = probs.shape
    logs, rows = np.log(np.clip(probs, 1e-12, 1)), np.arange(m)
    common = np.bincount(labels, minlength=k)[labels] >= FEWEST
    if k < 2 or len(np.unique(labels[common])) < 2:
        nothing = np.zeros(m)
        return Noise(nothing, nothing, labels, 0.0, nothing, np.ones(m, np.int64) if sizes is None else sizes)
    known, given = logs[common], labels[common]

    def fitting(point: Floats) -> tuple[float, Floats]:
        """The mean negative log-likelihood at (log a, logit e), and where it leads."""
        lapse = 1 / (1 + np.exp(-point[1]))
        chosen, slope = _sharpened(known, given, np.exp(point[0]))
        p = (1 - lapse) * chosen + lapse / k
        prior = 0.5 * (np.log(lapse) + np.log1p(-lapse)) / len(given)
        down = np.array([((1 - lapse) * slope / p).mean(), ((1 / k - chosen) / p).mean() * lapse * (1 - lapse)])
        down[1] += 0.5 * (1 - 2 * lapse) / len(given)
        return -(np.log(p).mean() + prior), -down

    missed = 1 - 1 / k  # of labels drawn from all alike, those that are not the right one by chance
    logits = (-4.0, -1.0) if rate is None else (float(np.log(rate / (missed - rate))),)
    bounds = [(-4, 4), (-16, 4) if rate is None else (logits[0], logits[0])]
    starts = [np.array(each) for each in product((0.0, 2.0), logits)]  # it has several peaks
    best = min((minimize(fitting, s, jac=True, method="L-BFGS-B", bounds=bounds) for s in starts), key=lambda r: r.fun)
    exponent, lapse = float(np.exp(best.x[0])), float(1 / (1 + np.exp(-best.x[1])))
    chosen, slope = _sharpened(logs, labels, exponent)
    p = (1 - lapse) * chosen + lapse / k
    wrong = np.where(common, lapse / k * (1 - chosen) / p, 0.0)
    others = logs.copy()
    others[rows, labels] = -np.inf
    scores = np.stack([(1 - lapse) * slope / p, (1 / k - chosen) / p], axis=1)[common]
    shares = np.full(m, lapse * missed)
    shares[common] += missed * _influence(scores)
    told = sizes is None and lapse >= TOLD
    odds = np.log((np.exp(others.max(axis=1)) + FLOOR) / (np.exp(logs[rows, labels]) + FLOOR))
    doubt = wrong if told else np.where(common, odds, odds.min())
    sizes = np.ones(m, np.int64) if sizes is None else sizes
    return Noise(wrong, doubt, others.argmax(axis=1), lapse * missed, shares, sizes)


def _sharpened(logs: Floats, labels: NDArray[np.int64], exponent: float) -> tuple[Floats, Floats]:
    """q^a of the labels, normalised, and its derivative by log a."""
    raised = exponent * logs
    raised -= raised.max(axis=1, keepdims=True)
    weights = np.exp(raised)
    total = weights.sum(axis=1)
    rows = np.arange(len(labels))
    chosen = weights[rows, labels] / total
    mean = (weights * logs).sum(axis=1) / total
    return chosen, chosen * exponent * (logs[rows, labels] - mean)


def _influence(scores: Floats) -> Floats:
    """How much each label moves the rate: the scores float[m, 2] times the inverse of their information, for e."""
    information = scores.T @ scores / len(scores) + 1e-9 * np.eye(2)
    moved: Floats = np.linalg.solve(information, (scores - scores.mean(axis=0)).T)[1]
    return moved
