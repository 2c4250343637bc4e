"""Negations put into Chinese sentences and taken out of them, so that what comes out is a sentence again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from duiqi.core.edit import Change
from duiqi.data.negations import negates

_CLAUSE = re.compile(r"[^，。！？；：,.!?;:\n]+")
_NO_DENIAL = re.compile("非常|特别")  # words with a character of negation that deny nothing
Rule = tuple[re.Pattern[str], str]


@dataclass(frozen=True)
class Chinese:
    """`lists` are those of `lexicons/denials.toml`: lists of words, and rules that name them."""

    lists: Mapping[str, Any]

    def clauses(self, text: str) -> list[re.Match[str]]:
        """Parts of a text between marks."""
        return list(_CLAUSE.finditer(text))

    def added(self, text: str, clause: re.Match[str]) -> list[Change]:
        """Every way to put one negation into a clause: none where there is one, none where something is asked."""
        if negates(_NO_DENIAL.sub("", clause[0])) or self._asking.search(clause[0]):
            return []
        return list(_made(self._adding, clause))

    def removed(self, text: str, clause: re.Match[str]) -> list[Change]:
        """Every way to take one negation out of a clause."""
        return list(_made(self._removing, clause)) if negates(clause[0]) else []

    @cached_property
    def _asking(self) -> re.Pattern[str]:
        return re.compile(self._words("asking"))

    @cached_property
    def _adding(self) -> list[Rule]:
        return [self._rule(said) for said in self.lists["add"]]

    @cached_property
    def _removing(self) -> list[Rule]:
        return [self._rule(said) for said in self.lists["remove"]]

    def _words(self, name: str) -> str:
        """Any word of a list, the longest first."""
        words = sorted(self.lists[name].split(), key=lambda word: (-len(word), word))
        return f"({'|'.join(words)})"

    def _rule(self, said: Mapping[str, str]) -> Rule:
        names = {name: self._words(name) for name, words in self.lists.items() if isinstance(words, str)}
        free = "".join(f"(?<!{word})" for word in self.lists["bound"].split())
        return re.compile(said["find"].format(**names, free=free)), said["put"]


def _made(rules: list[Rule], clause: re.Match[str]) -> Iterator[Change]:
    for pattern, new in rules:
        for match in pattern.finditer(clause[0]):
            start, end = match.span()
            yield Change(clause.start() + start, clause.start() + end, match.expand(new))
