"""What a text claims that can be held against its source word by word: numbers, names and negations.

English and Chinese, by rules and word lists (`lexicons/claims.toml`). The rules lean to one side on purpose: of a
source they take whatever could support a claim, of a text only what surely makes one. So much that was added is not
found; and what is found may still follow from the source (a total, another name of the same thing).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from duiqi.core.slice import CJK, is_cjk
from duiqi.core.texts import even

Kind = Literal["number", "name", "negation"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_DIGITS = {"零": 0, "〇": 0, "两": 2} | {character: value for value, character in enumerate("一二三四五六七八九", 1)}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10**4, "亿": 10**8}
_DIGIT, _NUMERAL = "".join(_DIGITS), "".join([*_DIGITS, *_UNITS, *_MYRIADS])
_ARABIC = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_CHINESE = re.compile(rf"[{_NUMERAL}]++(?:点[{_DIGIT}]++(?![十百千万亿]))?")
_WORD = re.compile(rf"[^\W_{CJK}]+(?:['’][^\W_{CJK}]+)*")
_ENDING = re.compile(r"['’](?:s|m|d|ll|ve|re|t)?$", re.IGNORECASE)
_BEGINS = re.compile(r"[.!?…:;\"“”‘«»(\[\n•。！？：；]")
_CHARACTER = re.compile(f"[{CJK}]")
_TITLE = re.compile("《([^《》]+)》")
_QUESTION = re.compile(rf"([{CJK}])[不没]\1")  # 是不是, 有没有: asks, and negates nothing


@dataclass(frozen=True)
class Support:
    """What a source holds that a claim may rest on."""

    numbers: frozenset[Decimal]
    words: frozenset[str]
    squeezed: str
    negated: bool

    @classmethod
    def of(cls, source: str) -> Support:
        """Whatever could support a number, a name or a negation."""
        source = even(source)
        return cls(
            numbers=frozenset(_all_numbers(source)),
            words=frozenset(_supported_words(source)),
            squeezed=_squeezed(source),
            negated=any(negations(source)) or _implied_negation().search(source) is not None,
        )

    def lacks(self, text: str) -> dict[Kind, list[str]]:
        """What the text claims and the source does not support, by kind and as written, in the order of the text."""
        text = even(text)
        return {
            "number": [said for said, value in numbers(text) if value not in self.numbers],
            "name": [name for name in names(text) if not self._names(name)],
            "negation": [] if self.negated else list(negations(text)),
        }

    def _names(self, name: str) -> bool:
        """Whether it has the name: a word as a word, a title anywhere, with or without its brackets."""
        return fold(name) in self.words if _WORD.fullmatch(name) else _squeezed(name) in self.squeezed


def fold(word: str) -> str:
    """A word as names are compared: without case, accents, ending of the possessive and s of the plural."""
    apart = unicodedata.normalize("NFD", _ENDING.sub("", word).casefold())
    return "".join(each for each in apart if not unicodedata.combining(each)).removesuffix("s")


def _supported_words(source: str) -> set[str]:
    """The words of a source, and the days and months that it cuts short: "dec", "Sat"."""
    words = {fold(word) for word in _WORD.findall(source)}
    short = tuple(word for word in words if 2 < len(word) < 6)
    return words | {each for each in _lexicon()["names"]["calendar"] if any(map(each.startswith, short))}


def _squeezed(text: str) -> str:
    """The text as titles are compared: letters and digits alone, without case."""
    return re.sub(r"\W+", "", text.casefold())


# ---- numbers


def numbers(text: str) -> Iterator[tuple[str, Decimal]]:
    """Every number of a text as written, and its value: "1,000", "三百", "3 million", "twenty-five", "百分之五".

    Digits that hang on Latin letters ("F16") are names of things, and a Chinese numeral of one character counts before
    a measure word only. A percentage has the value of its number.
    """
    text = _vague().sub(" ", text)
    for found in _arabic().finditer(text):
        yield found[0], Decimal(found["number"].replace(",", "")) * _scale(found["scale"])
    for found in _spelled().finditer(text):
        yield found[0], (_word(found["tens"]) + _word(found["word"])) * _scale(found["scale"])
    for found in _CHINESE.finditer(text):
        if _surely_a_number(found):
            yield found[0], chinese_number(found[0])


def _all_numbers(source: str) -> Iterator[Decimal]:
    """Whatever a source may mean by its digits, numerals and words: each with its unit and without it."""
    yield from (value for _, value in numbers(source))
    yield from (Decimal(each.replace(",", "")) for each in re.findall(_ARABIC, source))
    yield from (chinese_number(each) for each in _CHINESE.findall(source))
    yield from (Decimal(_DIGITS[each]) for each in source if each in _DIGITS)
    said = [*map(str.casefold, _WORD.findall(source)), *_CHARACTER.findall(source)]
    yield from (Decimal(_words()[word]) for word in said if word in _words())


def chinese_number(numeral: str) -> Decimal:
    """The value of a Chinese numeral: 三百二十 is 320, 两万五 25,000, 二〇二四 2,024, 三点五 3.5."""
    whole, _, decimals = numeral.partition("点")
    return _whole(whole) + Decimal(f"0.{_figures(decimals)}" if decimals else 0)


def _figures(numeral: str) -> str:
    return "".join(str(_DIGITS[each]) for each in numeral)


def _whole(numeral: str) -> Decimal:
    if all(each in _DIGITS for each in numeral):
        return Decimal(_figures(numeral))
    for myriad in ("亿", "万"):
        high, there, low = numeral.rpartition(myriad)
        if there:
            value = _MYRIADS[myriad]
            return (_whole(high) if high else 1) * value + _rest(low, value)
    unit = max((each for each in numeral if each in _UNITS), key=_UNITS.__getitem__)
    high, _, low = numeral.partition(unit)
    return (_whole(high) if high.strip("零〇") else 1) * _UNITS[unit] + _rest(low, _UNITS[unit])


def _rest(low: str, above: int) -> Decimal:
    """What follows a unit: a single digit after it stands a tenth of it lower (三百五 is 350), after a nought at its
    own place."""
    if not low:
        return Decimal(0)
    if len(low) == 1 and above > 10 and low in _DIGITS:
        return Decimal(_DIGITS[low] * above // 10)
    return _whole(low.lstrip("零〇") or "零")


def _surely_a_number(found: re.Match[str]) -> bool:
    numeral, text = found[0], found.string
    if text.startswith("几", found.end()):  # 二十几: about so many
        return False
    if text.endswith("百分之", 0, found.start()):
        return True
    digits_only = all(each in _DIGITS for each in numeral)
    if len(numeral) == 1:
        counted = numeral == "十" or (digits_only and numeral != "一")
        return counted and text.startswith(tuple(_lexicon()["chinese"]["measures"]), found.end())
    if digits_only:  # two of them say about how many: 三五天
        return len(numeral) > 2
    return numeral[0] == "十" or any(each in _DIGITS for each in numeral)


def _word(word: str | None) -> Decimal:
    return Decimal(_words()[word.casefold()] if word else 0)


def _scale(word: str | None) -> Decimal:
    return Decimal(_lexicon()["scales"][word.casefold()] if word else 1)


# ---- names


def names(text: str) -> Iterator[str]:
    """What is surely a name: of an English text capitalised words, of a Chinese one Latin words and titles in 《》.

    The first word of a sentence is left out, and so is a sentence that is written like a headline. Chinese names of
    persons and places are not found: a list of surnames would take too many words for names.
    """
    yield from _TITLE.findall(text)
    yield from _latin(text) if is_cjk(text) else _capitalised(text)


def _latin(text: str) -> Iterator[str]:
    ignored = _lexicon()["names"]["chinese_ignored"]
    for word in _WORD.findall(text):
        if len(word) > 1 and word[0].isalpha() and word.casefold() not in ignored:
            yield word


def _capitalised(text: str) -> Iterator[str]:
    said = _lexicon()["names"]
    for first, *others in _sentences(text):
        lower = [word for word in others if word.islower() and word not in said["small"]]
        for word in others if lower or (first.islower() and first not in said["small"]) else ():
            stem = _ENDING.sub("", word)
            if len(stem) > 1 and stem[0].isupper() and stem.casefold() not in said["titles"] + said["ignored"]:
                yield stem


def _sentences(text: str) -> Iterator[list[str]]:
    """The words of each sentence, quotation or line; "Mr. Smith" is one."""
    sentence: list[str] = []
    end = 0
    for found in _WORD.finditer(text):
        gap, end = text[end : found.start()], found.end()
        titled = gap == ". " and sentence and sentence[-1].casefold() in _lexicon()["names"]["titles"]
        if sentence and _BEGINS.search(gap) and not titled:
            yield sentence
            sentence = []
        sentence.append(found[0])
    if sentence:
        yield sentence


# ---- negations


def negations(text: str) -> Iterator[str]:
    """Every negation of a text, without words that only look like one: 不过, 非常, 无论, "not only", "no. 5"."""
    return (found[0] for found in _negation().finditer(_friends().sub(" ", _QUESTION.sub(" ", text))))


# ---- the word lists, and the patterns made of them


@cache
def _lexicon() -> Mapping[str, Any]:
    return tomllib.loads(files("duiqi.data").joinpath("lexicons", "claims.toml").read_text(encoding="utf-8"))


def _any_of(words: Iterable[str]) -> str:
    """A pattern for any of these words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _apart(words: Iterable[str]) -> str:
    """A pattern for any of these words where no Latin letter or digit touches it."""
    return rf"(?<![A-Za-z0-9])(?:{_any_of(words)})(?![A-Za-z0-9])"


