"""The edit `split_characters`: Chinese characters written as their parts."""

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
    source="Su et al., 2022, RoCBert: robust Chinese BERT with multimodal contrastive pretraining, ACL, "
    "https://aclanthology.org/2022.acl-long.65",
)
def split_characters(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, rate: float = 0.1
) -> list[list[Change]]:
    """Chinese characters pulled apart (拆字): 好 as 女子, 明 as 日月.

    Written to get past filters and in play; readers put the parts together again, a tokenizer sees two other
    characters. `rate` is the share of the characters in the table that are split, at least one where there is any.
    Negations and numerals are never split, nor is anything split into one. Text without Chinese characters stays.

    It misleads where nobody writes so: it measures an attack, not a slip.
    """
    table = _table()
    return [table.put_in(text, rng, rate) for text, rng in zip(texts, rngs, strict=True)]


@cache
def _table() -> Substitutes:
    said = tomllib.loads(files("duiqi.edits").joinpath("data", "split_characters.toml").read_text(encoding="utf-8"))
    rows = (line.split() for line in said["characters"].strip().splitlines())
    return Substitutes({whole: parts for whole, *parts in rows})
