"""Which rows people should label next: plain functions over arrays.

Doubts are float[n] from 0 to 1, the larger the more there is to learn from a row's label. Rows of a pool are chosen by
their place in it, int[m], in the order in which they are to be labelled.

Uncertainty: Lewis & Gale, 1994, A sequential algorithm for training text classifiers, SIGIR,
https://arxiv.org/abs/cmp-lg/9407020 (least confidence); of tags: Shen et al., 2018, Deep active learning for named
entity recognition, ICLR, https://arxiv.org/abs/1707.05928. Margin: Scheffer, Decomain & Wrobel, 2001, Active hidden
Markov models for information extraction, IDA. Core set: Sener & Savarese, 2018, Active learning for convolutional
neural networks: a core-set approach, ICLR, https://arxiv.org/abs/1708.00489.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BLOCK = 1024  # rows of each side whose distances are held at once
LEAST = 1e-12  # of a probability


# Doubts


def least_confidence(probs: Floats) -> Floats:
    """1 minus the probability of the likeliest class; `probs` float[n, k]."""
    return 1 - probs.max(axis=1)


def margin(probs: Floats) -> Floats:
    """1 minus the lead of the likeliest class over the next."""
    if probs.shape[1] < 2:
        return least_confidence(probs)
    second, first = np.partition(probs, -2, axis=1)[:, -2:].T
    return 1 - (first - second)


def least_confidence_of_labels(probs: Floats) -> Floats:
    """1 minus the probability that every label is decided rightly, as if they were independent; `probs` float[n, k] of
    each label. A row is right when all its labels are, so this is least confidence of the row as a whole."""
    return 1 - np.exp(np.log(np.clip(np.maximum(probs, 1 - probs), LEAST, 1)).sum(axis=1))


def margin_of_labels(probs: Floats) -> Floats:
    """1 minus the lead of the likelier decision on the label that is nearest to being undecided."""
    return 1 - np.abs(2 * probs - 1).min(axis=1)


def least_confidence_of_tags(probs: Sequence[Floats]) -> Floats:
    """1 minus the geometric mean of the words' largest probabilities, of one float[words, k] a row.

    Its order is that of Shen et al.'s maximum normalised log-probability, on which long sentences have no start; they
    take the best sequence's probability, here each word's own (marginal) ones are taken, which every model gives.
    """
    return 1 - np.exp(_means(probs, lambda flat: np.log(np.clip(flat.max(axis=1), LEAST, 1))))


def margin_of_tags(probs: Sequence[Floats]) -> Floats:
    """The mean of the words' margins, as doubts."""
    return _means(probs, margin)


DOUBTS: Mapping[tuple[str, str], Callable[[Any], Floats]] = {
    ("uncertainty", "row"): least_confidence,
    ("uncertainty", "label"): least_confidence_of_labels,
    ("uncertainty", "word"): least_confidence_of_tags,
    ("margin", "row"): margin,
    ("margin", "label"): margin_of_labels,
    ("margin", "word"): margin_of_tags,
}


def _means(probs: Sequence[Floats], of: Callable[[Floats], Floats]) -> Floats:
    """The mean over the words of each row, 0 for a row without words."""
    sizes = np.array([len(each) for each in probs], dtype=np.int64)
    if not sizes.sum():
        return np.zeros(len(sizes))
    flat = of(np.concatenate([each for each in probs if len(each)]))
    return np.bincount(np.repeat(np.arange(len(sizes)), sizes), flat, len(sizes)) / np.maximum(sizes, 1)


# Choices


def most_doubtful(doubts: Floats, most: int) -> Ints:
    """The rows of the largest doubts, the largest first; of equals the first in the pool."""
    return np.argsort(-doubts, kind="stable")[:most]


def k_centres(vectors: NDArray[Any], known: NDArray[Any], most: int) -> tuple[Ints, Floats]:
    """Rows that lie farthest from what is labelled and from one another (k-centre greedy), and how far each did.

    `vectors` float[n, d] of the pool, `known` float[m, d] of the labelled rows; distances are Euclidean. At no time are
    more than `BLOCK` times `BLOCK` distances held. Where nothing is labelled the mean of the pool stands for it.
    """
    vectors, known = np.asarray(vectors, dtype=np.float32), np.asarray(known, dtype=np.float32)
    known = known if len(known) else vectors.mean(axis=0, keepdims=True)
    squares = (vectors.astype(np.float64) ** 2).sum(axis=1)
    nearest = np.full(len(vectors), np.inf)
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        for begin in range(0, len(known), BLOCK):
            there = known[begin : begin + BLOCK]
            far = squares[rows, None] - 2 * (vectors[rows] @ there.T) + (there.astype(np.float64) ** 2).sum(axis=1)
            nearest[rows] = np.minimum(nearest[rows], far.min(axis=1))
    chosen: list[int] = []
    reach: list[float] = []
    for _ in range(min(most, len(vectors))):
        best = int(nearest.argmax())
        chosen.append(best)
        reach.append(float(np.sqrt(max(nearest[best], 0.0))))
        nearest = np.minimum(nearest, squares - 2 * (vectors @ vectors[best]) + squares[best])
        nearest[best] = -np.inf  # never twice, not even where all others are copies
    return np.array(chosen, dtype=np.int64), np.array(reach)


def weakest_first(inside: NDArray[np.bool_], doubts: Floats, most: int) -> tuple[Ints, Ints]:
    """Rows of weak slices, and of each the slice it was taken for, -1 for none.

    `inside` bool[s, n] says which rows each slice holds, the weakest slice first; a row counts for the first slice that
    holds it. Slices take turns, each giving its most doubtful row that is left, so that no large slice takes all. What
    no slice holds comes after, the most doubtful first.
    """
    if not len(inside):
        chosen = most_doubtful(doubts, most)
        return chosen, np.full(len(chosen), -1, dtype=np.int64)
    of = np.where(inside.any(axis=0), inside.argmax(axis=0), len(inside))
    order = np.lexsort((-doubts, of))
    starts = np.searchsorted(of[order], np.arange(len(inside) + 1))
    turn = np.empty(len(of), dtype=np.int64)
    turn[order] = np.arange(len(of)) - starts[of[order]]
    turn[of == len(inside)] += len(of)
    chosen = np.lexsort((of, turn))[:most]
    return chosen, np.where(of[chosen] < len(inside), of[chosen], -1)
