"""The edit `random_insert`: synonyms put in where they do not belong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from duiqi.core.edit import Change, some
from duiqi.core.part import edit
from duiqi.core.slice import is_cjk
from duiqi.data.negations import free
from duiqi.data.synonyms import read, shipped
from duiqi.data.words import spans


@edit(
    preserves=("label",),
    source="Wei & Zou, 2019, EDA: easy data augmentation techniques for boosting performance on text classification "
    "tasks, EMNLP, https://arxiv.org/abs/1901.11196",
)
def random_insert(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, rate: float = 0.1, lexicon: Path | None = None
) -> list[list[Change]]:
    """Synonyms of some words put in at random places.

    A text with a word too many says what it said; a model that loses its way there leans on the order of words. `rate`
    is the number of insertions as a share of the words, at least one where any word has a synonym (in the lists that
    come with duiqi, or in `lexicon`: see the edit `synonyms`). Nothing is put in right behind a negation, unlike in the
    paper, nor into a tagged word, a span or an answer.

    It misleads on short texts, where a word more is a large share of them.
    """
    found = read(lexicon) if lexicon else shipped()
    changes = []
    for text, rng in zip(texts, rngs, strict=True):
        others = [other.lower() for place in found.places(text) for other in place.others]
        words = spans(text) if others and rate > 0 else []
        places = [start for (start, _), may in zip(words, _before(text, words), strict=True) if may]
        changes.append([
            Change(start, start, _fitted(others[rng.integers(len(others))], text[max(start - 1, 0) : start]))
            for start in some(places, rng, rate, of=len(words))
        ])  # fmt: skip
    return changes


def _before(text: str, words: Sequence[tuple[int, int]]) -> list[bool]:
    """Whether a word may be put in before each of these: not behind a negation, which would then deny it."""
    return [may or at == 0 for at, may in enumerate(free(text, words))]


def _fitted(word: str, before: str) -> str:
    """The word, apart from Latin letters and digits beside it where it has some itself."""
    if is_cjk(word):
        return word
    return f" {word} " if before.isalnum() and not is_cjk(before) else f"{word} "
