"""Words that an attack may change, and candidates drawn from edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from duiqi.core.attack import Place
from duiqi.core.part import Catalogue
from duiqi.core.slice import is_cjk
from duiqi.data.negations import negates
from duiqi.data.readable_slices import of_little_meaning
from duiqi.data.words import spans

LATIN, CHINESE = ("deepwordbug", "textfooler"), ("chinese_characters", "textfooler")


def usual(texts: Sequence[str]) -> tuple[str, ...]:
    """The attacks that are tried where none is named: slips of the fingers or characters, and synonyms."""
    return CHINESE if np.mean([is_cjk(text) for text in texts[:200]]) > 0.5 else LATIN


def content_words(text: str) -> list[tuple[int, int]]:
    """Words of other scripts than Chinese that have a letter, without those that build the sentence or deny it."""
    return [
        (start, end)
        for start, end in spans(text)
        if not is_cjk(text[start])
        and any(map(str.isalpha, text[start:end]))
        and text[start:end].lower() not in of_little_meaning()[0]
        and not negates(text[start:end])
    ]


def drawn_from(
    edits: Sequence[str], texts: Sequence[str], rngs: Sequence[np.random.Generator], *, draws: int, **options: Any
) -> list[list[Place]]:
    """What some edits put where, in `draws` draws of each that change all they can: one place for everything that may
    stand instead of the same characters. `options` go to all edits."""
    catalogue = Catalogue.installed()
    found: list[dict[tuple[int, int], dict[str, None]]] = [{} for _ in texts]
    for name in edits:
        part = catalogue.find("edit", name)
        for _ in range(draws):
            for text, own, changes in zip(texts, found, part(texts, rngs, rate=1.0, **options), strict=True):
                for change in changes:
                    if text[change.start : change.end] != change.new:
                        own.setdefault((change.start, change.end), {})[change.new] = None
    return [[Place(start, end, tuple(new)) for (start, end), new in sorted(own.items())] for own in found]
