"""Words that can stand for each other: the lists that come with duiqi, or a file of the user's.

A file is a list of groups, one a line, in one of these forms (`.gz` too):

- plain text: words separated by commas or tabs, Chinese ones by blanks as well; behind ">" stand words that are put in
  but never replaced;
- TOML: tables or texts of such lines under the keys `verb`, `noun`, `adjective`, `adverb` and `word`; English verbs
  and nouns are then inflected;
- WordNet: JSON lines with `lemmas` and `pos`; Cilin: lines such as "Aa01A01= 人 士 人物", those with "=".

A word that stands in several groups is replaced only by words that stand with it in all of them: what it means need
not be guessed.
"""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from duiqi.core.errors import DataError
from duiqi.core.slice import CJK, is_cjk
from duiqi.data.english import begins_sentence, cased, plural, verb, words_of
from duiqi.data.words import spans

_KINDS = {"verb": "verb", "noun": "noun", "adjective": "word", "adverb": "word", "word": "word"}
_WORDNET = {"v": "verb", "n": "noun", "a": "adjective", "s": "adjective", "r": "adverb"}
_APART = re.compile(rf"[,，\t]|(?<=[{CJK}])\s+(?=[{CJK}])")
_CILIN = re.compile(r"[A-Z][a-z]\d\d[A-Z]\d\d([=#@]) ?")
_HAN = re.compile(f"[{CJK}]+")
# A word in small letters, or one that a sentence begins with, that is no part of a longer sign; a capital elsewhere is
# a name more often than not.
_LATIN = re.compile(rf"(?<![\w'’@#/&.\\-])[^\W\d_{CJK}]+(?![\w@/&\\-])(?!['’]\w)(?!\.\w)")


@dataclass(frozen=True)
class Place:
    """A word that can be replaced, and by what."""

    start: int
    end: int
    others: tuple[str, ...]


@dataclass(frozen=True)
class Synonyms:
    """Word → the words for it, all in small letters; `kinds` says of inflected words whether they are verb or noun."""

    words: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, frozenset[str]]
    longest: Mapping[str, int]  # first word or character → the most words or characters of an entry that begins so

    def places(self, text: str) -> list[Place]:
        """All words of a text that can be replaced, in order; Chinese ones where jieba (if installed) ends words."""
        found = [*self._english(text), *self._chinese(text)]
        return sorted(found, key=lambda place: place.start)

    def _english(self, text: str) -> Iterator[Place]:
        found = list(_LATIN.finditer(text))
        lower = [match[0].lower() for match in found]
        at = 0
        while at < len(found):
            width = min(self.longest.get(lower[at], 0), len(found) - at)
            while width and not self._known(text, found, lower, at, width):
                width -= 1
            if width:
                start, end = found[at].start(), found[at + width - 1].end()
                others = self.words[" ".join(lower[at : at + width])]
                yield Place(start, end, tuple(cased(other, text[start:end]) for other in others))
            at += max(width, 1)

    def _known(self, text: str, found: Sequence[re.Match[str]], lower: Sequence[str], at: int, width: int) -> bool:
        said = " ".join(lower[at : at + width])
        if said not in self.words or text[found[at].start() : found[at + width - 1].end()].lower() != said:
            return False
        own, before = found[at], lower[at - 1] if at else ""
        if own[0] != lower[at] and not own[0].isupper() and not begins_sentence(text, own.start()):
            return False
        adjacent = bool(before) and text[found[at - 1].end() : own.start()] == " "
        kinds = self.kinds.get(said, frozenset())
        wrong = {"determiners": "noun" not in kinds, "before_verbs": "verb" not in kinds} if kinds else {}
        return not (adjacent and any(odd and before in words_of(name) for name, odd in wrong.items()))

    def _chinese(self, text: str) -> Iterator[Place]:
        for run in _HAN.finditer(text):
            found = list(self._longest(run[0]))
            if not found:
                continue
            ends = {0} | {end for _, end in spans(run[0])}
            for start, end in found:
                if start in ends and end in ends:
                    yield Place(run.start() + start, run.start() + end, self.words[run[0][start:end]])

    def _longest(self, run: str) -> Iterator[tuple[int, int]]:
        at = 0
        while at < len(run):
            width = min(self.longest.get(run[at], 0), len(run) - at)
            while width and run[at : at + width] not in self.words:
                width -= 1
            if width:
                yield at, at + width
            at += max(width, 1)


