"""The edit `whitespace`: blanks lost, doubled or slipped into a word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit

Kind = Literal["drop", "double", "insert"]
_GAP = re.compile(r"(?<=\S)[^\S\n](?=\S)")  # one blank between two words, no line break
_LATIN = re.compile(r"(?<![\w])(?:(?![\u3400-\u9fff])[^\W\d_]){4,}(?![\w\u0300-\u036f])")
_HAN = re.compile(r"(?<=[\u3400-\u9fff])(?=[\u3400-\u9fff])")


@edit(preserves=("label", "meaning", "spans"))
def whitespace(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    rate: float = 0.1,
    kinds: tuple[Kind, ...] = ("drop", "double", "insert"),
) -> list[list[Change]]:
    """Blanks: one between two words lost, one doubled, or one slipped into a word.

    Copying from a page or a scan loses and adds blanks; tokenizers then cut other pieces. `rate` is the share of the
    blanks (in Chinese, of the places between two characters) at which something happens, at least one where anything
    can. *insert* splits a word of four letters or more, never one with digits, or stands between two Chinese
    characters. A blank between two digits is never dropped, and a doubled one changes nothing for most tokenizers.

    It misleads where layout is the content: code, tables, verse.
    """
    return [_blanks(text, rng, rate, kinds) for text, rng in zip(texts, rngs, strict=True)]


def _blanks(text: str, rng: np.random.Generator, rate: float, kinds: Sequence[Kind]) -> list[Change]:
    gaps = [match.start() for match in _GAP.finditer(text)]
    between = [match.start() for match in _HAN.finditer(text)]
    words = [match.span() for match in _LATIN.finditer(text)]
    places: dict[str, list[Change]] = {
        "drop": [Change(at, at + 1, "") for at in gaps if not (text[at - 1].isdigit() and text[at + 1].isdigit())],
        "double": [Change(at, at, text[at]) for at in gaps],
        "insert": [Change(at, at, " ") for at in between]
        + [Change(at, at, " ") for at in (int(rng.integers(start + 1, end)) for start, end in words)],
    }
    wanted = max(1, round(rate * (len(gaps) + len(between)))) if rate > 0 else 0
    chosen: dict[int, Change] = {}
    kinds_left = [kind for kind in kinds if places[kind]]
    for _ in range(wanted):
        if not kinds_left:
            break
        places_left = places[kinds_left[rng.integers(len(kinds_left))]]
        change = places_left[rng.integers(len(places_left))]
        chosen.setdefault(change.start, change)  # a place that is drawn twice is changed once
    return [chosen[at] for at in sorted(chosen)]
