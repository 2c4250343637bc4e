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

    def added(self, text: str) -> list[Change]:
        """Every way to put in one negation, in clauses that have none and ask nothing."""
        return [
            change
            for clause in _CLAUSE.finditer(text)
            if not negates(_NO_DENIAL.sub("", clause[0])) and not self._asking.search(clause[0])
            for change in _made(self._adding, clause)
        ]

    def removed(self, text: str) -> list[Change]:
        """Every way to take one negation out."""
        return [change for clause in _CLAUSE.finditer(text) for change in _made(self._removing, clause)]

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
