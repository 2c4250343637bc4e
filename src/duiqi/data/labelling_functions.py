"""Labelling functions: rules that a user wrote in plain Python, and what they say of rows.

Each gives one of the classes, or None where it knows nothing: it votes or abstains. How far to trust which of them is
told by `duiqi.data.weighing`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, nearest
from duiqi.core.part import module_of
from duiqi.data.facts import missing, word

ABSTAINS = -1
HIDDEN = ("label", "weight", "split", "key")  # roles that labelled rows have and others lack
Votes = NDArray[np.int64]


@dataclass(frozen=True)
class Function:
    """A labelling function: `call(text)`, or `call(row)` where its parameter is named row, gives a label or None."""

    name: str
    call: Callable[[Any], Any]
    wants_row: bool = False


class LeftOut(NamedTuple):
    """A function that raised, the row it raised on, and what."""

    name: str
    row_id: str
    error: str


@dataclass(frozen=True, eq=False)
class Ballot:
    """What functions say of rows: `votes` int[n, m], -1 where one abstains, by the `names` of the m functions that
    could be asked. `left_out` are the others."""

    votes: Votes
    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()


def read_functions(path: str | Path) -> tuple[Function, ...]:
    """The public functions that a Python file defines at its top, in their order there.

    A name that begins with an underscore is a helper's. What the file prints goes to stderr. `PartError` for a file
    that cannot be run, `DataError` for one without functions, or a function that takes more than one argument.
    """
    path = Path(path)
    with redirect_stdout(sys.stderr):
        module = module_of(path, "rules")
    found = []
    for name, value in vars(module).items():
        if name.startswith("_") or not inspect.isfunction(value) or value.__module__ != module.__name__:
            continue
        parameters = list(inspect.signature(value).parameters.values())
        needed = [each for each in parameters if each.default is each.empty and each.kind not in (2, 4)]
        if len(needed) != 1 or needed[0].kind is inspect.Parameter.KEYWORD_ONLY:
            raise DataError(
                f"expected functions of one argument in {path}, given {name}{inspect.signature(value)}",
                hint=f"Write def {name}(text) or def {name}(row); a helper's name begins with an underscore.",
            )
        found.append(Function(name, value, wants_row=needed[0].name == "row"))
    if not found:
        raise DataError(
            f"expected labelling functions in {path}, given a file without any",
            hint="Write one: def thanks(text): return 'positive' if 'thank' in text else None",
        )
    return tuple(found)


def votes(functions: Sequence[Function], data: Dataset, classes: Sequence[str]) -> Ballot:
    """What every function says of every row.

    A row comes without its label and without what else only labelled rows have (weight, split): a function that could
    read these would look perfect where it is judged and know nothing of other rows. A function that raises, or exits,
    is left out, with the row and the error; what one prints goes to stderr. `DataError` where all are, or for a label
    that is no class.
    """
    rows = _rows(data) if any(each.wants_row for each in functions) else []
    places = {name: at for at, name in enumerate(classes)}
    columns, names, left_out = [], [], []
    for function in functions:
        column = np.full(len(data), ABSTAINS, dtype=np.int64)
        asked: Iterable[Any] = map(dict, rows) if function.wants_row else data.texts  # of rows each may change its own
        with redirect_stdout(sys.stderr):
            for at, given in enumerate(asked):
                try:
                    label = function.call(given)
                except (Exception, SystemExit) as error:  # a user's code may raise anything
                    said = f"{type(error).__name__}: {error}"
                    left_out.append(LeftOut(function.name, str(data.row_ids[at]), said))
                    break
                if label is not None:
                    column[at] = _place(function, label, places)
            else:
                columns.append(column)
                names.append(function.name)
    if not columns:
        first = f"{left_out[0].name} raises {left_out[0].error} on row {left_out[0].row_id}" if left_out else "none"
        raise DataError(
            f"expected at least one labelling function that runs on all rows, given {first}",
            hint="Mend it; a function may return None for rows that it does not know.",
        )
    return Ballot(np.stack(columns, axis=1), tuple(names), tuple(left_out))


def _rows(data: Dataset) -> list[dict[str, Any]]:
    hidden = {getattr(data.schema, role) for role in HIDDEN}
    rows: list[dict[str, Any]] = data.table.drop_columns([name for name in hidden if name]).to_pylist()
    return rows


def _place(function: Function, label: Any, places: dict[str, int]) -> int:
    """The class that a label names: itself, or as labels in data are read, True as "true", 1 and 1.0 as "1"."""
    plain = label.item() if isinstance(label, np.generic) else label
    spelled = [] if missing(plain) or not isinstance(plain, str | int | float) else [str(plain), word(plain)]
    at = next((places[each] for each in spelled if each in places), None)
    if at is None:
        raise DataError(
            f"expected a class or None from the labelling function {function.name}, given {label!r:.80}",
            hint=nearest(spelled[-1] if spelled else "", places),
        )
    return at
