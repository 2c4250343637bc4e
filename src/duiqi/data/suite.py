"""Suites of functional tests: what a model must answer, what must not change its answer, which way an answer must move.

A test is written out case by case, or as templates whose places, `{name}`, are filled from lists. Filling hangs on the
seed and the name of the test alone, and stops at a number of cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import Any

import numpy as np

from duiqi.core.seed import generator

MFT, INV, DIR = "MFT", "INV", "DIR"
TYPES = (MFT, INV, DIR)
INPUT = ("text", "text_pair")  # places that stand for the input itself, in what it is changed to
MOST_ENUMERATED = 100_000
PLACE = re.compile(r"\{(\w+)(?:\.([1-9]))?\}")

Input = tuple[str, str]  # the text and the second text, "" where there is none
Forms = tuple[str, ...]  # an entry of a list: one word, or words that go together ({word.1}, {word.2})


@dataclass(frozen=True)
class Movement:
    """By how much the probability of a class, or the number answered, may change: between `low` and `high`.

    `label` names the class; "" is the class that the first version is given.
    """

    low: float
    high: float
    label: str = ""


Expected = tuple[str, ...] | Movement | None  # answers of which one is right, a movement, or the same answer


@dataclass(frozen=True)
class Trial:
    """One case: an input, its other versions, and what is expected of the answers to them."""

    versions: tuple[Input, ...]
    expected: Expected = None


@dataclass(frozen=True)
class FunctionalTest:
    """One test by name: a minimum functionality (MFT), an invariance (INV) or a direction (DIR).

    `written` are cases written out, `templates` inputs with places. Of these the versions of a case have other values
    at the places named in `vary`, or are what `to` makes of the input (`{text}`, `{text_pair}`); `edits` names edits
    that make one more version each. At most `most` cases are filled, with at most `versions` other versions each.
    """

    name: str
    type: str
    capability: str = ""
    templates: tuple[Input, ...] = ()
    expected: Expected = None
    lists: Mapping[str, tuple[Forms, ...]] = field(default_factory=dict)
    vary: tuple[str, ...] = ()
    to: tuple[Input, ...] = ()
    edits: tuple[str, ...] = ()
    written: tuple[Trial, ...] = ()
    most: int = 100
    versions: int = 4

    def trials(self, seed: int) -> tuple[Trial, ...]:
        """The cases written out, and those that templates give; equal ones once."""
        return tuple(dict.fromkeys([*self.written, *self._filled(seed)]))

    def _filled(self, seed: int) -> Iterator[Trial]:
        sized = sorted(self.templates, key=lambda each: prod(len(self.lists[s]) for s in self._lists_of(each).values()))
        left = self.most
        for at, template in enumerate(sized):  # small templates first: what they cannot fill falls to the others
            rng = generator(seed, "suite", self.name, *template)
            share = -(-left // (len(sized) - at))
            filled = [self._trial(template, v, rng) for v in islice(self._values(template, rng), share)]
            left -= len(filled)
            yield from filled

    def _lists_of(self, template: Input) -> dict[str, str]:
        """The places of a template, of what it is changed to and of what is expected, each with its list."""
        expected = self.expected if isinstance(self.expected, tuple) else ()
        return {place: list_of(place, self.lists) for place in places([*template, *_flat(self.to), *expected])}

    def _values(self, template: Input, rng: np.random.Generator) -> Iterator[dict[str, Forms]]:
        """Values for all places in a drawn order, no combination twice; places of one list have different values."""
        named = self._lists_of(template)
        sizes = [len(self.lists[name]) for name in named.values()]
        for number in _numbers(prod(sizes), self.most, rng):
            picked = []
            for size in sizes:
                number, at = divmod(number, size)
                picked.append(at)
            if len(set(zip(named.values(), picked, strict=True))) == len(picked):
                yield {place: self.lists[named[place]][at] for place, at in zip(named, picked, strict=True)}

    def _trial(self, template: Input, values: Mapping[str, Forms], rng: np.random.Generator) -> Trial:
        first = _spelled(template, values)
        whole = {**values, "text": (first[0],), "text_pair": (first[1],)}
        changed = [_spelled(each, whole) for each in self._drawn(self.to, rng)]
        others = [_spelled(template, {**values, **each}) for each in self._others(values, rng)]
        expected = self.expected
        if isinstance(expected, tuple):
            expected = tuple(spell(each, values) for each in expected)
        return Trial(tuple(dict.fromkeys([first, *changed, *others])), expected)

    def _others(self, values: Mapping[str, Forms], rng: np.random.Generator) -> Iterator[dict[str, Forms]]:
        """Other values for the places that vary, different from all that stand in the case."""
        varied = [place for place in self.vary if place in values]
        free = {
            place: self._drawn([each for each in self.lists[list_of(place, self.lists)]
                                if each not in values.values()], rng)
            for place in varied
        }  # fmt: skip
        for row in zip(*free.values(), strict=False):
            if len(set(row)) == len(row):
                yield dict(zip(free, row, strict=True))

    def _drawn(self, of: Sequence[Any], rng: np.random.Generator) -> list[Any]:
        return [of[at] for at in sorted(rng.permutation(len(of))[: self.versions].tolist())]


@dataclass(frozen=True)
class Suite:
    """Tests for one task; `labels` are the classes they speak of, each with other spellings of it."""

    name: str
    task: str
    tests: tuple[FunctionalTest, ...]
    language: str = ""
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def classes(self, known: Sequence[str]) -> dict[str, int]:
        """Which class of a model each class of the suite is, by its name or a spelling of it, whatever the case."""
        places = {each.casefold().strip(): at for at, each in enumerate(known)}
        told = {
            word: next((places[each.casefold()] for each in (word, *spellings) if each.casefold() in places), None)
            for word, spellings in self.labels.items()
        }
        return {word: at for word, at in told.items() if at is not None}

    @property
    def needed(self) -> set[str]:
        """The classes that some test cannot do without: what alone is right, or moves."""
        expected = [each for test in self.tests for each in (test.expected, *(t.expected for t in test.written))]
        alone = {each[0] for each in expected if isinstance(each, tuple) and len(each) == 1}
        return alone | {each.label for each in expected if isinstance(each, Movement) and each.label}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """As an option a suite is given by the name of a ready one, or by its file."""
        from pydantic_core import core_schema

        from duiqi.data.suite_file import find_suite

        return core_schema.no_info_plain_validator_function(find_suite)


def places(templates: Sequence[str]) -> list[str]:
    """Names of the places in templates, in their order, without those of the input itself."""
    found = (match[1] for template in templates for match in PLACE.finditer(template))
    return [name for name in dict.fromkeys(found) if name not in INPUT]


def list_of(place: str, lists: Mapping[str, Any]) -> str:
    """The list that fills a place: the one of its name, or of its name without a number (`{name2}`: a second name)."""
    return place if place in lists else place.rstrip("0123456789")


def spell(template: str, values: Mapping[str, Forms]) -> str:
    """A template with its places filled; `{word.2}` is the second of words that go together."""
    return PLACE.sub(lambda match: values[match[1]][int(match[2] or 1) - 1], template)


def _spelled(template: Input, values: Mapping[str, Forms]) -> Input:
    return spell(template[0], values), spell(template[1], values)


def _flat(inputs: Sequence[Input]) -> list[str]:
    return [text for each in inputs for text in each]


def _numbers(total: int, most: int, rng: np.random.Generator) -> list[int]:
    """Numbers below `total` in a drawn order, all of them where they can be told over; of more, enough for `most`."""
    if total <= MOST_ENUMERATED:
        return [int(each) for each in rng.permutation(total)]
    return list(dict.fromkeys(int(each) for each in rng.integers(0, min(total, 2**62), 50 * most)))
