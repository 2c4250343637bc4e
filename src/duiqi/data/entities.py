"""Texts with marked parts (named entities, slots), as words with tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from duiqi.core.errors import DataError
from duiqi.core.slice import CJK
from duiqi.core.spans import OUTSIDE
from duiqi.data.formats import Raw

NAMES = ("entities", "ents", "spans", "labels", "label")  # columns that may hold marked parts
STARTS, ENDS = ("start", "start_offset", "begin"), ("end", "end_offset")
TYPES = ("label", "type", "entity_group", "entity", "tag")
_PIECE = re.compile(rf"[{CJK}]|[^\W_{CJK}]+|\S")

Part = tuple[int, int, str]  # first character, the one behind the last, type


def find_entities(raw: Raw) -> str | None:
    """The column of marked parts, where the rows are texts and not words."""
    if "text" not in raw.columns or "tokens" in raw.columns:
        return None
    return next((name for name in NAMES if name in raw.columns and _are_parts(raw.columns[name])), None)


def from_entities(raw: Raw, name: str) -> Raw:
    """The file with `tokens` and `tags` in place of its texts and their marked parts.

    A part is {"start", "end", "label"} (also `start_offset`, `end_offset`, `type`, as other tools write them) or
    [start, end, label], in characters from 0, the end excluded. Words are runs of letters and digits, single Chinese
    characters and single signs, cut where a part begins or ends. Of parts that overlap the longest is kept.
    """
    tokens, tags, nested = [], [], 0
    texts = ["" if text is None else str(text) for text in raw.columns.get("text", [None] * len(raw.places))]
    for row, (text, given) in enumerate(zip(texts, raw.columns[name], strict=True)):
        parts = [_part(each, text, raw, row) for each in given or []]
        kept = apart(parts)
        nested += len(kept) < len(parts)
        words = list(_tagged(text, kept))
        tokens.append([word for word, _ in words])
        tags.append([tag for _, tag in words])
    others = {column: values for column, values in raw.columns.items() if column not in (name, "text")}
    notes = ({"code": "nested_parts", "rows": nested},) if nested else ()
    return replace(raw, columns={"tokens": tokens, "tags": tags, **others}, notes=(*raw.notes, *notes))


def pieces(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand, as rows of marked parts are divided: runs of letters and digits, single Chinese
    characters and single signs."""
    return [found.span() for found in _PIECE.finditer(text)]


def _are_parts(values: Sequence[Any]) -> bool:
    if not all(value is None or isinstance(value, list) for value in values):
        return False
    first = next((each for value in values for each in value or []), None)
    if isinstance(first, Mapping):
        return all(any(key in first for key in keys) for keys in (STARTS, ENDS, TYPES))
    return isinstance(first, list) and len(first) == 3 and isinstance(first[0], int) and isinstance(first[2], str)


def _part(given: Any, text: str, raw: Raw, row: int) -> Part:
    if isinstance(given, Mapping):
        given = [next((given[key] for key in keys if key in given), None) for keys in (STARTS, ENDS, TYPES)]
    plain = isinstance(given, list) and len(given) == 3 and isinstance(given[2], str)
    if not plain or not all(type(each) is int for each in given[:2]) or not 0 <= given[0] < given[1] <= len(text):
        raise DataError(
            f"expected marked parts [start, end, label] of the {len(text)} characters of the text in {raw.name}, given "
            f"{given!r} ({raw.where([row])})",
            hint="Count characters from 0, the end excluded: 'Rain' in 'Rain hurts' is [0, 4].",
        )
    start, end, label = given
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end, label


def apart(parts: Sequence[Part]) -> list[Part]:
    """Parts that do not overlap, in order: the longest first choice."""
    kept: list[Part] = []
    for start, end, label in sorted({*parts}, key=lambda part: (part[0] - part[1], part)):
        if start < end and all(end <= a or b <= start for a, b, _ in kept):
            kept.append((start, end, label))
    return sorted(kept)


def _tagged(text: str, parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    at = 0
    for start, end, label in parts:
        yield from ((word, OUTSIDE) for word in _PIECE.findall(text[at:start]))
        for number, word in enumerate(_PIECE.findall(text[start:end])):
            yield word, f"{'I' if number else 'B'}-{label}"
        at = end
    yield from ((word, OUTSIDE) for word in _PIECE.findall(text[at:]))
