"""Words that turn a sentence round, English and Chinese: what edits that keep the meaning leave alone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from duiqi.core.slice import CJK

Span = tuple[int, int]


@cache
def pattern() -> re.Pattern[str]:
    """Finds a negation: an English word of the list or one that ends in "n't", a Chinese character of the list."""
    lists = tomllib.loads(files("duiqi.data").joinpath("lexicons", "negations.toml").read_text(encoding="utf-8"))
    words = "|".join(sorted(lists["english"].split(), key=len, reverse=True))
    letter = rf"[^\W{CJK}]"  # Chinese may stand right beside an English word
    return re.compile(rf"(?<!{letter})(?:{words}|[a-z]+n['’]t)(?!{letter})|[{lists['chinese']}]", re.IGNORECASE)


def negates(text: str) -> bool:
    """Whether there is a negation in a text.

    >>> negates("It isn't bad"), negates("还不错"), negates("a knot")
    (True, True, False)
    """
    return pattern().search(text) is not None


def free(text: str, words: Sequence[Span]) -> list[bool]:
    """Which of these words may be moved or lost without a negation being lost or turning to another word: those that
    are none and do not stand right behind one."""
    found = [negates(text[start:end]) for start, end in words] if negates(text) else [False] * len(words)
    return [not (own or before) for own, before in zip(found, [False, *found], strict=False)]
