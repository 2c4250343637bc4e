"""The edit `casing`: the same words in other letters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit

_WORD = re.compile(r"[^\W\d_](?:[^\W_]|['’](?=[^\W\d_]))*")


@edit(preserves=("label", "meaning", "tokens", "spans"))
def casing(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    form: Literal["upper", "lower", "title", "random"] = "upper",
) -> list[list[Change]]:
    """Capital and small letters: all capital, all small, Each Word Capitalised, or rAnDOm.

    Headlines, shouting and hurried typing change the case and nothing else; a model that cuts its words by case can
    see other tokens altogether. One change per word whose letters differ; text without case, such as Chinese, stays.
    A few letters change their number when they change their case (ß to SS): spans move along.

    It misleads where case carries the meaning: names against common words, acronyms, code. On a model that ignores
    case every figure here is exactly zero.
    """
    return [_changes(text, rng, FORMS[form]) for text, rng in zip(texts, rngs, strict=True)]


def _changes(text: str, rng: np.random.Generator, form: Callable[[str, np.random.Generator], str]) -> list[Change]:
    recased = [(match.start(), match.end(), form(match[0], rng)) for match in _WORD.finditer(text)]
    return [Change(start, end, new) for start, end, new in recased if new != text[start:end]]


def _random(word: str, rng: np.random.Generator) -> str:
    capital = rng.random(len(word)) < 0.5
    return "".join(c.upper() if up else c.lower() for c, up in zip(word, capital, strict=True))


FORMS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "upper": lambda word, _: word.upper(),
    "lower": lambda word, _: word.lower(),
    "title": lambda word, _: word[:1].title() + word[1:].lower(),
    "random": _random,
}
