"""Rows into parts: train, dev and test as they are said, or made, and the steps that wait for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.progress import Progress
from duiqi.data.collect import Collected, Piece
from duiqi.data.ledger import Ledger
from duiqi.data.split import by_key, complete, shares_of
from duiqi.data.step import Step, places, redacted, through
from duiqi.data.write import Writer, writer

TOGETHER = 200_000  # rows up to which parts are made with a look at all of them
PARTS = ("train", "dev", "test")


@dataclass(frozen=True)
class Output:
    """Where rows are written, in which form, how they are divided, and the steps before and after that."""

    folder: Path
    form: str
    shares: Mapping[str, float]
    seed: int
    early: Sequence[tuple[str, Step]]
    late: Sequence[tuple[str, Step]]
    told: Progress

    def writer(self, part: str, columns: Mapping[str, Any]) -> Writer:
        """What takes the rows of a part."""
        return writer(self.form, self.folder / f"{part}.{self.form}", columns)

    def finished(self, piece: Piece) -> Piece:
        """Rows of which it is settled what part they are for, after the steps that wait for that, with what these
        did."""
        return redacted(through(replace(piece, changes=()), self.late), [*self.early, *self.late])


def look(steps: Sequence[tuple[str, Step]], pieces: Callable[[str], Iterable[Piece]]) -> None:
    """Show all rows to each of some steps that looks, as those before it leave them; `pieces` gives them by its
    name."""
    for at, (name, step) in enumerate(steps):
        if step.looks:
            for piece in pieces(name):
                seen = through(piece, steps[:at])
                step.look(seen.data, seen.parts)


def write(output: Output, collected: Collected, pieces: Iterable[Piece], ledger: Ledger) -> list[Mapping[str, Any]]:
    """Write rows into the files of their parts and tell the ledger; notes of the parts that were made."""
    parted = _write_together if collected.rows <= TOGETHER else _write_apart
    return parted(output, collected, _entered(pieces, ledger), ledger)


def _entered(pieces: Iterable[Piece], ledger: Ledger) -> Iterator[Piece]:
    """The pieces that have rows, told to the ledger; `DataError` where their columns do not go together."""
    schema = pa.schema([])
    for piece in pieces:
        ledger.enter(piece)
        if len(piece.data):
            schema = _with(schema, piece)
            yield piece


def _with(schema: pa.Schema, piece: Piece) -> pa.Schema:
    """The columns of rows so far and of some more."""
    try:
        return pa.unify_schemas([schema, piece.data.table.schema], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(
            f"expected columns of one kind in all sources, given ones that do not go together ({error})",
            hint="For example tags of words in one source and marked parts of texts in another: bring one of them into "
            "the form of the other.",
        ) from error


def _write_together(
    output: Output, collected: Collected, pieces: Iterator[Piece], ledger: Ledger
) -> list[Mapping[str, Any]]:
    """Write the parts of rows that fit into memory; missing ones are made as `align` makes them."""
    held = list(pieces)
    _check_any(held, collected, ledger)
    table = pa.concat_tables([piece.data.table for piece in held], promote_options="permissive")
    whole = Dataset(table, collected.readers.schema, "rows")
    given = np.array([part or "" for piece in held for part in piece.parts])
    named = [part for part in PARTS if (given == part).any()]
    found = {part: whole.take(given == part, name=part) for part in named} or {"all": whole}
    if named and (given == "").any():  # rows of no part beside others are there to be learned
        found = {**found, "train": whole.take((given == "") | (given == "train"), name="train")}
    parts = complete(found, seed=output.seed, shares=output.shares)
    for part, data in _finished(output, parts, held, ledger):
        columns = dict(zip(data.table.schema.names, data.table.schema.types, strict=True))
        with closing(output.writer(part, columns)) as file:
            file.add(data)
            ledger.leave(part, data)
    return [note for data in parts.values() for note in data.notes
            if note["code"] == "split_made" and note["part"] != "train"]  # fmt: skip


def _finished(
    output: Output, parts: Mapping[str, Dataset], held: Sequence[Piece], ledger: Ledger
) -> Iterator[tuple[str, Dataset]]:
    """The parts after the steps that wait for them, whose changes are told to the ledger."""
    if not output.late:
        yield from parts.items()
        return
    source = {place: piece.source for piece in held for place in places(piece.data, range(len(piece.data)))}
    pieces = [Piece(part, data, [part] * len(data)) for part, data in parts.items()]
    look(output.late, lambda name: pieces)
    for piece in pieces:
        made = output.finished(piece)
        for change in made.changes:
            ledger.change(source[change.of or change.origin], change)
        yield piece.source, made.data


def _write_apart(
    output: Output, collected: Collected, pieces: Iterator[Piece], ledger: Ledger
) -> list[Mapping[str, Any]]:
    """Write rows as they come, each into the part that its source, or a hash of its input, says."""
    parted = collected.parts
    wanted = shares_of(collected.rows, {"dev", "test"} - parted, output.shares)
    columns = collected.types() if output.form == "parquet" else dict.fromkeys(collected.columns)
    for _, step in [*output.early, *output.late]:
        columns |= {name: pa.type_for_alias(kind) for name, kind in step.adds.items()}

    def settled(piece: Piece) -> Piece:
        drawn = by_key(piece.data, wanted, seed=output.seed)
        return replace(piece, parts=[
            str(other) if (given or "train") == "train" else given
            for given, other in zip(piece.parts, drawn, strict=True)
        ])  # fmt: skip

    def again(name: str) -> Iterator[Piece]:
        read = collected.pieces(lambda done, total: output.told(name, done, total, {}))
        return (settled(through(piece, output.early)) for piece in read)

    look(output.late, again)
    writers: dict[str, Writer] = {}
    try:
        for piece in pieces:
            piece = output.finished(settled(piece))
            for change in piece.changes:
                ledger.change(piece.source, change)
            for part in PARTS:
                rows = [row for row, each in enumerate(piece.parts) if each == part]
                if rows:
                    if part not in writers:
                        writers[part] = output.writer(part, columns)
                    writers[part].add(data := piece.data.take(rows))
                    ledger.leave(part, data)
    finally:
        for each in writers.values():
            each.close()
    _check_any(writers, collected, ledger)
    return [
        {"code": "split_made", "part": part, "rows": ledger.rows[part], "from": "train" if parted else "all"}
        for part, share in wanted.items()
        if share
    ]


def _check_any(found: Collection[Any], collected: Collected, ledger: Ledger) -> None:
    if not found:
        reasons: Counter[str] = Counter()
        for (_, _, reason, gone), count in ledger.changes.items():
            if gone:
                reasons[reason.replace("_", " ")] += count
        told = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
        raise DataError(
            f"expected rows that stay, given none among {collected.rows} ({told})",
            hint="Name the columns (--text COLUMN --label COLUMN), or ask less of the rows (--step, duiqi.toml).",
        )
