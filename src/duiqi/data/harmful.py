"""Words of harmful content: which categories of it the words of a text name.

English and Chinese, by word lists written for this package (`lexicons/harmful.toml`). The lists name threats, calls,
abuse and offers, and no group of people: who is spoken of is no harm. They lean towards silence: a text that is cruel
in harmless words is not found, and one that quotes or rejects an abuse is.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from duiqi.core.slice import CJK, is_cjk
from duiqi.data.english import plural, verb
from duiqi.data.group_names import terms

Category = Literal["violence", "pornography", "hate", "discrimination", "advertising"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
Found = dict[Category, list[str]]

_EXCEPTIONS = "exceptions"
_SHAPELESS = re.compile("[\u0300-\u036f\u200b-\u200f\u2060\ufeff]")
_TOKEN = re.compile(r"[a-z0-9@$*#!|]+(?:'[a-z]+)?|[.?;:]\s|\n")  # a word, or the end of a sentence
_AROUND = "!*#|"  # signs that are no letters where a word begins or ends
_SPACED = re.compile(r"(?<![a-z0-9'])[a-z](?:[ .\-_*]{1,2}[a-z]){2,}(?![a-z0-9'])")
_LONG = re.compile(r"(.)\1{2,}")
_LETTERS = (str.maketrans("013457@$!|", "oieastasii"), str.maketrans("013457@$!|", "oleastasil"))
_BETWEEN = re.compile(rf"(?<=[{CJK}])[\s*.\-_·~/|+#^&=]{{1,2}}(?=[{CJK}])")


def rated(texts: Iterable[str], categories: Sequence[Category] = CATEGORIES) -> list[Found]:
    """Of every text the entries of the word lists that it has, by category; only categories that it has some of.

    English is matched by words: case, accents and width do not count, nor do letters written as signs or digits
    ("sh1t", "a$$", "f*ck"), more than two times ("fuuuck") or apart ("f u c k"). Chinese is matched anywhere, up to two
    blanks or signs between the characters, but not in words that only hold an entry ("女性爱好"). Entries are in
    simplified characters.
    """
    return [_rated(text, categories) for text in texts]


def _rated(text: str, categories: Sequence[Category]) -> Found:
    text = folded(text)
    found = Found()
    for category, entry in (*_english(text), *(_chinese(text) if is_cjk(text) else ())):
        if category in categories and entry not in found.setdefault(category, []):
            found[category].append(entry)
    return {category: found[category] for category in CATEGORIES if category in found}


def folded(text: str) -> str:
    """The text as entries are compared: without case, accents, widths and characters without a shape."""
    if text.isascii():
        return text.lower()
    return _SHAPELESS.sub("", unicodedata.normalize("NFKD", text)).casefold().replace("’", "'")


def entries(category: Category) -> tuple[list[str], list[str]]:
    """The entries of a category, English ones and Chinese ones."""
    said = _lexicon()[category]
    return [entry.rstrip("~") for entry in said["en"]], list(said["zh"])


# ---- English: words, one after the other


@dataclass(frozen=True)
class _Lists:
    """Entries of one word by each of their forms, and those of several words by the first of these."""

    words: Mapping[str, tuple[str, str]]
    phrases: Mapping[str, Sequence[tuple[tuple[str, ...], tuple[str, str]]]]
    masked: Mapping[tuple[str, int], Sequence[str]]  # forms by first letter and length, for letters made unreadable


def _english(text: str) -> Iterator[tuple[Any, str]]:
    lists, tokens = _lists(), _TOKEN.findall(text)
    innocent: set[int] = set()
    phrases = list(_phrases(lists, list(map(_bare, tokens))))
    for at, size, (category, entry) in phrases:
        if category == _EXCEPTIONS:
            innocent |= {*range(at, at + size)}
        else:
            yield category, entry
    for at, token in enumerate(tokens):
        if at not in innocent:
            yield from (lists.words[form] for form in _known(lists, token))
    for run in _SPACED.findall(text):
        joined = re.sub("[^a-z]", "", run)
        if joined in lists.words:
            yield lists.words[joined]


def _phrases(lists: _Lists, words: Sequence[str]) -> Iterator[tuple[int, int, tuple[str, str]]]:
    """Entries of several words: where each begins, how many words it has, its category and itself."""
    for at, word in enumerate(words):
        for others, named in lists.phrases.get(word, ()):
            if tuple(words[at + 1 : at + 1 + len(others)]) == others:
                yield at, 1 + len(others), named


def _spellings(token: str) -> list[str]:
    """What a token may spell: as written, and with digits, signs and long runs read as letters."""
    if token.isalpha() and not _LONG.search(token):
        return [token]
    bare = _bare(token)
    read = [bare.translate(letters) for letters in _LETTERS] if re.search("[a-z]", bare) else []
    short = [_LONG.sub(times, each) for each in (bare, *read) for times in (r"\1", r"\1\1") if _LONG.search(each)]
    return [token, bare, *read, *short]


def _bare(token: str) -> str:
    return token.strip(_AROUND).removesuffix("'s") or token


def _known(lists: _Lists, token: str) -> Iterator[str]:
    """The form of an entry that a token spells: as it is read, else by the letters that are left of it."""
    read = next((each for each in _spellings(token) if each in lists.words), None)
    if read is not None:
        yield read
    elif sum(map(str.isalpha, token)) > 1 and re.search("[*#]", token):
        masked = re.compile("".join("[a-z]" if sign in "*#" else re.escape(sign) for sign in token))
        yield from [form for form in lists.masked.get((token[0], len(token)), ()) if masked.fullmatch(form)][:1]


@cache
def _lists() -> _Lists:
    words: dict[str, tuple[str, str]] = {}
    phrases: dict[str, list[tuple[tuple[str, ...], tuple[str, str]]]] = {}
    masked: dict[tuple[str, int], list[str]] = {}
    for category, languages in _lexicon().items():
        for entry in languages["en"]:
            if " " in entry:
                first, *others = map(_bare, _TOKEN.findall(entry))
                phrases.setdefault(first, []).append((tuple(others), (category, entry)))
                continue
            for form in _forms(entry):
                words.setdefault(form, (category, entry.rstrip("~")))
                masked.setdefault((form[0], len(form)), []).append(form)
    return _Lists(words, phrases, masked)


def _forms(entry: str) -> Iterator[str]:
    """The word and its plural; of a verb (marked ~) its other forms as well."""
    word = entry.rstrip("~")
    made = [word, plural(word)]
    if entry.endswith("~"):
        forms = verb(word)
        agent = forms.gerund.removesuffix("ing") + "er"
        made += [forms.past, forms.gerund, agent, agent + "s"]
    yield from dict.fromkeys(made)


# ---- Chinese: parts of the text


def _chinese(text: str) -> Iterator[tuple[Any, str]]:
    text = _innocent().sub("\n", _BETWEEN.sub("", text))
    for category, pattern in _patterns().items():
        yield from ((category, entry) for entry in pattern.findall(text))


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    return {category: _any_of(languages["zh"]) for category, languages in _lexicon().items() if category != _EXCEPTIONS}


@cache
def _innocent() -> re.Pattern[str]:
    """Texts that only hold an entry, names of groups among them."""
    patterns = _patterns().values()
    groups = [term for term in terms() if is_cjk(term) and any(pattern.search(term) for pattern in patterns)]
    return _any_of([*_lexicon()[_EXCEPTIONS]["zh"], *groups])


def _any_of(entries: Iterable[str]) -> re.Pattern[str]:
    """A pattern for any of these entries, the longest first; letters touch no other letters."""
    return re.compile("|".join(_apart(entry) for entry in sorted(entries, key=len, reverse=True)))


def _apart(entry: str) -> str:
    before = r"(?<![a-z0-9])" if entry[0].isascii() else ""
    after = r"(?![a-z])" if entry[-1].isascii() else ""
    return f"{before}{re.escape(entry)}{after}"


@cache
def _lexicon() -> Mapping[str, Mapping[str, Sequence[str]]]:
    return tomllib.loads(files("duiqi.data").joinpath("lexicons", "harmful.toml").read_text(encoding="utf-8"))
