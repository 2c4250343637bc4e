"""The edit `typos`: slips of the fingers."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Literal

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit

Kind = Literal["neighbour", "swap", "drop", "repeat"]
Word = list[tuple[int, int]]  # the spans of its letters, each with the marks that sit on it
SHORTEST = 4  # shorter words are often "not", "no", "but": losing a letter there can change what is said


@edit(preserves=("label", "meaning", "tokens", "spans"))
def typos(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    rate: float = 0.1,
    kinds: tuple[Kind, ...] = ("neighbour", "swap", "drop", "repeat"),
) -> list[list[Change]]:
    """Typing errors: a key beside the right one, two letters swapped, a letter dropped or struck twice.

    People type on phones; a model that learned from clean text may lose the thread at the first slip. `rate` is the
    share of the words that get one error each, and every text with a word of four letters or more gets at least one.
    Only such words are touched, never their first letter, never a digit, never a word with digits in it (sizes, model
    names). Letters keep their accents and their case.

    Chinese has no spaces: there two neighbouring characters of a stretch of at least four count as a word, and the
    errors are a swap, a drop or a repeat; characters of negation are never touched. Errors of input methods (wrong
    characters of the same sound) are another edit's business.

    It misleads where the exact letters are the point: codes, names, spelling itself.
    """
    return [_slips(text, rng, rate, kinds) for text, rng in zip(texts, rngs, strict=True)]


def _slips(text: str, rng: np.random.Generator, rate: float, kinds: Sequence[Kind]) -> list[Change]:
    count, words = _words(text)
    wanted = max(1, round(rate * count)) if rate > 0 else 0
    changes: list[Change] = []
    for at in rng.permutation(len(words)):
        if len(changes) >= wanted:
            break
        for kind in rng.permutation(np.array(kinds, dtype=object)):
            change = KINDS[kind](text, words[at], rng)
            if change is not None:
                changes.append(change)
                break
    return sorted(changes, key=lambda change: change.start)


def _words(text: str) -> tuple[int, list[Word]]:
    """The number of words, and those that may be touched; Chinese characters count in pairs."""
    runs = _runs(text)
    touched: list[Word] = []
    count = 0
    for run in runs:
        if _is_han(text[run[0][0]]):
            count += -(-len(run) // 2)
            touched += _pairs(text, run) if len(run) >= SHORTEST else []
            continue
        count += 1
        around = text[max(run[0][0] - 1, 0) : run[0][0]] + text[run[-1][1] : run[-1][1] + 1]
        if len(run) >= SHORTEST and not any(character.isdigit() for character in around):
            touched.append(run)
    return count, touched


def _runs(text: str) -> list[Word]:
    """Unbroken stretches of letters of one script (Chinese or not), each letter with its combining marks."""
    runs: list[Word] = []
    last_end, last_han = -1, False
    for at, character in enumerate(text):
        if unicodedata.category(character)[0] == "M" and last_end == at:
            start, _ = runs[-1][-1]
            runs[-1][-1] = (start, at + 1)
        elif character.isalpha():
            han = _is_han(character)
            if last_end != at or han != last_han:
                runs.append([])
            runs[-1].append((at, at + 1))
            last_han = han
        else:
            continue
        last_end = at + 1
    return runs


def _pairs(text: str, run: Word) -> list[Word]:
    pairs = [run[at : at + 2] for at in range(0, len(run) - 1, 2)]
    kept = _keyboard()["han"]["keep"]
    return [pair for pair in pairs if not any(text[start] in kept for start, _ in pair)]


def _is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U000323af"


@cache
def _keyboard() -> dict[str, dict[str, str]]:
    path = files("duiqi.edits").joinpath("data", "keyboard.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _from_second(text: str, word: Word) -> Word:
    """All letters but the first, which readers lean on; all of a Chinese word."""
    return word if _is_han(text[word[0][0]]) else word[1:]


def _neighbour(text: str, word: Word, rng: np.random.Generator) -> Change | None:
    near = _keyboard()["neighbours"]
    known = [start for start, _ in _from_second(text, word) if text[start].lower() in near]
    if not known:
        return None
    start = known[rng.integers(len(known))]
    keys = near[text[start].lower()]
    key = keys[rng.integers(len(keys))]
    return Change(start, start + 1, key.upper() if text[start].isupper() else key)


def _swap(text: str, word: Word, rng: np.random.Generator) -> Change | None:
    letters = _from_second(text, word)
    unlike = [(left, right) for left, right in pairwise(letters) if text[slice(*left)] != text[slice(*right)]]
    if not unlike:
        return None
    left, right = unlike[rng.integers(len(unlike))]
    return Change(left[0], right[1], text[slice(*right)] + text[slice(*left)])


def _drop(text: str, word: Word, rng: np.random.Generator) -> Change | None:
    letters = _from_second(text, word)
    return Change(*letters[rng.integers(len(letters))], "")


def _repeat(text: str, word: Word, rng: np.random.Generator) -> Change | None:
    letters = _from_second(text, word)
    start, end = letters[rng.integers(len(letters))]
    return Change(end, end, text[start:end])


KINDS: dict[str, Callable[[str, Word, np.random.Generator], Change | None]] = {
    "neighbour": _neighbour,
    "swap": _swap,
    "drop": _drop,
    "repeat": _repeat,
}
