"""Who a text speaks of, and the same text about somebody else: identity words found and put in each other's place.

All words of one family of groups in a text move together by the same number of places, so two groups that were
different stay different, "he" goes with "his" and "brother", and a country with its people. Names follow where women
and men change places.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from duiqi.core.edit import Change
from duiqi.core.slice import CJK, is_cjk
from duiqi.data.english import article, begins_sentence, cased
from duiqi.data.identity_words import ATTRIBUTES, Family, Row, Word, lexicon
from duiqi.data.possessives import LAST, NEXT, owns

_START = re.compile(rf"[{CJK}]|(?<![^\W_{CJK}])[^\W_{CJK}]+")
_LETTER = re.compile(rf"[^\W_{CJK}]")
_NAME_FOLLOWS = re.compile(r"\.?\s+[A-Z]")
_CAPITAL_FOLLOWS = re.compile(r"[ -][A-Z][\w'’]*[a-z]")
_ARTICLE = re.compile(r"(?<![\w'’])(a|an|A|An|AN)(\s+)$")


@dataclass(frozen=True)
class Found:
    """An identity word in a text: where it stands, its row, and of which group it speaks."""

    start: int
    end: int
    row: Row
    group: int


@dataclass(frozen=True)
class Version:
    """One text made of another: the family whose groups were moved, by how many places, and the changes."""

    attribute: str
    family: Family
    places: int
    changes: tuple[Change, ...]


def find(text: str) -> list[Found]:
    """The identity words of a text, in order, none overlapping another."""
    folded = "".join(lower if len(lower := character.lower()) == 1 else character for character in text)
    index = lexicon().index
    found: list[Found] = []
    at = 0
    for match in _START.finditer(folded):
        if match.start() < at:
            continue
        given = _given_name(text, match.start())
        if given is not None:
            found.append(given)
            at = given.end
            continue
        for phrase, words in index.get(match[0], ()):
            end = match.start() + len(phrase)
            if not folded.startswith(phrase, match.start()) or _goes_on(text, end):
                continue
            word = next((each for each in words if _counts(each, text, match.start(), end)), None)
            if word is not None:
                found.append(Found(match.start(), end, word.row, word.group))
            if word is not None or not words:
                at = end
                break
    return found


def families(found: Sequence[Found], attributes: Collection[str] = ATTRIBUTES) -> dict[Family, list[int]]:
    """The families that these words are of, and by how many places each may move: where every word has another one."""
    rows: dict[Family, list[Found]] = {}
    for each in found:
        if each.row.attribute in attributes:
            rows.setdefault(each.row.family, []).append(each)
    able = {
        family: [
            places for places in range(1, len(words[0].row.words))
            if all(each.row.words[(each.group + places) % len(each.row.words)] for each in words)
        ]
        for family, words in rows.items()
    }  # fmt: skip
    if "gender" in attributes:  # a name alone also tells
        able |= {(each.row.family[0], "gender"): [1] for each in found if each.row.turned}
    return {family: places for family, places in able.items() if places}


def changes(text: str, found: Sequence[Found], places: Mapping[Family, int]) -> list[Change]:
    """The changes that move every family by so many places; capitals are kept, "a" and "an" follow."""
    made: list[Change] = []
    for each in found:
        new = _moved(each.row, each.group, places)
        if new == each.row.words[each.group]:
            continue
        old = text[each.start : each.end]
        new = _as_written(old, new, each.row.words[each.group], begins_sentence(text, each.start))
        if new == old:
            continue
        said = _ARTICLE.search(text[max(0, each.start - 8) : each.start])
        if said is not None:
            start = each.start - len(said[0])
            right = cased(article(new), said[1])
            if right != said[1]:
                made.append(Change(start, start + len(said[1]), right))
        made.append(Change(each.start, each.end, new))
    return made


def versions(text: str, attributes: Collection[str] = ATTRIBUTES) -> Iterator[Version]:
    """Every text about somebody else: one family moved at a time, by every number of places that it can."""
    found = find(text)
    for family, able in families(found, attributes).items():
        name = next((f.row.attribute for f in found if f.row.family == family), "gender")
        yield from (Version(name, family, each, tuple(changes(text, found, {family: each}))) for each in able)


def _moved(row: Row, group: int, places: Mapping[Family, int]) -> str:
    language, _ = row.family
    words = row.turned if row.turned and places.get((language, "gender")) else row.words
    return words[(group + places.get(row.family, 0)) % len(words)]


def _as_written(old: str, new: str, proper: str, begins: bool) -> str:
    """`new` in capitals as `old` is, which is written `proper` inside a sentence; `begins` where one begins with it."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    if old.islower() and not proper.islower():
        return new.lower()
    return new[0].upper() + new[1:] if old[0].isupper() and (begins or proper.islower()) else new


