"""What errors say, in other languages than English.

Messages and hints stand in the code, in English, where something is found to be wrong. `text/errors_zh.toml` has a
sentence for each of them, `{}` standing for a value in the English one, `{1}`, `{2}` … for the first, the second in the
other. Values are somebody's own words and stay as they are, but for those that the code itself makes: sentences at the
beginning of a hint ("Did you mean …?"), and in the table `pieces` words that come behind "given", "in", "mean" or a
bracket. `scripts/errors.py` reads the code and tells which sentences are missing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

BEHIND = ("given ", "in ", "mean ", "(")  # what stands before a value that may be a piece
PLACES = re.compile(r"[\d, …]+")  # what a piece may say of rows and lines


@dataclass(frozen=True)
class Sentence:
    """A sentence: what stands between the values of the English one, and the other one."""

    fixed: tuple[str, ...]
    other: str

    def values(self, said: str) -> list[str] | None:
        """The values in a text; `None` where it is another sentence. Of two with nothing between the first has all."""
        first, *middle = self.fixed
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

    def filled(self, values: Sequence[str]) -> str:
        """The other sentence with these values; braces without a number are its own."""
        return re.sub(r"\{(\d+)\}", lambda at: values[int(at[1]) - 1], self.other)


def translated(said: str, lang: str) -> str:
    """A message or hint in another language; as it is where there is no sentence for it."""
    for sentence in _sentences(lang, "messages"):
        values = sentence.values(said)
        if values is not None:
            told = [_value(value, before, lang) for value, before in zip(values, sentence.fixed, strict=False)]
            return sentence.filled(told)
    return said


def _value(value: str, before: str, lang: str) -> str:
    """A value in the other language, where the code made it."""
    if not before or value.startswith("expected "):
        return translated(value, lang)
    for piece in _sentences(lang, "pieces") if before.endswith(BEHIND) else ():
        values = piece.values(value)
        if values is not None and (before.endswith("mean ") or all(PLACES.fullmatch(each) for each in values)):
            return piece.filled(values)
    return value


@cache
def _sentences(lang: str, table: str) -> Sequence[Sentence]:
    """All sentences of a language, those that say most themselves first."""
    place = files("duiqi.show").joinpath("text", f"errors_{lang}.toml")
    read = tomllib.loads(place.read_text("utf-8"))[table] if place.is_file() else {}
    found = [Sentence(tuple(english.split("{}")), other) for english, other in read.items()]
    return sorted(found, key=lambda each: -sum(map(len, each.fixed)))