@cache
def _words() -> Mapping[str, int]:
    """Every word that may stand for a number, and that number."""
    said = _lexicon()
    return {**said["scales"], **said["numbers"], **said["implied"]}


@cache
def _english_scales() -> str:
    return _any_of(each for each in _lexicon()["scales"] if not is_cjk(each))


@cache
def _arabic() -> re.Pattern[str]:
    chinese = _any_of(filter(is_cjk, _lexicon()["scales"]))
    scale = rf"(?:\s?(?P<scale>{chinese}|(?:{_english_scales()})(?![A-Za-z0-9])))?"
    return re.compile(rf"(?<![A-Za-z\d])(?<!\d\.)(?P<number>{_ARABIC}){scale}", re.IGNORECASE)


@cache
def _spelled() -> re.Pattern[str]:
    words = _lexicon()["numbers"]
    tens = _any_of(word for word, value in words.items() if value >= 20)
    pronoun = rf"one(?![A-Za-z]|[- ](?:{_english_scales()})(?![A-Za-z]))"
    compound = rf"(?:(?P<tens>{tens})[- ])?(?P<word>{_any_of(['one', *words])})"
    scale = rf"(?:[- ](?P<scale>{_english_scales()}))?"
    return re.compile(rf"(?<![A-Za-z0-9])(?!{pronoun}){compound}{scale}(?![A-Za-z0-9])", re.IGNORECASE)


@cache
def _vague() -> re.Pattern[str]:
    return re.compile(_any_of(_lexicon()["chinese"]["vague"]))


@cache
def _negation() -> re.Pattern[str]:
    said = _lexicon()["negations"]
    english = rf"{_apart(said['en'])}|n['’]t(?![a-z])|(?<![a-z0-9])no(?![a-z0-9]|\.?\s*\d)"
    return re.compile(f"{english}|{_any_of(said['zh'])}", re.IGNORECASE)


@cache
def _friends() -> re.Pattern[str]:
    said = _lexicon()["negations"]
    return re.compile(f"{_apart(said['en_friends'])}|{_any_of(said['zh_friends'])}", re.IGNORECASE)


@cache
def _implied_negation() -> re.Pattern[str]:
    said = _lexicon()["negations"]
    return re.compile(f"{_apart(said['en_implied'])}|{_any_of(said['zh_implied'])}", re.IGNORECASE)
