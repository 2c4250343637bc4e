"""Pieces of text that can be taken for others: a table of what stands for what, and how to put some of it in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from duiqi.core.edit import Change, some
from duiqi.data import negations


@dataclass(frozen=True)
class Substitutes:
    """old → the new ones. Of two old ones that begin alike the longer one is found.

    `words` of other scripts than Chinese are found in any case and as whole words only.
    """

    table: Mapping[str, Sequence[str]]
    words: bool = False

    @classmethod
    def of_groups(cls, groups: Iterable[Sequence[str]], *, words: bool = False) -> Substitutes:
        """Everything in a group can stand for everything else in it."""
        table: dict[str, dict[str, None]] = {}
        for group in groups:
            for own in group:
                table.setdefault(own, {}).update(dict.fromkeys(other for other in group if other != own))
        return cls({own: tuple(others) for own, others in table.items() if others}, words)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        single = "".join(re.escape(old) for old in self.table if len(old) == 1)
        longer = sorted((old for old in self.table if len(old) > 1), key=lambda old: (-len(old), old))
        if self.words:
            return re.compile(r"(?<![\w'’-])[a-z]+(?:['’][a-z]+)?(?![\w'’-])", re.IGNORECASE)
        return re.compile("|".join([*map(re.escape, longer), *([f"[{single}]"] if single else [])]))

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where something can be put in, negations left out."""
        found = [match.span() for match in self._pattern.finditer(text) if not self.words or self._old(match[0])]
        if not found or not negations.negates(text):
            return found
        kept = [match.span() for match in negations.pattern().finditer(text)]
        return [(a, b) for a, b in found if not any(a < end and b > start for start, end in kept)]

    def change(self, text: str, place: tuple[int, int], rng: np.random.Generator) -> Change:
        """One of what can stand at this place, drawn at random."""
        others = self.table[self._old(text[slice(*place)])]
        return Change(*place, others[int(rng.integers(len(others)))])

    def put_in(self, text: str, rng: np.random.Generator, rate: float) -> list[Change]:
        """Changes at `rate` of the places, one at least."""
        return [self.change(text, place, rng) for place in some(self.places(text), rng, rate)]

    def _old(self, said: str) -> str:
        if not self.words:
            return said
        plain = said.lower().replace("’", "'")
        return plain if plain in self.table else ""
