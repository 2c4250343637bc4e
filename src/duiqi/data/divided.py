"""Inputs cut into words that can be taken out or replaced, one by one: what explanations by asking again work on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.slice import CJK, is_cjk
from duiqi.data.words import spans

ROLES = ("text", "text_pair", "choices", "tokens")
MISSING = "…"  # stands where a word of given words was, so that all others keep their place
BETWEEN = " ‖ "  # two texts of one row, as people read them
CLOSING = ("]", "]₂")  # of two marked parts of a text, the first in […], the second in […]₂
_BLANKS = re.compile(r"[ \t\u3000]{2,}")
_NOT_BLANK = re.compile(rf"[{CJK}]|[^\s{CJK}]+")
_TOKEN = re.compile(rf"[{CJK}]|[^\W{CJK}]+|[^\w\s]")


@dataclass(frozen=True)
class Piece:
    """A word of a row: in which of its texts it stands, and where."""

    field: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, eq=False)
class Divided:
    """The texts of one row, the role of each with its place in it, and the words that can be taken out.

    A text with two marked parts is cut where they begin and end, in texts of the role "part"; the place of such a text
    says what it is of: 0 neither, 1 the first part, 2 the second, 3 both.
    """

    roles: tuple[tuple[str, int], ...]
    texts: tuple[str, ...]
    pieces: tuple[Piece, ...]

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def words(self) -> list[str]:
        """The words as they stand."""
        return [piece.text for piece in self.pieces]

    @cached_property
    def _parts(self) -> list[list[str | int]]:
        """Every text as what stands between words (a text) and words (a number)."""
        parts: list[list[str | int]] = []
        for field, text in enumerate(self.texts):
            row: list[str | int] = []
            at = 0
            for number, piece in enumerate(self.pieces):
                if piece.field == field:
                    row += [text[at : piece.start], number]
                    at = piece.end
            parts.append([*row, text[at:]])
        return parts

    def spelled(self, words: Sequence[str]) -> tuple[str, ...]:
        """The texts with these words in place of theirs, "" for one that is taken out; blanks that this leaves beside
        each other become one."""
        if [*words] == self.words:
            return self.texts
        made = ("".join(part if isinstance(part, str) else words[part] for part in parts) for parts in self._parts)
        return tuple(_tidy(text, *role) for text, role in zip(made, self.roles, strict=True))

    def kept(self, keep: NDArray[np.bool_]) -> Iterator[tuple[str, ...]]:
        """The texts without the words that a row of `keep` bool[m, w] leaves out, for every row."""
        words = self.words
        for row in keep.tolist():
            yield self.spelled([word if stays else "" for word, stays in zip(words, row, strict=True)])

    def segments(self) -> list[tuple[str, int | None]]:
        """The row as people read it, in order: texts, each with the number of its word or `None` for what is none."""
        found: list[tuple[str, int | None]] = []
        for field, parts in enumerate(self._parts):
            if field:
                found.append((self._between(field), None))
            found += [(part, None) if isinstance(part, str) else (self.pieces[part].text, part) for part in parts]
        return [each for each in found if each[0]]

    def _between(self, field: int) -> str:
        role, place = self.roles[field]
        if role == "part":
            before = self.roles[field - 1][1]
            ends = [CLOSING[side] for side in (0, 1) if before & ~place & side + 1]
            return "".join([*ends, *("[" for side in (0, 1) if place & ~before & side + 1)])
        if role != "tokens":
            return BETWEEN if role != "choices" else f" ({chr(65 + place % 26)}) "
        both = [self.texts[field - 1][-1:], self.texts[field][:1]]
        return "" if all(is_cjk(each) for each in both) else " "


def _tidy(text: str, role: str, place: int) -> str:
    """What is left of a text: of given words and of marked parts something always is."""
    if role == "tokens":
        return text or MISSING
    tidy = _BLANKS.sub(" ", text)
    if role == "part":
        return tidy if tidy.strip() or not place else MISSING
    return tidy.strip()


def divided(data: Dataset) -> list[Divided]:
    """The rows cut into words: Chinese ones by jieba, others at blanks and marks (which stay where they are), words
    that are given as words as these. A text of marks alone is cut at blanks. No word reaches over the end of a marked
    part."""
    columns = {role: data.values(role) for role in ROLES if data.has(role)}
    if "tokens" in columns:
        columns.pop("text", None)
    marked = data.values("spans") if data.has("spans") else [None] * len(data)
    return [
        _divided({role: column[row] for role, column in columns.items()}, spans) for row, spans in enumerate(marked)
    ]


def _divided(row: dict[str, Any], marked: Sequence[Sequence[int]] | None) -> Divided:
    roles: list[tuple[str, int]] = []
    texts: list[str] = []
    if marked is not None:
        for text, of in _parts_of(row.pop("text") or "", marked):
            roles.append(("part", of))
            texts.append(text)
    for role, value in row.items():
        values = value if isinstance(value, list | tuple) else [value]
        roles += [(role, place) for place in range(len(values))]
        texts += [each or "" for each in values]
    pieces = [
        Piece(field, start, end, text[start:end])
        for field, (text, (role, _)) in enumerate(zip(texts, roles, strict=True))
        for start, end in ([(0, len(text))] if role == "tokens" and text else spans(text))
    ]
    if not pieces:
        pieces = [
            Piece(field, *match.span(), match[0])
            for field, text in enumerate(texts)
            for match in _NOT_BLANK.finditer(text)
        ]
    return Divided(tuple(roles), tuple(texts), tuple(pieces))


def _parts_of(text: str, marked: Sequence[Sequence[int]]) -> Iterator[tuple[str, int]]:
    """The text cut where its marked parts begin and end, and which of them each piece is of."""
    cuts = sorted({0, len(text), *(place for span in marked for place in span)})
    if cuts[1:2] and any(span[0] == 0 for span in marked):
        yield "", 0  # so that the first piece is of no part
    for start, end in pairwise(cuts):
        yield text[start:end], sum(1 << side for side, (a, b) in enumerate(marked) if a <= start and end <= b)
    yield "", 0


def _with_marks(texts: Sequence[str], of: Sequence[int]) -> tuple[str, list[list[int]]]:
    """Pieces as one text again, and where its marked parts are now; blanks that meet become one."""
    places = [[-1, -1], [-1, -1]]
    made = ""
    for text, parts in zip(texts, of, strict=True):
        start = len(made)
        made += text.lstrip(" ") if made.endswith(" ") else text
        for side, place in enumerate(places):
            if parts & side + 1:
                place[:] = [start if place[0] < 0 else place[0], len(made)]
    return made, places


def variants(
    data: Dataset, rows: Sequence[int], of_rows: Sequence[Divided], texts: Sequence[tuple[str, ...]]
) -> Dataset:
    """For every entry of `rows` that row of `data` with other texts in the places of its own; ids stay."""
    taken = data.take(np.asarray(rows, dtype=np.int64))
    made = taken
    for role in ROLES:
        if not data.has(role) or (role == "text" and (data.has("tokens") or data.has("spans"))):
            continue
        plain = role in ("text", "text_pair")
        column = []
        for row, said in zip(rows, texts, strict=True):
            own = [text for text, (each, _) in zip(said, of_rows[row].roles, strict=True) if each == role]
            column.append(own[0] if plain else own)
        made = made.with_column(role, column)
    if data.has("spans"):
        joined = [
            _with_marks(*zip(*((text, of) for text, (role, of) in zip(said, of_rows[row].roles, strict=True)
                               if role == "part"), strict=True))
            for row, said in zip(rows, texts, strict=True)
        ]  # fmt: skip
        made = made.with_column("text", [text for text, _ in joined]).with_column("spans", [at for _, at in joined])
    if data.has("tokens") and data.schema.text is not None:
        made = made.with_column("text", [" ".join(words) for words in made.values("tokens")])
    made.__dict__["row_ids"] = taken.row_ids
    return made


def as_words(text: str) -> list[str]:
    """A text as words for a model that tags words: every Chinese character and every mark is one."""
    return _TOKEN.findall(text)
