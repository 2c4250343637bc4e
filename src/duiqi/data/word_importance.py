"""Which words weigh most over many texts, by class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from duiqi.data.explaining import Explanation


@dataclass(frozen=True)
class WordImportance:
    """What a word weighs for a class: the mean of its weights, in the units of the answer, over the texts that have it
    and whose answer the class was, how far that mean may be off (1.96 standard errors; `None` of one text), and in how
    many texts."""

    word: str
    name: str
    mean: float
    margin: float | None
    rows: int


def word_importance(found: Sequence[Explanation], method: str, *, fewest: int = 2) -> list[WordImportance]:
    """All words of at least `fewest` texts, those first that weigh most: by the sum of their weights over the square
    root of one more than their texts, so that neither one loud text nor a common word of little weight stands first.

    A word that comes several times in a text counts there with the sum. Case does not count.
    """
    weights: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in found:
        by_word: dict[str, float] = defaultdict(float)
        for word, weight in zip(each.divided.words, each.by[method].weights.tolist(), strict=True):
            by_word[word.casefold()] += weight
        for word, weight in by_word.items():
            weights[each.target.name, word].append(weight)
    listed = []
    for (name, word), row in weights.items():
        if len(row) >= fewest:
            error = float(np.std(row, ddof=1) / np.sqrt(len(row))) if len(row) > 1 else None
            listed.append(
                (sum(row) / np.sqrt(len(row) + 1), WordImportance(
                    word, name, float(np.mean(row)), None if error is None else 1.96 * error, len(row)))
            )  # fmt: skip
    return [each for _, each in sorted(listed, key=lambda pair: (-pair[0], pair[1].word, pair[1].name))]
