"""The edit `random_delete`: words lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.edit import Change, some
from duiqi.core.part import edit
from duiqi.core.slice import is_cjk
from duiqi.data.negations import free
from duiqi.data.words import spans


@edit(
    preserves=("label",),
    source="Wei & Zou, 2019, EDA: easy data augmentation techniques for boosting performance on text classification "
    "tasks, EMNLP, https://arxiv.org/abs/1901.11196",
)
def random_delete(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, rate: float = 0.1
) -> list[list[Change]]:
    """Words left out at random.

    A model that hangs on one word loses it here; as training rows they teach it to read the others too. `rate` is the
    share of the words that go, at least one of two or more, never all of them, and a blank with each. Chinese words are
    those of jieba where it is installed, else characters. Unlike in the paper, negations and the words right behind
    them stay, for losing those turns a sentence round; where tags, spans or answers are marked, these stay too.

    It misleads on short texts, where the word that goes may be the one that decided.
    """
    return [_shortened(text, rng, rate) for text, rng in zip(texts, rngs, strict=True)]


def _shortened(text: str, rng: np.random.Generator, rate: float) -> list[Change]:
    words = spans(text)
    places = [word for word, may in zip(words, free(text, words), strict=True) if may]
    chosen = some(places, rng, rate, of=len(words))[: len(words) - 1]
    changes: list[Change] = []
    for start, end in chosen:
        if text[end : end + 1] == " ":
            end += 1
        elif text[max(start - 1, 0) : start] == " " and not (changes and changes[-1].end == start):
            start -= 1
        apart = text[max(start - 1, 0) : start].isalnum() and text[end : end + 1].isalnum()
        changes.append(Change(start, end, " " if apart and not is_cjk(text[start - 1] + text[end]) else ""))
    return changes
