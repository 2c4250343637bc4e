"""Passages as units that can be taken out: words near an answer, and whole sentences of what is far from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from duiqi.data.divided import Divided, Piece

LONG = 120  # words of a text from which on it has sentences as units
NEAR = 30  # words on each side of an answer that stay units of their own
ENDS = re.compile(r"[.!?]+[\"”’)]*(?=\s|$)|[。！？]+[”’」』）]*|\n+")


def in_units(cut: Divided, field: int, answer: tuple[int, int] | None = None) -> Divided:
    """The row with the words of one of its texts as units: `answer` (first character and end) is none of them, since
    without it nothing could be answered; of a text of more than `LONG` words those that are not among the `NEAR` words
    before and behind the answer are one unit a sentence."""
    own = [piece for piece in cut.pieces if piece.field == field]
    if answer is not None:
        own = [part for piece in own for part in _outside(piece, cut.texts[field], *answer)]
    if len(own) > LONG:
        own = list(_by_sentence(own, cut.texts[field], _near(own, answer)))
    others = [piece for piece in cut.pieces if piece.field != field]
    return replace(cut, pieces=tuple(sorted([*others, *own], key=lambda piece: (piece.field, piece.start))))


def _outside(piece: Piece, text: str, start: int, end: int) -> Iterator[Piece]:
    """What of a word is not part of the answer."""
    for a, b in ((piece.start, min(piece.end, start)), (max(piece.start, end), piece.end)):
        if a < b:
            yield Piece(piece.field, a, b, text[a:b])


def _near(pieces: list[Piece], answer: tuple[int, int] | None) -> range:
    """The places of the words beside the answer."""
    if answer is None:
        return range(0)
    before = sum(piece.start < answer[0] for piece in pieces)
    return range(max(0, before - NEAR), before + NEAR)


def _by_sentence(pieces: list[Piece], text: str, near: range) -> Iterator[Piece]:
    ends = [match.end() for match in ENDS.finditer(text)]
    sentence, together = 0, list[Piece]()
    for at, piece in enumerate(pieces):
        passed = sentence
        while sentence < len(ends) and ends[sentence] <= piece.start:
            sentence += 1
        if together and (sentence != passed or at in near):
            yield _joined(together, text)
            together = []
        if at in near:
            yield piece
        else:
            together.append(piece)
    if together:
        yield _joined(together, text)


def _joined(pieces: list[Piece], text: str) -> Piece:
    start, end = pieces[0].start, pieces[-1].end
    return Piece(pieces[0].field, start, end, text[start:end])
