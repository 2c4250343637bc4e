"""The edit `width`: letters, digits and marks as wide as Chinese characters, or narrow ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_letters, digits, punctuation
from typing import Literal

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit

Kind = Literal["letters", "digits", "punctuation"]
Width = Literal["other", "full", "half"]
_FAR = ord("！") - ord("!")  # from each half-width character to its full-width twin
_MARKS: dict[str, str] = {"letters": ascii_letters, "digits": digits, "punctuation": punctuation}


@edit(preserves=("label", "meaning", "tokens", "spans"))
def width(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    kinds: tuple[Kind, ...] = ("letters", "digits", "punctuation"),
    to: Width = "other",
) -> list[list[Change]]:
    """Full-width and half-width letters, digits and marks exchanged: ABC 123! as ＡＢＣ １２３！ and back.

    Chinese and Japanese keyboards write either; readers hardly see it, yet for a tokenizer they are other characters.
    Every character of `kinds` that has a twin of the other width is changed: to "full" or "half" width, or to the one
    it has not ("other": twice is as before). Blanks stay, and so do 。、 and other marks without such a twin.

    It misleads where such characters are read by a machine: addresses, codes. On a model that normalises its text
    (NFKC) every figure here is zero.
    """
    half = "".join(_MARKS[kind] for kind in kinds)
    full = "".join(chr(ord(character) + _FAR) for character in half)
    turned = ("" if to == "half" else half) + ("" if to == "full" else full)
    wanted = re.compile(f"[{re.escape(turned)}]+") if turned else re.compile(r"(?!)")
    return [[_turned(match) for match in wanted.finditer(text)] for text in texts]


def _turned(match: re.Match[str]) -> Change:
    return Change(*match.span(), match[0].translate(_TWINS))


_TWINS = {code: code + _FAR for code in map(ord, ascii_letters + digits + punctuation)}
_TWINS |= {full: half for half, full in _TWINS.items()}