@cache
def shipped(*, any_sense: bool = False) -> Synonyms:
    """The English and Chinese groups that come with duiqi; with `any_sense` a word is replaced by what stands with it
    in any of its groups, and may then mean something else."""
    folder = files("duiqi.data").joinpath("lexicons")
    texts = [folder.joinpath(f"synonyms_{lang}.toml").read_text(encoding="utf-8") for lang in ("en", "zh")]
    return _gathered((group for text in texts for group in _of_toml(tomllib.loads(text), "synonyms")), any_sense)


@cache
def read(path: Path, *, any_sense: bool = False) -> Synonyms:
    """The groups of a file; `DataError` where it cannot be read or has none. Empty lines and repeated ones are none.
    `any_sense` as of `shipped`."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(
            f"expected a lexicon of synonyms in UTF-8, given {path} ({error})", hint="Check the path of the lexicon."
        ) from error
    found = _gathered(_groups(path.name.removesuffix(".gz"), text), any_sense)
    if not found.words:
        raise DataError(
            f"expected groups of words in the lexicon {path}, given none",
            hint="One group a line, its words separated by commas: film, movie",
        )
    return found


Group = tuple[str, Sequence[str], Sequence[str]]  # kind, words, and those that are only put in


def _groups(name: str, text: str) -> Iterator[Group]:
    if name.endswith(".toml"):
        try:
            yield from _of_toml(tomllib.loads(text), name)
        except tomllib.TOMLDecodeError as error:
            raise DataError(f"expected TOML in the lexicon {name}, given {error}", hint="Mend the file.") from error
        return
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line.startswith("{"):
            yield from _of_wordnet(line, f"line {number} of {name}")
        elif found := _CILIN.match(line):
            if found[1] == "=":
                yield "word", line[found.end() :].split(), ()
        elif line and not line.startswith("#"):
            yield _of_line("word", line)


def _of_toml(tables: Mapping[str, Any], name: str) -> Iterator[Group]:
    for key, said in tables.items():
        rows = said.strip().splitlines() if isinstance(said, str) else said
        if key not in _KINDS or not isinstance(rows, list):
            raise DataError(
                f"expected the keys {', '.join(_KINDS)} with lists of groups in the lexicon {name}, given '{key}'",
                hint='For example: noun = [["film", "movie"]]',
            )
        for row in rows:
            if isinstance(row, str):
                yield _of_line(_KINDS[key], row)
            else:
                yield _KINDS[key], [str(word) for word in row], ()


def _of_line(kind: str, line: str) -> Group:
    both, _, only_put_in = line.partition(">")
    return kind, _APART.split(both.strip()), _APART.split(only_put_in.strip())


def _of_wordnet(line: str, where: str) -> Iterator[Group]:
    try:
        said = json.loads(line)
        words = [word for word in said["lemmas"] if word.islower()]
        yield _KINDS[_WORDNET.get(said.get("pos"), "word")], words, ()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f'expected {{"lemmas": […], "pos": …}} in {where}, given {line[:60]}', hint="Mend the line."
        ) from error


def _gathered(groups: Iterable[Group], any_sense: bool) -> Synonyms:
    """Every form of every word, with what stands for it in all of its groups, or in any of them."""
    words: dict[str, list[str]] = {}
    kinds: dict[str, set[str]] = {}
    for kind, replaced, only_put_in in groups:
        named = [list(dict.fromkeys(filter(None, map(_plain, each)))) for each in (replaced, only_put_in)]
        for forms, others in zip(_forms(kind, named[0]), _forms(kind, [*named[0], *named[1]]), strict=True):
            for own in forms:
                kinds.setdefault(own, set()).add(kind)
                rest = [other for other in dict.fromkeys(others) if other != own]
                had = words.get(own, rest)
                words[own] = list(dict.fromkeys([*had, *rest])) if any_sense else [each for each in had if each in rest]
    kept = {own: tuple(others) for own, others in words.items() if others}
    longest: dict[str, int] = {}
    for own in kept:
        first, count = (own[0], len(own)) if is_cjk(own[0]) else (own.split(" ")[0], own.count(" ") + 1)
        longest[first] = max(count, longest.get(first, 0))
    inflected = {own: frozenset(found) for own, found in kinds.items() if own in kept and "word" not in found}
    return Synonyms(kept, inflected, longest)


def _plain(word: str) -> str:
    return " ".join(word.replace("_", " ").lower().split()) if word.islower() or is_cjk(word) else word.strip()


def _forms(kind: str, words: Sequence[str]) -> list[list[str]]:
    """The words in each form of their kind, form by form."""
    if kind == "verb":
        return [list(form) for form in zip(*map(verb, words), strict=True)] or [[]] * 5
    if kind == "noun":
        return [list(words), list(map(plural, words))]
    return [list(words)]
