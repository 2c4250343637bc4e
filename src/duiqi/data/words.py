"""Texts as words, English and Chinese in one text, and rows of words that fill what a model reads at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from math import log
from typing import Any

from duiqi.core.errors import DependencyError
from duiqi.core.slice import CJK, is_cjk

# A run of Chinese characters, a run of letters and digits of any other script, or one mark.
_PIECES = re.compile(rf"[{CJK}]+|[^\W{CJK}]+|[^\w\s]")
_WORDS = re.compile(rf"[{CJK}]+|[^\W{CJK}]+(?:(?:['’-]|(?<=\d)[.,:/](?=\d))[^\W{CJK}]+)*")
_PIECE_AND_BLANKS = re.compile(rf"[{CJK}]+|\s*[^\W{CJK}]+|\s*[^\w\s]|\s+")
_SENTENCE = re.compile(r"[^。！？；!?.\n]*[。！？；!?.\n]*")
_ENDS = frozenset("。！？；!?;.…")


def words(text: str) -> list[str]:
    """The words of a text, without blanks. Chinese is divided by jieba; other scripts at blanks and marks."""
    found: list[str] = []
    for piece in _PIECES.findall(text):
        found += _chinese(piece) if len(piece) > 1 and is_cjk(piece[0]) else [piece]
    return found


def spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text lie, marks left out. Chinese is divided by jieba where that is installed, else every
    character is a word; of other scripts, apostrophes and hyphens inside words belong to them, and marks
    inside numbers (7:45)."""
    found: list[tuple[int, int]] = []
    for match in _WORDS.finditer(text):
        start, end = match.span()
        if end - start == 1 or not is_cjk(match[0][0]):
            found.append((start, end))
            continue
        for word in _cutter()(match[0]):
            found.append((start, start + len(word)))
            start += len(word)
    return found


def packed(texts: Iterable[str], most: int) -> Iterator[list[str]]:
    """Rows of words of about `most` tokens: long texts are divided, at the end of a sentence where one comes in the
    last half of a row, and short ones that follow each other share a row.

    Tokens are counted as a character-level model of Chinese has them: a character is one, a word of another script one
    for every five letters that it has begun.
    """
    row: list[str] = []
    size = 0
    for text in texts:
        for word in words(text):
            cost = tokens(word)
            while row and size + cost > most:
                at = _end(row)
                yield row[:at]
                row = row[at:]
                size = sum(map(tokens, row))
            row.append(word)
            size += cost
    if row:
        yield row


def filled(texts: Iterable[str], most: int) -> Iterator[str]:
    """Texts of about `most` tokens, as written: long ones are divided behind sentences (or in them, where one alone is
    too long), and short ones that follow each other stand together, a line each."""
    row, size = "", 0
    for text in filter(str.strip, texts):
        parts = [part for sentence in _SENTENCE.findall(text) for part in _divided(sentence, most)]
        for at, (part, cost) in enumerate(parts):
            if row and size + cost > most:
                if row.strip():
                    yield row.strip()
                row, size = "", 0
            row += ("\n" if row and not at else "") + part
            size += cost
    if row.strip():
        yield row.strip()


def _divided(sentence: str, most: int) -> Iterator[tuple[str, int]]:
    """A sentence, or pieces of one that is too long, and about how many tokens each has."""
    part, size = "", 0
    for piece in _PIECE_AND_BLANKS.findall(sentence):
        for chunk in piece if is_cjk(piece[0]) else [piece]:
            cost = tokens(chunk.strip() or "x")
            if part and size + cost > most:
                yield part, size
                part, size = "", 0
            part, size = part + chunk, size + cost
    if part:
        yield part, size


def tokens(word: str) -> int:
    """About how many tokens a character-level model makes of a word."""
    return len(word) if is_cjk(word[0]) else 1 + (len(word) - 1) // 5


@cache
def dictionary() -> dict[str, tuple[int, str]]:
    """The words that jieba knows, each with how often it was met and the tag of its part of speech (n, v, a, …)."""
    with _jieba().dt.get_dict_file() as file:
        lines = (line.decode("utf-8").split() for line in file)
        return {word: (int(count), tag) for word, count, tag in lines}


def _end(row: list[str]) -> int:
    """Where to divide a full row: behind the last end of a sentence in its second half, else at its end."""
    for at in range(len(row), len(row) // 2, -1):
        if row[at - 1] in _ENDS:
            return at
    return len(row)


def _chinese(run: str) -> list[str]:
    return list(_jieba().cut(run, HMM=True))


@cache
def _jieba() -> Any:
    try:
        import jieba
    except ImportError as error:
        raise DependencyError(
            "expected the package jieba to divide Chinese texts into words, given none",
            hint="Install it: pip install 'duiqi[zh]'",
        ) from error
    import logging

    jieba.setLogLevel(logging.WARNING)
    return jieba


@cache
def _cutter() -> Callable[[str], Iterable[str]]:
    return _likeliest if find_spec("jieba") else list


def _likeliest(run: str) -> list[str]:
    """The likeliest words of a run by jieba's counts, as `jieba.cut(run, HMM=False)` finds them in twice the time."""
    tokenizer = _jieba().dt
    tokenizer.check_initialized()
    counts, least = tokenizer.FREQ, log(tokenizer.total)
    end = len(run)
    best = [0.0] * (end + 1)  # the likeliest way from here to the end, as a logarithm
    ends = [end] * end
    for at in range(end - 1, -1, -1):
        most, chosen = log(counts.get(run[at]) or 1) - least + best[at + 1], at + 1
        for stop in range(at + 2, end + 1):
            count = counts.get(run[at:stop])  # 0 for what only begins a word
            if count is None:
                break
            if count and (said := log(count) - least + best[stop]) >= most:
                most, chosen = said, stop
        best[at], ends[at] = most, chosen
    found, at = [], 0
    while at < end:
        found.append(run[at : ends[at]])
        at = ends[at]
    return found