@cache
def _given_names() -> re.Pattern[str]:
    given = lexicon().given
    longer = "|".join(name for name in given.words if len(name) > 1)
    single = "".join(name for name in given.words if len(name) == 1)
    return re.compile(rf"(?:{'|'.join(given.surnames)})(?P<name>{longer}|[{single}](?=[^{CJK}]|$|[{given.goes_on}]))")


def _given_name(text: str, at: int) -> Found | None:
    """The given name behind a surname at this place."""
    match = _given_names().match(text, at)
    if match is None or any(text.startswith(phrase, at) for phrase, words in _index(text[at]) if not words):
        return None
    word = lexicon().given.words[match["name"]]
    return Found(match.start("name"), match.end("name"), word.row, word.group)


def _index(first: str) -> tuple[tuple[str, tuple[Word, ...]], ...]:
    return lexicon().index.get(first, ())


def _goes_on(text: str, end: int) -> bool:
    """Whether a word of letters goes on behind this place."""
    return not is_cjk(text[end - 1]) and _LETTER.match(text, end) is not None


def _counts(word: Word, text: str, start: int, end: int) -> bool:
    """Whether this word is meant where it stands."""
    row = word.row
    if is_cjk(word.spelling):
        return (
            (not row.before or text.startswith(row.before, end))
            and (not row.after or text[:start].endswith(row.after))
            and not text.startswith(row.unless_before or ("\0",), end)
        )
    return _case_fits(word, text, start, end) and _words_fit(row, text, start, end)


def _words_fit(row: Row, text: str, start: int, end: int) -> bool:
    follows = NEXT.match(text, end)
    next_word = follows[1].lower() if follows else ""
    before = LAST.search(text[max(0, start - 30) : start])
    last_word = before[1].lower().replace("’", "'") if before else ""
    return (
        (not row.before or next_word in row.before)
        and (not row.after or last_word in row.after)
        and next_word not in row.unless_before
        and (not row.titled or _NAME_FOLLOWS.match(text, end) is not None)
        and (not row.determiner or owns(text, start, end))
    )


def _case_fits(word: Word, text: str, start: int, end: int) -> bool:
    """Whether a word is written as it is when it is no part of a name."""
    row, old = word.row, text[start:end]
    if old.isupper() and len(old) > 1:
        return not row.small
    longer = _CAPITAL_FOLLOWS.match(text, end) is not None
    if word.spelling.islower():
        if old == word.spelling:
            return True
        return row.free or row.any_case or (not row.small and not longer and begins_sentence(text, start))
    if old != word.spelling:
        return row.any_case and old == word.spelling.lower()
    before = LAST.search(text[max(0, start - 30) : start])
    follows_one = before is not None and before[1][0].isupper() and before[1].lower() in lexicon().longer
    joined = text[start - 1 : start] in ("-", "'", "’") and text[start - 2 : start - 1].isalpha()
    hyphen = text.startswith("-", end)
    names = bool(row.turned)
    return not follows_one and not (joined and names) and not (hyphen and names) and (names or row.titled or not longer)
