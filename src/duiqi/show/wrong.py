"""What errors say, in other languages than English.

Messages and hints stand in the code, in English, where something is found to be wrong. `text/errors_zh.toml` has a
sentence for each of them, `{}` standing for a value in the English one, `{1}`, `{2}` … for the first, the second in the
other; its table `pieces` has words that come as values. `scripts/errors.py` reads the code and tells which sentences
are missing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

QUOTES = ("'", '"')
Template = tuple[tuple[str, ...], str]  # what stands between the values of the English sentence, and the other one


def translated(said: str, lang: str) -> str:
    """A message or hint in another language; as it is where there is no sentence for it. A value that is such a
    sentence, too, is translated within, but where it stands in quotes: these are somebody's own words."""
    for fixed, other in _templates(lang):
        values = _values(said, fixed)
        if values is not None:
            own = [a.endswith(QUOTES) or b.startswith(QUOTES) for a, b in zip(fixed, values, strict=False)]
            return _filled(other, [b if kept else translated(b, lang) for b, kept in zip(values, own, strict=True)])
    return said


def _filled(sentence: str, values: Sequence[str]) -> str:
    """A sentence with its values; other braces are its own."""
    return re.sub(r"\{(\d+)\}", lambda at: values[int(at[1]) - 1], sentence)


@cache
def _templates(lang: str) -> Sequence[Template]:
    """All sentences of a language, those that say most themselves first."""
    place = files("duiqi.show").joinpath("text", f"errors_{lang}.toml")
    if not place.is_file():
        return ()
    read = tomllib.loads(place.read_text("utf-8"))
    read |= read.pop("pieces", {})
    found = [(tuple(english.split("{}")), other) for english, other in read.items()]
    return sorted(found, key=lambda each: -sum(map(len, each[0])))


def _values(said: str, fixed: Sequence[str]) -> list[str] | None:
    """The values of a sentence, given what stands between them; `None` where it is another sentence. Of two with
    nothing between them the first has all."""
    first, *middle = fixed
    if not middle:
        return [] if said == first else None
    last = middle.pop()
    if not said.startswith(first) or not said.endswith(last) or len(said) < len(first) + len(last):
        return None
    values, empty, rest = list[str](), list[str](), said[len(first) : len(said) - len(last)]
    for part in middle:
        if not part:
            empty.append("")
            continue
        value, found, rest = rest.partition(part)
        if not found:
            return None
        values += [value, *empty]
        empty = []
    return [*values, rest, *empty]
