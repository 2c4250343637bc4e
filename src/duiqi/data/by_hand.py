"""Labels that people wrote by hand, on rows that `label` handed out: each as the class that is meant, an error where it
is none, and what was said twice and differently.

Known are the classes of which `label` wrote a report beside the file, and those of the other sources.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from duiqi.core.errors import DataError
from duiqi.core.spans import types_of
from duiqi.data.collect import ORIGIN, TARGET, Collected, Piece, Reading, renamed_label
from duiqi.data.forms import handed_out
from duiqi.data.handed_out import classes_beside
from duiqi.data.known_classes import KnownClasses

SHOWN = 5  # labels, and rows of each
Places = dict[str, list[str]]


def with_classes(collected: Collected) -> Collected:
    """The sources with the classes that labels by hand are read as, and notes on rows labelled by hand more than once.

    `DataError` names every label that is no known class, and its rows. A label that the user names as a new one of
    `labels` is known.
    """
    schema = collected.readers.schema
    hand = [reading for reading in collected.readings if handed_out(reading.forms, reading.renamed)]
    if not hand or schema.label in (None, TARGET):
        return collected
    names = set(_classes(collected, hand))
    known = KnownClasses.of(names | {*collected.asked.labels.values()}) if names else None
    unknown, said = Places(), dict[int, Places]()
    for piece in (piece for reading in hand for piece in collected.pieces_of(reading)):
        for place, key, label in _rows(piece):
            meant = known.meant(label, tags=schema.tokens is not None) if known else None
            for each in meant.unknown if meant else ():
                unknown.setdefault(each, []).append(place)
            settled = meant.label if meant else label
            spelled = str(settled if schema.tokens or not isinstance(settled, list) else sorted(settled))
            said.setdefault(key, {}).setdefault(spelled, []).append(place)
    if known and unknown:
        raise _not_known(unknown, known, tags=schema.tokens is not None)
    return replace(collected, known=known, notes=(*collected.notes, *_contradictions(said)))


def _classes(collected: Collected, hand: Sequence[Reading]) -> Iterator[str]:
    """The classes that were handed out, by the names that the user gives them, and those of other sources."""
    for reading in hand:
        folder = reading.source.path.parent if reading.source.path else None
        for name in classes_beside(folder) if folder else ():
            yield str(renamed_label(name, collected.asked.labels, set()))
    for reading in collected.readings:
        if not any(reading is each for each in hand):
            for piece in collected.pieces_of(reading):
                for label in piece.data.values("label"):
                    yield from _names(label, tags=piece.data.has("tokens"))


def _names(label: Any, *, tags: bool) -> Iterable[str]:
    if isinstance(label, list):
        words = [each for each in label if isinstance(each, str)]
        return types_of(words) if tags else words
    return [label] if isinstance(label, str) else []


def _rows(piece: Piece) -> Iterator[tuple[str, int, Any]]:
    """Place, input key and label of every row."""
    if len(piece.data):
        places = piece.data.table.column(ORIGIN).to_pylist()
        yield from zip(places, piece.data.input_keys.tolist(), piece.data.values("label"), strict=True)


def _not_known(unknown: Places, known: KnownClasses, *, tags: bool) -> DataError:
    near = {label: known.nearest(label) for label in unknown}
    given = [
        f"'{label}' ({', '.join(places[:SHOWN])}{' …' if len(places) > SHOWN else ''}"
        + (f"; near '{near[label]}')" if near[label] else ")")
        for label, places in list(unknown.items())[:SHOWN]
    ]
    more = f" and {len(unknown) - len(given)} others" if len(unknown) > len(given) else ""
    names = sorted(known.names)
    first = next(iter(unknown))
    close = near[first] or "CLASS"
    spelled = "Tags are B-TYPE for the first word of a span, I-TYPE for its others, O outside. " if tags else ""
    return DataError(
        f"expected labels by hand among {', '.join(names[:20])}{' …' if len(names) > 20 else ''}, "
        f"given {', '.join(given)}{more}",
        hint=f"{spelled}Correct these cells; or say what is meant by a label: --label-name "
        f"{shlex.quote(f'{first}={close}')} for that class, --label-name {shlex.quote(f'{first}={first}')} for a new "
        "class on purpose.",
    )


def _contradictions(said: Mapping[int, Places]) -> list[dict[str, Any]]:
    """The note on inputs that were labelled by hand more than once, and not alike."""
    apart = [labels for labels in said.values() if len(labels) > 1]
    if not apart:
        return []
    first = ", ".join(f"{places[0]} ({label})" for label, places in apart[0].items())
    rows = sum(len(places) for labels in apart for places in labels.values())
    return [{"code": "contradicting_by_hand", "texts": len(apart), "rows": rows, "first": first}]
