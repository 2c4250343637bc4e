"""The edit `confusables`: Latin letters written with their Cyrillic and Greek twins."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit
from duiqi.data.substitutes import Substitutes


@edit(
    preserves=("label", "meaning", "tokens", "spans"),
    source="Boucher, Shumailov, Anderson & Papernot, 2022, Bad characters: imperceptible NLP attacks, IEEE S&P, "
    "https://arxiv.org/abs/2106.09898",
)
def confusables(texts: Sequence[str], rngs: Sequence[np.random.Generator], *, rate: float = 0.1) -> list[list[Change]]:
    """Latin letters replaced by letters of other alphabets that look the same: Cyrillic а, Greek ο.

    People who want to get past a filter write so, and no reader sees it; a tokenizer sees unknown signs. `rate` is the
    share of the letters with a twin that are replaced, at least one where there is any. Negations are left alone, so
    that what a model makes of the rest can be told. Text without Latin letters stays.

    It misleads where nobody writes so: it measures an attack, not a slip.
    """
    table = _table()
    return [table.put_in(text, rng, rate) for text, rng in zip(texts, rngs, strict=True)]


@cache
def _table() -> Substitutes:
    said = tomllib.loads(files("duiqi.edits").joinpath("data", "confusables.toml").read_text(encoding="utf-8"))
    return Substitutes({old: new.split() for old, new in said.items()})
