"""A table of rows for people to label in a spreadsheet, and the same table read back.

Spreadsheets run a cell that begins with = + - @ as a formula. Such a cell gets an apostrophe before it, and so does one
that already has apostrophes there; reading takes one away. So every text comes back as it was, also where a spreadsheet
took the apostrophe for its own mark of a text and dropped it. (OWASP, CSV injection,
https://owasp.org/www-community/attacks/CSV_Injection)
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from duiqi.core.errors import DataError
from duiqi.data.facts import missing
from duiqi.data.formats import Raw
from duiqi.data.write import written

GUESSED = ("guess", "confidence", "why", "score")  # what a model says of a row
LABEL = "label"  # the column to fill in
DIVIDER = "|"  # between labels of one row that people write, beside a JSON list
_RUN = r"[=+\-@＝＋－＠\t\r\n]"
_FORMULA, _GUARDED = re.compile(f"'*{_RUN}"), re.compile(f"'+{_RUN}")


def guarded(cell: str) -> str:
    """The cell as no spreadsheet runs it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """What stood in a cell before it was guarded."""
    return cell[1:] if _GUARDED.match(cell) else cell


def write_sheet(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """The columns and an empty one for the label, as UTF-8 with a mark by which spreadsheets know it; lists as JSON."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        table.writerow([*map(guarded, columns), LABEL])
        for row in zip(*columns.values(), strict=True):
            table.writerow([*(guarded(_cell(value)) for value in row), ""])


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else written(value)


def find_sheet(raw: Raw) -> str | None:
    """The column of labels, where a file has all columns of such a table."""
    return LABEL if {*GUESSED, LABEL} <= {*raw.columns} else None


def from_sheet(raw: Raw, label: str) -> Raw:
    """The rows as they were written out, with the labels that people gave.

    What the model said is left out. Where its guesses are lists so are labels: written as JSON lists, else as tags with
    blanks between them, or as labels with | between them; [] says that a row has none of the labels.
    """
    if not {*GUESSED, label} <= {*raw.columns}:  # another part of the set is such a table
        return raw
    columns = {
        unguarded(name): [unguarded(cell) if isinstance(cell, str) else cell for cell in cells]
        for name, cells in raw.columns.items()
        if name not in GUESSED
    }
    if "tokens" in columns:
        columns["tokens"] = [_words(cell, raw, row) for row, cell in enumerate(columns["tokens"])]
        columns.pop("text", None)
        columns[label] = [_labels(cell, str.split, raw, row) for row, cell in enumerate(columns[label])]
        _check_tags(raw, columns["tokens"], columns[label])
    elif any(_is_list(guess) for guess in raw.columns["guess"]):
        columns[label] = [_labels(cell, _divided, raw, row) for row, cell in enumerate(columns[label])]
    return replace(raw, columns=columns)


def _is_list(cell: Any) -> bool:
    return isinstance(cell, str) and cell.startswith("[") and isinstance(_json(cell), list)


def _json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError:
        return None


def _divided(cell: str) -> list[str]:
    return [each.strip() for each in cell.split(DIVIDER) if each.strip()]


def _labels(cell: Any, divide: Callable[[str], list[str]], raw: Raw, row: int) -> list[str] | None:
    if missing(cell) or not str(cell).strip():
        return None
    said = str(cell).strip()
    return _words(said, raw, row) if said.startswith("[") else divide(said)


def _words(cell: Any, raw: Raw, row: int) -> list[str]:
    found = cell if isinstance(cell, list) else _json(str(cell))
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise DataError(
            f'expected a list as JSON writes it (["a", "b"]) in {raw.name}, given {cell!r} ({raw.where([row])})',
            hint="Quote every word and divide them by commas.",
        )
    return found


def _check_tags(raw: Raw, tokens: Sequence[Sequence[str]], tags: Sequence[Sequence[str] | None]) -> None:
    wrong = [
        row for row, (words, said) in enumerate(zip(tokens, tags, strict=True)) if said and len(said) != len(words)
    ]
    if wrong:
        said = tags[wrong[0]] or ()
        raise DataError(
            f"expected a tag for each of the {len(tokens[wrong[0]])} words in {raw.name}, given {len(said)} "
            f"({raw.where(wrong)})",
            hint="Write one tag a word, O for a word outside, or label these rows in Label Studio (to_label.json).",
        )
