"""Forms of English words: plurals, the forms of verbs, "a" or "an"; rules, and a list of what no rule says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from duiqi.core.edit import Change

_ARTICLE = re.compile(r"\b(an?) \Z", re.IGNORECASE)
_CLOSED = re.compile(r"[^aeiou]*[aeiou][bdfgklmnprtvz]$|qui[tpz]$")  # one short syllable: stop, plan
_BEFORE_SENTENCES = frozenset(".!?…:;\"“”‘'([•。！？：；—–-\n")
_HISSING = ("s", "x", "z", "ch", "sh")


class Verb(NamedTuple):
    """The forms of a verb."""

    base: str
    third: str
    past: str
    participle: str
    gerund: str


@cache
def _lists() -> Mapping[str, str]:
    return tomllib.loads(files("duiqi.data").joinpath("lexicons", "english.toml").read_text(encoding="utf-8"))


@cache
def _irregular(kind: str) -> Mapping[str, tuple[str, ...]]:
    rows = (line.split() for line in _lists()[kind].strip().splitlines())
    return {row[0]: tuple(row[1:]) for row in rows}


@cache
def words_of(name: str) -> frozenset[str]:
    """One of the lists of words in `lexicons/english.toml`."""
    return frozenset(_lists()[name].split())


def verb(base: str) -> Verb:
    """The forms of a verb; of several words, the first is inflected.

    >>> verb("carry out")
    Verb(base='carry out', third='carries out', past='carried out', participle='carried out', gerund='carrying out')
    """
    head, blank, rest = base.partition(" ")
    past, participle = _irregular("verbs").get(head, (_past(head),) * 2)
    third = {"be": "is", "have": "has"}.get(head) or _with_s(head)
    forms = (head, third, past, participle, _gerund(head))
    return Verb(*(form + blank + rest for form in forms))


def plural(noun: str) -> str:
    """The plural of a noun; of several words, that of the last. The noun itself where it has none.

    >>> plural("story"), plural("child"), plural("luggage")
    ('stories', 'children', 'luggage')
    """
    rest, blank, head = noun.rpartition(" ")
    if head in words_of("uncountable"):
        return noun
    return rest + blank + _irregular("nouns").get(head, (_with_s(head),))[0]


def article(word: str) -> str:
    """ "a" or "an", as it is said before this word.

    >>> article("hour"), article("useful"), article("unusual")
    ('an', 'a', 'an')
    """
    said = word.lower()
    if said.startswith(tuple(words_of("silent"))):
        return "an"
    if said.startswith(tuple(words_of("sounded"))) and not said.startswith(tuple(words_of("unlike"))):
        return "a"
    return "an" if said[:1] in "aeiou" else "a"


def cased(new: str, old: str) -> str:
    """A word in the letters of the one whose place it takes: all capital, first capital, or as it is."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def put_in(text: str, start: int, end: int, new: str) -> Change:
    """A word in the place of another one, with "a" or "an" before it as it is then said."""
    before = _ARTICLE.search(text, max(0, start - 4), start)
    if before and article(new) != before[1].lower():
        return Change(before.start(), end, f"{cased(article(new), before[1])} {new}")
    return Change(start, end, new)


def begins_sentence(text: str, at: int) -> bool:
    """Whether a sentence, or what stands in brackets or quotes, begins here: capitals then say nothing."""
    while at and text[at - 1] in " \t":
        at -= 1
    return not at or text[at - 1] in _BEFORE_SENTENCES


def _with_s(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(_HISSING) or word in ("do", "go", "veto", "echo") else "s")


def _stem(word: str) -> str:
    """A verb before "-ed" and "-ing", its last consonant doubled where that is due."""
    doubled = word in words_of("double") or _CLOSED.fullmatch(word)
    return word + word[-1] if doubled else word


def _past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ied"
    return _stem(word) + "ed"


def _gerund(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")) and word != "be":
        return word[:-1] + "ing"
    return _stem(word) + "ing"
