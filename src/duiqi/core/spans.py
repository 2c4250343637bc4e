"""Tags and spans: BIO and BIOES read and mended, spans found in all sentences at once.

Inside, a tag is a number: 0 is outside, type t (from 0) begins with 2t + 1 and goes on with 2t + 2. So the type of a
tag is known without its name, and the number of tags says the number of types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

OUTSIDE = "O"
Ints = NDArray[np.int64]


def tags_of(types: Sequence[str]) -> tuple[str, ...]:
    """The names of all tags of these types, in the order of their numbers."""
    return (OUTSIDE, *(f"{prefix}-{each}" for each in types for prefix in "BI"))


def types_of(tags: Sequence[str]) -> tuple[str, ...]:
    """The types that occur in names of tags, sorted."""
    return tuple(sorted({tag[2:] for tag in tags if is_tag(tag) and tag != OUTSIDE}))


def is_tag(tag: str) -> bool:
    """Whether a name is a tag of BIO or BIOES (also with M for the middle, L for the last, U for a unit)."""
    return tag == OUTSIDE or (len(tag) > 2 and tag[0] in "BIESMLU" and tag[1] == "-")


def to_bio(tags: Sequence[str]) -> list[str]:
    """BIOES (or BILOU, BMES) as BIO: what ends goes on, what stands alone begins."""
    turned = {"E": "I", "L": "I", "M": "I", "S": "B", "U": "B"}
    return [turned.get(tag[0], tag[0]) + tag[1:] for tag in tags]


@dataclass(frozen=True, eq=False)
class Spans:
    """Spans of many sentences: sentence, first word, word behind the last, type, and the place of the first word among
    the words of all sentences; int[m] each, in order."""

    row: Ints
    start: Ints
    end: Ints
    type: Ints
    place: Ints

    def __len__(self) -> int:
        return len(self.row)

    def keys(self) -> Ints:
        """One number for every different span: room for 2³² words, spans of 2¹⁸ and 2¹² types."""
        return (self.place << 18 | self.size) << 12 | self.type

    @property
    def size(self) -> Ints:
        return self.end - self.start


def find_spans(tags: Sequence[NDArray[Any]]) -> Spans:
    """The spans in sentences of tags. A tag that goes on with what did not begin begins it (as conlleval counts)."""
    lengths = np.fromiter(map(len, tags), np.int64, count=len(tags))
    flat = (
        np.concatenate([np.asarray(each, dtype=np.int64) for each in tags]) if lengths.sum() else np.zeros(0, np.int64)
    )
    row = np.repeat(np.arange(len(tags)), lengths)
    first = np.zeros(len(flat), dtype=bool)
    starts = np.cumsum(lengths) - lengths
    first[starts[lengths > 0]] = True
    kind = (flat - 1) >> 1
    inside = flat > 0
    before = np.concatenate([[0], flat[:-1]])
    begins = inside & (first | (flat & 1 == 1) | (before == 0) | ((before - 1) >> 1 != kind))
    opens = np.flatnonzero(begins)
    # a span ends before the next one begins, before a word outside, or with its sentence
    stops = np.flatnonzero(begins | ~inside | first)
    after = np.append(stops, len(flat))[np.searchsorted(stops, opens, side="right")] if len(opens) else opens
    word = opens - starts[row[opens]]
    return Spans(row[opens], word, word + after - opens, kind[opens], opens)


def mended(tags: Sequence[NDArray[Any]]) -> list[Ints]:
    """The same spans in one spelling: what begins a span begins it, what goes on goes on."""
    spans = find_spans(tags)
    lengths = [len(each) for each in tags]
    flat = np.zeros(sum(lengths), dtype=np.int64)
    flat[_inside(spans)] = np.repeat(2 * spans.type + 2, spans.size)
    flat[spans.place] = 2 * spans.type + 1
    return np.split(flat, np.cumsum(lengths)[:-1]) if lengths else []


def _inside(spans: Spans) -> Ints:
    """The places of all words of spans, among the words of all sentences."""
    within = np.arange(spans.size.sum()) - np.repeat(np.cumsum(spans.size) - spans.size, spans.size)
    return np.repeat(spans.place, spans.size) + within


def span_rows(truth: Sequence[NDArray[Any]], guess: Sequence[NDArray[Any]], only: int | None) -> NDArray[np.float64]:
    """Row statistics float[n, 3]: spans found, answered and true, of all types or of type `only`."""
    real, said = find_spans(truth), find_spans(guess)
    hits = np.isin(real.keys(), said.keys(), assume_unique=True)
    columns = []
    for rows, types in ((real.row[hits], real.type[hits]), (said.row, said.type), (real.row, real.type)):
        columns.append(np.bincount(rows if only is None else rows[types == only], minlength=len(truth)))
    return np.stack(columns, axis=1).astype(np.float64)
