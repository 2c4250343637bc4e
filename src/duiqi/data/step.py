"""A step of a preparation: takes some rows and gives those that stay, as they are then, and what it did to which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from duiqi.core.dataset import Dataset, Schema
from duiqi.core.edit import Change as Replacement
from duiqi.core.edit import with_changes
from duiqi.core.errors import OptionError, nearest
from duiqi.data.clean import ODD, Cleaner, dirty
from duiqi.data.collect import ORIGIN, Change, Piece

CHANGED_ROLES = ("text", "text_pair", "tokens", "label", "spans")  # what cleaning may change
Parts = Sequence[str | None]


@dataclass(frozen=True)
class Outcome:
    """Rows after a step, which of those before it they are, and what was done to them and to the others."""

    data: Dataset
    kept: Sequence[int]
    changes: Sequence[Change] = ()


class Step:
    """What is done to rows, piece by piece. A step that `looks` sees all rows once before it is asked, and in the same
    order then."""

    looks: ClassVar[bool] = False
    after_parts: ClassVar[bool] = False  # taken last, when it is settled which part every row is for
    hidden: ClassVar[Sequence[str]] = ()  # options that are not written down

    def ready(self, seed: int, persons_of: Callable[[str], Any]) -> None:
        """Take from the run what it needs: the seed, and what opens a model that finds persons in texts."""

    def redacted(self, changes: Sequence[Change]) -> Sequence[Change]:
        """What may be written down of the changes of other steps."""
        return changes

    @property
    def adds(self) -> Mapping[str, str]:
        """Columns that rows have behind this step and not before it, with their Arrow types."""
        return {}

    @property
    def notes(self) -> Sequence[Mapping[str, Any]]:
        """What is to be said of what it did, when it is done."""
        return ()

    def look(self, data: Dataset, parts: Parts) -> None:
        """See some rows, and the part that each is for where that is said."""

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        """Take some rows."""
        raise NotImplementedError


def replaced(data: Dataset, step: str, cleaners: Mapping[str, Cleaner]) -> Outcome:
    """The rows after one cleaner after the other."""
    roles = [role for role in CHANGED_ROLES if data.has(role)]
    before = {role: data.values(role) for role in roles}
    now = {role: list(values) for role, values in before.items()}
    if "tokens" in roles and "text" not in roles:
        texts = {"tokens": list(data.texts)}
    else:
        texts = {role: [each or "" for each in now[role]] for role in ("text", "text_pair") if role in roles}
    reasons = dict[int, list[str]]()
    looked = texts.values() if any(cleaner.odd for cleaner in cleaners.values()) else ()
    odd = {row for side in looked for row in dirty(side, ODD)}
    for name, cleaner in cleaners.items():
        among = sorted({*odd, *reasons}) if cleaner.odd else range(len(data))
        sides = [[side[row] for row in among] for side in texts.values()]
        rows = sorted({among[at] for side in sides for at in dirty(side, cleaner.signs)})
        part = {role: [now[role][row] for row in rows] for role in roles}
        for row, values in rewritten(part, rows, cleaner.changes, data):
            reasons.setdefault(row, []).append(name)
            for role, value in values.items():
                now[role][row] = value
            for role, side in texts.items():
                side[row] = " ".join(values[role]) if role == "tokens" else values[role] or ""
    for role in roles if reasons else []:
        if now[role] != before[role]:
            data = data.with_column(role, now[role])
    changes = [
        Change(place, step, "+".join(reasons[row]), *_differing(data.schema, before, now, row))
        for row, place in zip(sorted(reasons), places(data, sorted(reasons)), strict=True)
    ]
    blank = {row: "nothing_left" for row in sorted(reasons) if not any(side[row].strip() for side in texts.values())}
    less = dropped(data, step, blank)
    return replace(less, changes=[*changes, *less.changes])


def rewritten(
    columns: Mapping[str, Sequence[Any]],
    rows: Sequence[int],
    changes_of: Callable[[str], Iterable[Replacement]],
    data: Dataset,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Of some rows, given by role, those whose texts are changed, with what they say then."""
    import pyarrow as pa

    if not rows:
        return
    names: dict[str, Any] = {role: str(getattr(data.schema, role)) for role in columns}
    part = Dataset(pa.table({names[role]: list(values) for role, values in columns.items()}), Schema(**names))
    made = with_changes(part, lambda texts, *_: [list(changes_of(text)) for text in texts])
    after = {role: made.values(role) for role in columns}
    for at, row in enumerate(rows):
        values = {role: after[role][at] for role in columns}
        if values != {role: columns[role][at] for role in columns}:
            yield row, values


def _differing(
    schema: Schema, before: Mapping[str, Sequence[Any]], now: Mapping[str, Sequence[Any]], row: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """By column what a row said and what it says now, where that differs."""
    roles = [role for role in before if before[role][row] != now[role][row]]
    names = [str(getattr(schema, role)) for role in roles]
    return (
        {name: before[role][row] for name, role in zip(names, roles, strict=True)},
        {name: now[role][row] for name, role in zip(names, roles, strict=True)},
    )


def places(data: Dataset, rows: Sequence[int]) -> list[str]:
    if ORIGIN not in data.table.column_names:
        return [""] * len(rows)
    return list(map(str, data.table.column(ORIGIN).take(list(rows)).to_pylist())) if rows else []


def dropped(data: Dataset, step: str, reasons: Mapping[int, str], of: Mapping[int, str] | None = None) -> Outcome:
    """The rows without some of them; `of` names the rows that some of these are copies of."""
    if not reasons:
        return Outcome(data, range(len(data)))
    kept = [row for row in range(len(data)) if row not in reasons]
    gone = data.take(list(reasons)).table.to_pylist()
    changes = [
        Change(said.pop(ORIGIN, ""), step, reason, said, of=(of or {}).get(row))
        for (row, reason), said in zip(reasons.items(), gone, strict=True)
    ]
    return Outcome(data.take(kept), kept, changes)


def check_among(what: str, given: Sequence[str], known: Iterable[str]) -> None:
    """`OptionError` where something given is not known."""
    strange = next((each for each in given if each not in known), None)
    if strange is not None:
        raise OptionError(f"expected {what} among {', '.join(known)}, given '{strange}'", hint=nearest(strange, known))


def through(piece: Piece, steps: Iterable[tuple[str, Step]]) -> Piece:
    """The rows of a piece after some steps, and all that was done to them."""
    data, parts, changes = piece.data, list(piece.parts), list(piece.changes)
    for _, step in steps:
        if not len(data):
            break
        made = step(data, parts)
        data, parts = made.data, [parts[row] for row in made.kept]
        changes += made.changes
    return replace(piece, data=data, parts=parts, changes=changes)


def redacted(piece: Piece, steps: Iterable[tuple[str, Step]]) -> Piece:
    """The piece with what may be written down of what was done to its rows."""
    for _, step in steps:
        piece = replace(piece, changes=step.redacted(piece.changes))
    return piece
