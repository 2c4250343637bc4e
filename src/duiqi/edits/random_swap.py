"""The edit `random_swap`: two words in each other's place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit
from duiqi.core.slice import is_cjk
from duiqi.data.negations import free
from duiqi.data.words import spans


@edit(
    preserves=("label",),
    source="Wei & Zou, 2019, EDA: easy data augmentation techniques for boosting performance on text classification "
    "tasks, EMNLP, https://arxiv.org/abs/1901.11196",
)
def random_swap(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, rate: float = 0.1, reach: int = 4
) -> list[list[Change]]:
    """Two words at a time change places.

    What a text is about seldom hangs on the order of its words; how sure a model is often does. `rate` is the number of
    swaps as a share of the words, at least one where two words can be swapped. Chinese words are those of jieba where
    it is installed, else characters. Unlike in the paper, the two words stand at most `reach` words apart, no word is
    moved twice, and no negation (or the word right behind one) is moved or jumped over: "good, not cheap" must not
    become "cheap, not good". Where tags, spans or answers are marked, nothing there is moved.

    It misleads where order is the meaning: who did what to whom, questions against statements.
    """
    return [_swaps(text, rng, rate, reach) for text, rng in zip(texts, rngs, strict=True)]


def _swaps(text: str, rng: np.random.Generator, rate: float, reach: int) -> list[Change]:
    words = spans(text)
    open_places = free(text, words)  # those of a swap and all between are closed to the next one
    wanted = max(1, round(rate * len(words))) if rate > 0 else 0
    changes: list[Change] = []
    for at in rng.permutation(len(words)):
        if len(changes) >= wanted:
            break
        partners = _partners(text, words, open_places, int(at), reach)
        if partners:
            other = partners[rng.integers(len(partners))]
            changes.append(_swap(text, words[at], words[other]))
            open_places[at : other + 1] = [False] * (other + 1 - at)
    return sorted(changes, key=lambda change: change.start)


def _partners(
    text: str, words: Sequence[tuple[int, int]], open_places: Sequence[bool], at: int, reach: int
) -> list[int]:
    """Words behind this one that it can be swapped with: other ones, with no closed place up to there."""
    found = []
    for other in range(at, min(at + reach + 1, len(words))):
        if not open_places[other]:
            break
        own, its = text[slice(*words[at])], text[slice(*words[other])]
        seen = _swap(text, words[at], words[other]).new != text[words[at][0] : words[other][1]]
        if other > at and seen and is_cjk(own) == is_cjk(its):  # else Latin words would run together
            found.append(other)
    return found


def _swap(text: str, left: tuple[int, int], right: tuple[int, int]) -> Change:
    new = text[slice(*right)] + text[left[1] : right[0]] + text[slice(*left)]
    return Change(left[0], right[1], new)
