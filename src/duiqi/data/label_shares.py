"""How common each class is among rows without labels: black-box shift estimation.

Lipton, Wang & Smola, 2018, "Detecting and correcting for label shift with black box predictors", ICML,
https://arxiv.org/abs/1802.03916. Where texts of a class read as they did in training, the mean answer to new rows is a
mixture of the mean answers to each class, known from rows that the answering model was not fitted on; the shares are
the mixture's. We mix mean probabilities rather than counted answers (their soft form), ask for shares that are none
below zero, and answer with cheap models, because a model that has learned the training rows hides its errors there.

Notation: m known rows, n rows asked, k classes, b draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.predictions import Predictor
from duiqi.core.task import Task
from duiqi.data.crossfit import MORE_FOLDS, THOROUGH, blend, crossed, folds_of, quick
from duiqi.data.floors import both_texts, counted
from duiqi.data.vectors import vectors_of

Floats = NDArray[np.float64]

DRAWS = 300
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of classes among known and asked rows, float[k], and draws of both, float[b, k]."""

    known: Floats
    asked: Floats
    known_draws: Floats
    asked_draws: Floats

    @property
    def distance(self) -> float:
        """Total variation: the share of rows whose class would have to change, 0 to 1."""
        return float(np.abs(self.asked - self.known).sum() / 2)

    @property
    def reach(self) -> float:
        """How far `distance` may lie from the true one: the quantile of the distance between what was drawn and what
        was seen. It bounds the error by the triangle inequality, however many classes there are; the distance of two
        samples alone is above zero where nothing moved, and more so with many classes."""
        moved = (self.asked_draws - self.asked) - (self.known_draws - self.known)
        return float(np.quantile(np.abs(moved).sum(axis=1) / 2, LEVEL))

    @property
    def ends(self) -> Floats:
        """The interval of each class's change in share, float[k, 2], about the change itself."""
        moved = (self.asked_draws - self.asked) - (self.known_draws - self.known)
        return (self.asked - self.known)[:, None] - np.quantile(moved, [0.975, 0.025], axis=0).T


def counted_shares(known: NDArray[np.int64], asked: NDArray[np.int64], k: int, rng: np.random.Generator) -> Shares:
    """Shares of classes that are given on both sides."""
    shares = [np.bincount(labels, minlength=k) / len(labels) for labels in (known, asked)]
    draws = [rng.multinomial(len(each), p, DRAWS) / len(each) for each, p in zip((known, asked), shares, strict=True)]
    return Shares(shares[0], shares[1], draws[0], draws[1])


def estimated_shares(truth: NDArray[np.int64], probs: Floats, asked: Floats, rng: np.random.Generator) -> Shares:
    """Shares among asked rows from probabilities: of known rows float[m, k], of asked ones float[n, k].

    Classes that no known row has stay at zero. Draws give rows of either side anew weights.
    """
    k = probs.shape[1]
    inside = np.eye(k)[truth]
    known_shares, asked_shares = inside.mean(axis=0), mixture(inside.T @ probs, inside.sum(axis=0), asked.mean(axis=0))
    known_draws, asked_draws = np.zeros((DRAWS, k)), np.zeros((DRAWS, k))
    for draw in range(DRAWS):
        some = np.bincount(rng.integers(0, len(truth), len(truth)), minlength=len(truth)).astype(float)
        others = np.bincount(rng.integers(0, len(asked), len(asked)), minlength=len(asked)).astype(float)
        weighed = inside * some[:, None]
        known_draws[draw] = weighed.sum(axis=0) / len(truth)
        asked_draws[draw] = mixture(weighed.T @ probs, weighed.sum(axis=0), others @ asked / len(asked))
    return Shares(known_shares, asked_shares, known_draws, asked_draws)


def mixture(sums: Floats, rows: Floats, mean: Floats) -> Floats:
    """The shares of classes under which their mean probabilities, `sums` float[k, k] over `rows`, mix to `mean`."""
    from scipy.optimize import nnls

    met = np.flatnonzero(rows)
    by_class = sums[met] / rows[met, None]
    weights, _ = nnls(by_class.T, mean)
    shares = np.zeros(len(rows))
    shares[met] = weights / weights.sum() if weights.sum() > 0 else rows[met] / rows.sum()
    return shares


def answers(
    task: Task, known: Dataset, asked: Dataset, reader: Predictor | None
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Labels of known rows, probabilities of them out of sample and of the asked rows, by cheap models."""
    from scipy.sparse import issparse

    truth = task.read_truth(known)
    if len(np.unique(truth)) < 2:
        raise DataError(
            f"expected training rows of two classes or more, given one in {known.name}", hint="Give rows of others."
        )
    found = counted(both_texts(known), both_texts(asked))
    vectors = [found] if found is not None else []
    if reader is not None and "embedding" in reader.offers:
        vectors.append((vectors_of(reader, known), vectors_of(reader, asked)))
    if not vectors:
        raise DataError(
            f"expected words that come again in {known.name}, given texts without", hint="Give longer texts, or labels."
        )
    k, folds = len(task.labels), folds_of(known.input_keys, MORE_FOLDS)
    fits = [quick if issparse(ours) and k > 2 else THOROUGH for ours, _ in vectors]
    pairs = list(zip(vectors, fits, strict=True))
    probs = blend([crossed(ours, truth, folds, k, fit=fit) for (ours, _), fit in pairs])
    return truth, probs, blend([fit(ours, truth, theirs, k) for (ours, theirs), fit in pairs])
