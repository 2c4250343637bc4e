"""How much each word speaks for an answer, told from answers to the text without some of its words.

Every method first says without which words it wants to ask, then makes weights of the answers: `draw` and `fit`. So
the questions of all methods about all texts can be asked at once. Answers are numbers float[m, t] of t targets; `full`
and `empty` float[t] are those to the whole text and to it without any word. All weights are in the units of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LIME_WIDTH = 25.0  # of the kernel on cosine distances times 100, as the package lime has them
SURPLUS = 200  # samples beyond two a word, where the user names no number
FEWEST = 1e-6  # of a change of the answer below which a share of it says nothing


@dataclass(frozen=True, eq=False)
class Drawn:
    """Which words stay: `keep` bool[m, w]; `weights` float[m] say how much each question counts."""

    keep: NDArray[np.bool_]
    weights: Floats


@dataclass(frozen=True, eq=False)
class Attribution:
    """Weights of the words float[w] by one method. `errors` say how far they may be trusted, by what they are called:

    `additivity_gap`: how far the sum of the weights is from the change of the answer from no word to all of them, as a
    share of that change · `r_squared`: share of the variance of the answers, weighted as the method weighs them, that a
    sum of word weights explains (1 is best) · `completeness_error`: the same gap of integrated gradients, and `steps`,
    at how many points of the path they were taken.
    """

    method: str
    weights: Floats
    errors: Mapping[str, float]


@dataclass(frozen=True)
class Method:
    """`draw(w, samples, rng)` and `fit(drawn, answers, full, empty) -> (weights[t, w], r_squared[t] or None)`."""

    draw: Callable[[int, int, np.random.Generator], Drawn]
    fit: Callable[[Drawn, Floats, Floats, Floats], tuple[Floats, Floats | None]]


def samples_for(words: int, asked: int | None) -> int:
    """How many questions a method asks about a text: as many as the user says, else two a word and 200."""
    return asked if asked is not None else 2 * words + SURPLUS


# Occlusion


def _leave_one_out(words: int, samples: int, rng: np.random.Generator) -> Drawn:
    return Drawn(~np.eye(words, dtype=bool), np.ones(words))


def _lost(drawn: Drawn, answers: Floats, full: Floats, empty: Floats) -> tuple[Floats, None]:
    """What the answer loses without each word (Zeiler & Fergus 2014; Li, Monroe & Jurafsky 2016)."""
    return (full[None] - answers).T, None


# LIME


def _at_random(words: int, samples: int, rng: np.random.Generator) -> Drawn:
    """The whole text, and texts without a random number of words; near ones count more."""
    keep = np.ones((max(samples, 1), words), dtype=bool)
    out = rng.integers(1, words + 1, size=len(keep) - 1)
    keep[1:] = _ranks(rng, len(keep) - 1, words) >= out[:, None]
    distance = 100 * (1 - np.sqrt(keep.mean(axis=1)))  # the cosine between a row of ones and one with some zeros
    return Drawn(keep, np.exp(-0.5 * (distance / LIME_WIDTH) ** 2))


def _locally_linear(drawn: Drawn, answers: Floats, full: Floats, empty: Floats) -> tuple[Floats, Floats]:
    """A weighted regression with an intercept (Ribeiro, Singh & Guestrin 2016); without the package's penalty, which
    with samples enough only makes all weights smaller."""
    design = np.column_stack([drawn.keep, np.ones(len(drawn.keep))]).astype(np.float64)
    root = np.sqrt(drawn.weights)[:, None]
    found = np.asarray(np.linalg.lstsq(design * root, answers * root, rcond=1e-10)[0], dtype=np.float64)
    return found[:-1].T, _explained(design @ found, answers, drawn.weights)


# KernelSHAP


def _coalitions(words: int, samples: int, rng: np.random.Generator) -> Drawn:
    """Sets of words by Shapley's kernel: all of them where there is room; else sizes from the outside inwards, each
    whole while there is room, and pairs of a random set and its complement for the sizes in the middle."""
    if words < 2:
        return Drawn(np.zeros((0, words), dtype=bool), np.zeros(0))
    sizes = np.arange(1, words)
    share = 1.0 / (sizes * (words - sizes))
    share /= share.sum()
    keep: list[NDArray[np.bool_]] = []
    weights: list[Floats] = []
    left, low = samples, 1
    while low <= words - low:
        both = [low] if 2 * low == words else [low, words - low]
        count = comb(words, low) * len(both)
        mass = share[[each - 1 for each in both]].sum()
        rest = share[low - 1 : words - low].sum()
        if count > left * mass / rest + 1e-9:
            break
        rows = np.zeros((comb(words, low), words), dtype=bool)
        chosen = np.array(list(combinations(range(words), low)))
        rows[np.arange(len(rows))[:, None], chosen] = True
        keep += [rows, ~rows][: len(both)]
        weights.append(np.full(count, mass / count))
        left, low = left - count, low + 1
    middle = share[low - 1 : words - low]
    pairs = left // 2
    if low <= words - low and pairs:
        size = low + rng.choice(len(middle), size=pairs, p=middle / middle.sum())
        rows = _ranks(rng, pairs, words) < size[:, None]
        keep += [rows, ~rows]
        weights.append(np.full(2 * pairs, middle.sum() / (2 * pairs)))
    if not keep:
        return Drawn(np.zeros((0, words), dtype=bool), np.zeros(0))
    return Drawn(np.concatenate(keep), np.concatenate(weights))


def _shapley(drawn: Drawn, answers: Floats, full: Floats, empty: Floats) -> tuple[Floats, Floats]:
    """Shapley values: the weighted regression whose weights sum to the whole change (Lundberg & Lee 2017; pairs as in
    Covert & Lee 2021). With all sets they are exact."""
    change, words = full - empty, drawn.keep.shape[1]
    if words < 2 or not len(drawn.keep):
        return np.repeat(change[:, None], words, axis=1) / max(words, 1), np.ones(len(change))
    design = drawn.keep.astype(np.float64)
    weighted = design * drawn.weights[:, None]
    gram, seen = weighted.T @ design, weighted.T @ (answers - empty)
    inverse = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
    free, ones = inverse @ seen, inverse.sum(axis=1)
    total = ones.sum()
    found = free - np.outer(ones / total, free.sum(axis=0) - change) if total > 0 else free
    return found.T, _explained(design @ found, answers - empty, drawn.weights)


def _ranks(rng: np.random.Generator, rows: int, words: int) -> NDArray[np.int64]:
    """In every row the numbers of 0 to w − 1 in an order of its own."""
    return np.argsort(np.argsort(rng.random((rows, words)), axis=1), axis=1)


def _explained(fitted: Floats, answers: Floats, weights: Floats) -> Floats:
    """Weighted R² of every target; 1 where all answers are equal and fitted."""
    mean = np.average(answers, axis=0, weights=weights)
    around = (weights[:, None] * (answers - mean) ** 2).sum(axis=0)
    missed = (weights[:, None] * (answers - fitted) ** 2).sum(axis=0)
    flat = around <= 1e-18 * np.maximum(1.0, mean**2)
    return np.where(flat, 1.0, 1 - missed / np.where(flat, 1.0, around))


METHODS: Mapping[str, Method] = {
    "occlusion": Method(_leave_one_out, _lost),
    "lime": Method(_at_random, _locally_linear),
    "kernel_shap": Method(_coalitions, _shapley),
}


def attributions(method: str, drawn: Drawn, answers: Floats, full: Floats, empty: Floats) -> list[Attribution]:
    """The weights of every target by one method, with its own errors."""
    weights, explained = METHODS[method].fit(drawn, answers, full, empty)
    found = []
    for target, row in enumerate(weights):
        errors = {"additivity_gap": relative_gap(float(row.sum()), float(full[target] - empty[target]))}
        if explained is not None:
            errors["r_squared"] = float(explained[target])
        found.append(Attribution(method, np.asarray(row), errors))
    return found


def relative_gap(total: float, change: float) -> float:
    """How far a sum of weights is from the change that it should be, as a share of the change."""
    return abs(total - change) / max(abs(change), FEWEST)
