"""The edit `punctuation`: marks more, fewer, or of another width."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit

Kind = Literal["drop", "add", "double", "width"]


@edit(preserves=("label", "meaning", "spans"))
def punctuation(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    kinds: tuple[Kind, ...] = ("drop", "add", "double", "width"),
) -> list[list[Change]]:
    """Punctuation: the closing mark dropped or added, one mark doubled, Chinese marks of the other width.

    A full stop more or less says nothing about the matter, yet models lean on it. Every text gets one of `kinds` that
    can be done to it, drawn at random: *drop* takes the closing marks away, *add* ends a text that has none (with
    "。" after Chinese), *double* writes one comma or stop twice, *width* turns full-width marks into half-width ones
    and back, in Chinese text only. Marks between digits (3.5, 1,000, 8:30) are left alone, and so is a text of
    nothing but marks.

    It misleads where the mark is the message: questions against statements, irony told by three exclamation marks.
    """
    return [_one_of(text, rng, kinds) for text, rng in zip(texts, rngs, strict=True)]


def _one_of(text: str, rng: np.random.Generator, kinds: Sequence[Kind]) -> list[Change]:
    if not any(character.isalnum() for character in text):
        return []
    for kind in rng.permutation(np.array(kinds, dtype=object)):
        changes = KINDS[kind](text, rng)
        if changes:
            return changes
    return []


@cache
def _marks() -> dict[str, Any]:
    path = files("duiqi.edits").joinpath("data", "punctuation.toml")
    marks = tomllib.loads(path.read_text(encoding="utf-8"))
    return {**marks, "other_width": marks["width"] | {full: half for half, full in marks["width"].items()}}


def _in_number(text: str, at: int) -> bool:
    return at > 0 and text[at - 1].isdigit() and text[at + 1 : at + 2].isdigit()


def _has_han(text: str) -> bool:
    return any("\u3400" <= character <= "\u9fff" for character in text)


def _drop(text: str, rng: np.random.Generator) -> list[Change]:
    end = len(text.rstrip())
    start = len(text[:end].rstrip(_marks()["final"]))
    return [Change(start, end, "")] if start < end else []


def _add(text: str, rng: np.random.Generator) -> list[Change]:
    end = len(text.rstrip())
    if not text[end - 1].isalnum():
        return []
    return [Change(end, end, "。" if _has_han(text[end - 1]) else ".")]


def _double(text: str, rng: np.random.Generator) -> list[Change]:
    at = [i for i, character in enumerate(text) if character in _marks()["double"] and not _in_number(text, i)]
    if not at:
        return []
    chosen = at[rng.integers(len(at))]
    return [Change(chosen + 1, chosen + 1, text[chosen])]


def _width(text: str, rng: np.random.Generator) -> list[Change]:
    if not _has_han(text):
        return []
    other = _marks()["other_width"]
    half = _marks()["width"]
    return [
        Change(i, i + 1, other[character])
        for i, character in enumerate(text)
        if character in other and (character not in half or _has_han(text[max(i - 1, 0) : i + 2]))
    ]


KINDS: dict[str, Callable[[str, np.random.Generator], list[Change]]] = {
    "drop": _drop,
    "add": _add,
    "double": _double,
    "width": _width,
}
