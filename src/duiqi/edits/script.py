"""The edit `script`: simplified Chinese in traditional characters, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit
from duiqi.data.script import simplifier, traditionalizer


@edit(preserves=("label", "meaning", "tokens", "spans"))
def script(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    to: Literal["other", "traditional", "simplified"] = "other",
) -> list[list[Change]]:
    """Chinese in the other script: 头发 as 頭髮, 軟體 as 软体.

    Readers of one script mostly read the other; a model that learned from one may not. Whole texts change: `to` says to
    which script, and "other" makes every text that has traditional characters simplified, and any other traditional.
    Characters that both scripts share stay, and so does all that is no Chinese. Phrases decide where a character has
    several forms (发 in 头发 and 发现), by the tables of OpenCC; regional words are not translated.

    It misleads where the script is itself the content: names of people and of places that keep their own characters.
    Needs the package opencc-python-reimplemented (pip install 'duiqi[zh]').
    """
    return [_changes(text, to) for text in texts]


def _changes(text: str, to: str) -> list[Change]:
    if text.isascii():
        return []
    if to == "traditional" or not any(sign.search(text) for sign in simplifier().signs):
        return [] if to == "simplified" else traditionalizer()(text)
    return list(simplifier().changes(text))
