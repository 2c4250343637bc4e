"""Words for who somebody is, from `lexicons/identities_*.toml`: which there are, and which take each other's place.

A family is a set of groups that exclude each other (woman and man; German, Italian, …). Each of its rows holds one
concept: a word for every group, so that moving from one group to another moves all rows alike.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from duiqi.data.english import plural

Dimension = Literal[
    "gender", "age", "nationality", "region", "religion", "ethnicity", "occupation", "disability", "orientation"
]
ATTRIBUTES = (*get_args(Dimension), "names")
LANGUAGES = ("en", "zh")
_NEIGHBOURS = ("before", "after", "unless_before")
_FLAGS = ("determiner", "titled", "free", "any_case", "small")

Family = tuple[str, str]  # language and name


@dataclass(frozen=True)
class Row:
    """One concept: the word of every group, "" for a group that has none.

    `turned` are the words where women's and men's change places as well; only names have them. When a word counts is
    told in the lexicon.
    """

    attribute: str
    family: Family
    words: tuple[str, ...]
    turned: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    unless_before: tuple[str, ...] = ()
    determiner: bool = False
    titled: bool = False
    free: bool = False
    any_case: bool = False
    small: bool = False


@dataclass(frozen=True)
class Word:
    """A word as it is looked for, the row it is in, and of which group it speaks."""

    spelling: str
    row: Row
    group: int


@dataclass(frozen=True)
class Given:
    """Given names behind a surname, and what may follow one of a single character."""

    surnames: tuple[str, ...]
    goes_on: str
    words: Mapping[str, Word]


@dataclass(frozen=True)
class Lexicon:
    """`index`: first word or character in small letters → phrases that begin so, the longest first, with the words that
    each may be; none for a phrase to leave alone."""

    index: Mapping[str, tuple[tuple[str, tuple[Word, ...]], ...]]
    longer: frozenset[str]
    her: Mapping[str, frozenset[str]]
    given: Given


@cache
def lexicon() -> Lexicon:
    """All words of both languages."""
    read = {language: _read(language) for language in LANGUAGES}
    words = [word for language, said in read.items() for word in _words(language, said)]
    names = [
        *_names(("en", "names"), *_lists(read["en"]["names"])),
        *_names(("zh", "nicknames"), *read["zh"]["names"]["nicknames"]),
    ]
    given = {word.spelling: word for word in _names(("zh", "names"), *_lists(read["zh"]["names"]))}
    phrases: dict[str, tuple[Word, ...]] = {}
    for word in [*words, *names]:
        folded = word.spelling.lower()
        phrases[folded] = (*phrases.get(folded, ()), word)
    phrases |= {phrase: () for said in read.values() for phrase in said["leave"]["phrases"]}
    index: dict[str, list[str]] = {}
    for phrase in sorted(phrases, key=len, reverse=True):
        index.setdefault(_first(phrase), []).append(phrase)
    return Lexicon(
        index={first: tuple((phrase, phrases[phrase]) for phrase in each) for first, each in index.items()},
        longer=frozenset(read["en"]["words"]["longer"]),
        her={name: frozenset(each) for name, each in read["en"]["her"].items()},
        given=Given(
            tuple(read["zh"]["words"][read["zh"]["names"]["after"]]),
            read["zh"]["names"]["goes_on"],
            dict(sorted(given.items(), key=lambda item: -len(item[0]))),
        ),
    )


def _read(language: str) -> dict[str, Any]:
    path = files("duiqi.data").joinpath("lexicons", f"identities_{language}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _first(phrase: str) -> str:
    """The first character of a Chinese phrase, the first word of another one."""
    if not phrase[0].isascii():
        return phrase[0]
    end = next((at for at, character in enumerate(phrase) if not character.isalnum()), len(phrase))
    return phrase[:end]


def _words(language: str, said: Mapping[str, Any]) -> Iterator[Word]:
    for table in said["rows"]:
        where: dict[str, Any] = {name: _listed(table.get(name, ()), said["words"]) for name in _NEIGHBOURS}
        where |= {flag: table.get(flag, False) for flag in _FLAGS}
        plain = Row(table["attribute"], (language, table.get("family", table["attribute"])), (), **where)
        for concept in table.get("concepts") or zip(*table["groups"], strict=True):
            cells = [_cell(cell, table.get("nouns", False)) for cell in concept]
            for number in range(2 if table.get("nouns") else 1):
                row = replace(plain, words=tuple(cell[0][number].removeprefix(">") for cell in cells))
                yield from (
                    Word(forms[number], row, group)
                    for group, cell in enumerate(cells)
                    for forms in cell
                    if forms[number] and not forms[number].startswith(">")
                )


def _listed(named: str | Sequence[str], lists: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Words said as they are, or by the names of lists."""
    each = [named] if isinstance(named, str) else named
    return tuple(word for name in each for word in lists.get(name, (name,)))


def _cell(cell: str, nouns: bool) -> list[tuple[str, ...]]:
    """The words of one group, each as singular and plural where it has both."""
    return [_numbers(word) if nouns else (word,) for word in cell.split("|")]


def _numbers(noun: str) -> tuple[str, str]:
    """Singular and plural; a plural that is not regular stands behind a stroke."""
    singular, stroke, several = noun.partition("/")
    mark = ">" if singular.startswith(">") else ""
    if not stroke and singular:
        several = plural(singular.removeprefix(">"))
    return singular, mark + several if several else ""


def _lists(said: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return said["female"], said["male"]


def _names(family: Family, female: Sequence[str], male: Sequence[str]) -> Iterator[Word]:
    for mine, others in ((female, male), (male, female)):
        row = Row("names", family, tuple(mine), tuple(others))
        yield from (Word(name, row, place) for place, name in enumerate(mine))
