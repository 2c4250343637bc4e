"""What is known of the values of a column without keeping them: enough to say which role it may play and how its values
are read. Facts of pieces of a file, and of several files, add up."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.data.formats import Raw

FEW = 100  # distinct values that are kept
SCALARS = (str, int, float, bool, type(None))
NUMBERS = frozenset({"integer", "whole", "fraction", "zeros"})

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_LONGEST = 18  # digits above which a number is a name: it would lose some
_ZEROS = re.compile(r"-?0\d")


@dataclass(frozen=True, eq=False)
class Facts:
    """Of the values of a column: how many there are and are missing, their `kinds` (whole numbers are floats), the
    `forms` of what is written there ("integer", "whole" for 1.0, "fraction", "zeros" for 007, "truth", "word"), the
    distinct values where they are `few` scalars, the kinds `inner` to lists, whether the format is `typeless`, and
    hashes where they were asked for."""

    rows: int = 0
    missing: int = 0
    kinds: frozenset[type] = frozenset()
    forms: frozenset[str] = frozenset()
    few: frozenset[Any] | None = frozenset()
    inner: frozenset[type] = frozenset()
    typeless: bool = True
    hashes: tuple[NDArray[np.int64], ...] = ()

    @classmethod
    def of(cls, values: list[Any], *, typeless: bool, hashed: bool = False) -> Facts:
        """The facts of some values."""
        types = set(map(type, values))
        scalar = types <= {*SCALARS}
        distinct = set(values) if scalar else None
        looked = values if distinct is None or bool in types else distinct  # a set takes 1 and True for one
        present = [value for value in looked if not missing(value)]
        return cls(
            rows=len(values),
            missing=sum(map(missing, values)) if len(present) < len(looked) else 0,
            kinds=frozenset(float if each is int else each for each in map(type, present)),
            forms=_forms(present),
            few=frozenset(distinct) if distinct is not None and len(distinct) <= FEW else None,
            inner=frozenset(type(each) for value in present if isinstance(value, list) for each in value),
            typeless=typeless,
            hashes=(np.array([hash(word(value)) for value in values], dtype=np.int64),) if hashed else (),
        )

    def __or__(self, other: Facts) -> Facts:
        both = None if self.few is None or other.few is None else self.few | other.few
        return Facts(
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            kinds=self.kinds | other.kinds,
            forms=self.forms | other.forms,
            few=None if both is None or len(both) > FEW else both,
            inner=self.inner | other.inner,
            typeless=self.typeless and other.typeless,
            hashes=self.hashes + other.hashes,
        )

    @property
    def are_lists(self) -> bool:
        """Whether every value is a list."""
        return not self.missing and self.kinds <= {list}

    @property
    def are_numbers(self) -> bool:
        """Whether every value is a number, or written like one."""
        return not self.missing and self.kinds <= {str, float} and self.forms <= NUMBERS

    @property
    def repeated(self) -> int:
        """How many values stand there already (of hashed columns)."""
        if not self.hashes:
            return 0
        together = np.concatenate(self.hashes)
        return len(together) - len(np.unique(together))


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen of a file: its name and the facts of its columns."""

    name: str
    columns: Mapping[str, Facts]

    @classmethod
    def of(cls, raw: Raw, hashed: Callable[[str], bool] = lambda _: False) -> Seen:
        """What is seen of a file, or of a piece of it; columns that are `hashed` can be asked for repeats."""
        return cls(
            raw.name,
            {
                name: Facts.of(values, typeless=raw.typeless, hashed=hashed(name))
                for name, values in raw.columns.items()
            },
        )

    def __or__(self, other: Seen) -> Seen:
        """Two pieces of one file: what one of them has not is missing there."""
        rows = [max((each.rows for each in side.columns.values()), default=0) for side in (self, other)]
        nothing = [Facts(count, count) for count in rows]
        names = dict.fromkeys([*self.columns, *other.columns])
        first, second = self.columns, other.columns
        return Seen(self.name, {name: first.get(name, nothing[0]) | second.get(name, nothing[1]) for name in names})


def together(facts: Collection[Facts]) -> Facts:
    """The facts of several columns as of one."""
    return reduce(Facts.__or__, facts, Facts())


def missing(value: Any) -> bool:
    """Whether a value stands for nothing: null, what is no finite number, the empty string."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return value is None or (value == "" and isinstance(value, str))


def written(value: float | bool) -> str:
    """A scalar as JSON writes it, whole numbers without a fraction: 1.0 and 1 are one label, True is "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def word(value: Any) -> str:
    """A value as one word: strings without blanks around them, scalars as JSON writes them."""
    if isinstance(value, str):
        return value.strip()
    return written(value) if isinstance(value, float | int) else str(value)


def _forms(values: Collection[Any]) -> frozenset[str]:
    found: set[str] = set()
    for value in values:
        if isinstance(value, str | int | float):
            found.add(_form(word(value)))
            found.discard("")
        if "word" in found:  # nothing more hangs on the others
            break
    return frozenset(found)


def _form(said: str) -> str:
    if _INTEGER.fullmatch(said):
        return "integer"
    if _NUMBER.fullmatch(said) and (len(said) < _LONGEST or not said.lstrip("-").isdigit()):
        return "zeros" if _ZEROS.match(said) else "whole" if float(said).is_integer() else "fraction"
    return "truth" if said.casefold() in ("true", "false") else "word" if said else ""
