"""The edit `ocr`: letters and digits as a scanner misreads them."""

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
    source="Taghva & Stofsky, 2001, OCRSpell: an interactive spelling correction system for OCR errors in text, "
    "International Journal on Document Analysis and Recognition 3",
)
def ocr(texts: Sequence[str], rngs: Sequence[np.random.Generator], *, rate: float = 0.05) -> list[list[Change]]:
    """Latin letters and digits misread: l for 1, O for 0, rn for m, cl for d.

    Scanned letters, receipts and screenshots come with such errors, which people read over and tokenizers trip on.
    `rate` is the share of the letters and digits that can be misread which are, at least one where there is any. Which
    stands for which is a table of shapes; a digit never becomes another digit, and negations are left alone. Chinese
    characters that look alike are the edit `look_alikes`.

    It misleads where exact signs are the point: codes, prices, names of models. Real scanners make such errors in
    clusters, on bad pages; here they are spread evenly.
    """
    table = _table()
    return [table.put_in(text, rng, rate) for text, rng in zip(texts, rngs, strict=True)]


@cache
def _table() -> Substitutes:
    said = tomllib.loads(files("duiqi.edits").joinpath("data", "ocr.toml").read_text(encoding="utf-8"))
    return Substitutes({old: new.split() for old, new in said.items()})
