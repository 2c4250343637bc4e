"""The edit `look_alikes`: Chinese characters taken for others of nearly the same shape."""

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
    source="Liu, Lai, Chuang & Lee, 2010, Visually and phonologically similar characters in incorrect simplified "
    "Chinese words, COLING, https://aclanthology.org/C10-2085",
)
def look_alikes(texts: Sequence[str], rngs: Sequence[np.random.Generator], *, rate: float = 0.1) -> list[list[Change]]:
    """Chinese characters replaced by look-alikes (形近字): 已 for 己, 末 for 木.

    Handwriting, scans, shape-based input and people who dodge filters write them; readers mend them without noticing.
    `rate` is the share of the characters with a look-alike that are replaced, at least one where there is any. The
    table has simplified characters only; negations and numerals are not in it, and no character becomes one. Text
    without Chinese characters stays: for Latin letters there are `ocr` and `confusables`.

    It misleads on single characters, where the look-alike may be meant.
    """
    table = _table()
    return [table.put_in(text, rng, rate) for text, rng in zip(texts, rngs, strict=True)]


@cache
def _table() -> Substitutes:
    said = tomllib.loads(files("duiqi.edits").joinpath("data", "look_alikes.toml").read_text(encoding="utf-8"))
    return Substitutes.of_groups(line.split() for line in said["groups"].strip().splitlines())
