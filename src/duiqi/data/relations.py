"""Rows for relations: texts with marks in them, or with lists of triples, as texts with two spans and a class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from duiqi.core.errors import DataError
from duiqi.data.formats import Raw

NONE = "no_relation"  # the class of two parts that stand in no triple together
_MARK = re.compile(r"</?e([12])>")


def find_triples(raw: Raw) -> str | None:
    """The column of triples, where there is no label yet."""
    there = "triples" in raw.columns and "label" not in raw.columns and "text" in raw.columns
    return "triples" if there and not all(isinstance(value, str) for value in raw.columns["triples"]) else None


def find_marks(raw: Raw) -> str | None:
    """The one column of texts with marks, where spans are not given."""
    marked = [name for name, values in raw.columns.items() if _is_marked(values)]
    return marked[0] if len(marked) == 1 and "spans" not in raw.columns else None


def _is_marked(values: list[Any]) -> bool:
    return bool(values) and isinstance(values[0], str) and set(_MARK.findall(values[0])) == {"1", "2"}


def from_marks(raw: Raw, column: str) -> Raw:
    """Texts with <e1>…</e1> and <e2>…</e2> (SemEval-2010 task 8) without their marks, which become spans."""
    texts, spans = [], []
    for row, text in enumerate(raw.columns[column]):
        places: dict[str, list[int]] = {"1": [], "2": []}
        pieces, at = [], 0
        for mark in _MARK.finditer(str(text)):
            pieces.append(text[at : mark.start()])
            places[mark[1]].append(sum(map(len, pieces)))
            at = mark.end()
        if [len(each) for each in places.values()] != [2, 2]:
            raise DataError(
                f"expected <e1>…</e1> and <e2>…</e2> once each in column '{column}' of {raw.name}, given "
                f"{str(text)[:80]!r} ({raw.where([row])})",
                hint="Mark the two parts of every text, or none of any.",
            )
        texts.append("".join([*pieces, text[at:]]))
        spans.append([places["1"], places["2"]])
    return replace(raw, columns={**raw.columns, column: texts, "spans": spans})


def from_triples(raw: Raw, name: str = "triples") -> Raw:
    """A row for every triple whose two parts stand in the text, and as many at most for pairs that stand in none.

    Rows of one text are a cluster and have its other columns (groups, split), but for ids, which would no longer be
    one row's own. The first place where a part stands is taken; overlapping parts are left out.
    """
    columns: dict[str, list[Any]] = {"text": [], "spans": [], "label": [], "cluster": []}
    others = {name: values for name, values in raw.columns.items() if name not in {*columns, "triples", "id", "row_id"}}
    columns |= {name: [] for name in others}
    places: list[int] = []
    for row, (text, triples) in enumerate(zip(raw.columns["text"], raw.columns[name], strict=True)):
        for spans, label in _pairs(str(text), triples or []):
            beside = (values[row] for values in others.values())
            for name, value in zip(columns, (text, spans, label, str(text), *beside), strict=True):
                columns[name].append(value)
            places.append(raw.places[row])
    note = {"code": "triples_read", "texts": len(raw.places), "rows": len(places)}
    return replace(raw, columns=columns, places=places, notes=(*raw.notes, note))


def _pairs(text: str, triples: list[Mapping[str, Any]]) -> list[tuple[list[list[int]], str]]:
    """Spans and class of the triples of a text, then of pairs of their subjects and objects that stand in none."""
    found: dict[tuple[str, str], str] = {}
    for triple in triples:
        found.setdefault((str(triple["subject"]), str(triple["object"])), str(triple["predicate"]))
    subjects, objects = (list(dict.fromkeys(pair[side] for pair in found)) for side in (0, 1))
    apart = [(s, o) for s in subjects for o in objects if (s, o) not in found and s != o][: len(found)]
    said = [*found.items(), *((pair, NONE) for pair in apart)]
    placed = [([_place(text, part) for part in pair], label) for pair, label in said]
    return [
        ([list(each) for each in spans if each], label)
        for spans, label in placed
        if all(spans) and max(spans[0][0], spans[1][0]) >= min(spans[0][1], spans[1][1])  # type: ignore[index]
    ]


def _place(text: str, part: str) -> tuple[int, int] | None:
    start = text.find(part)
    return (start, start + len(part)) if part and start >= 0 else None
