"""The edit `homophones`: words and characters taken for others that sound the same."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from duiqi.core.edit import Change, some
from duiqi.core.part import edit
from duiqi.data.english import cased
from duiqi.data.substitutes import Substitutes


@edit(
    preserves=("label", "meaning", "tokens", "spans"),
    source="Liu, Lai, Chuang & Lee, 2010, Visually and phonologically similar characters in incorrect simplified "
    "Chinese words, COLING, https://aclanthology.org/C10-2085",
)
def homophones(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, rate: float = 0.1, same_tone: bool = False
) -> list[list[Change]]:
    """Words that sound alike exchanged: their for there, 在 for 再.

    Most slips in Chinese are made so, by choosing the wrong character of an input method, and many in English. `rate`
    is the share of the English words and Chinese characters with a homophone that are replaced, at least one where
    there is any. Chinese characters are replaced by common ones of the same syllable, with `same_tone` only by those
    of the same tone too; the table that comes with duiqi lists each under its most common reading. Negations and
    numerals are not in it.

    It misleads on single characters. Real slips choose the likelier word; here all that sound alike are equal.
    """
    english, chinese = _english(), _chinese(same_tone)
    changes = []
    for text, rng in zip(texts, rngs, strict=True):
        places = sorted([*english.places(text), *chinese.places(text)])
        drawn = some(places, rng, rate)
        changes.append([(english if text[start].isascii() else chinese).change(text, (start, end), rng)
                        for start, end in drawn])  # fmt: skip
    return [[_cased(text, change) for change in each] for text, each in zip(texts, changes, strict=True)]


def _cased(text: str, change: Change) -> Change:
    return Change(change.start, change.end, cased(change.new, text[change.start : change.end]))


@cache
def _lists() -> dict[str, Any]:
    return tomllib.loads(files("duiqi.edits").joinpath("data", "homophones.toml").read_text(encoding="utf-8"))


@cache
def _english() -> Substitutes:
    return Substitutes.of_groups((line.split() for line in _lists()["english"].strip().splitlines()), words=True)


@cache
def _chinese(same_tone: bool) -> Substitutes:
    syllables = _lists()["chinese"].values()
    groups = [word for said in syllables for word in (said.split() if same_tone else ["".join(said.split())])]
    return Substitutes.of_groups([list(group) for group in groups])
