"""`Slice`: a rule that says which rows are meant, the same on any data set. In words a person can check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.spans import types_of

# A Chinese, Japanese or Korean character is a word of its own; everything else is cut at what is no letter or digit.
CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
_WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}]+(?:['’][^\W_{CJK}]+)*")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")  # what `_WORD` finds in ASCII text in lower case, faster
_CJK = re.compile(f"[{CJK}]")
# These two are searched for in every row, so each is written to leave most characters of a text at the first look.
_NUMERAL = "一二三四五六七八九十百千万亿两"
_NUMBER = re.compile(rf"[\d{_NUMERAL}](?:(?<=\d)|[{_NUMERAL}]*[个只次天年月元块分名])")
_NEGATION = re.compile(
    r"\b(?:n(?:o(?:t|ne|body|thing|r|where)?|ever|either)|cannot|without|hardly|barely)\b|n['’]t\b"
    r"|[不没沒无無未非莫勿别別]",
    re.IGNORECASE,
)


def words(text: str) -> list[str]:
    """Words in lower case; every Chinese character counts as one."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [word.casefold() for word in _WORD.findall(text)]


def places(text: str) -> list[tuple[int, int]]:
    """Where the words of a text lie, in its characters; as many as `words` gives."""
    return [word.span() for word in _WORD.finditer(text)]


def is_cjk(text: str) -> bool:
    """Whether a text has a Chinese, Japanese or Korean character."""
    return _CJK.search(text) is not None


@dataclass(frozen=True)
class Condition:
    """`column op value`. Columns are those of the data, or `text`, `text_pair`, `length` (in words), `negation`,
    `number`, and `labels`: of rows with several labels, or a tag a word, those that occur and the types of tags."""

    column: str
    op: str
    value: Any

    def mask(self, data: Dataset) -> NDArray[np.bool_]:
        """Which rows meet it, bool[n]."""
        derived = _DERIVED.get(self.column)
        values = derived(data) if derived and self.column not in data.schema.groups else data.group(self.column)
        compare = _OPS.get(self.op)
        if compare is None:
            raise DataError(f"expected a comparison among {', '.join(_OPS)}, given '{self.op}'", hint="Mend the rule.")
        return compare(values, self.value)

    def __str__(self) -> str:
        if self.op == "contains":
            return f"{self.column} has '{self.value}'"
        return self.column if self.value is True else f"{self.column} {self.op} {self.value}"


def _contains(texts: Any, value: str) -> NDArray[np.bool_]:
    wanted, folded = words(value), value.casefold()
    if is_cjk(value) or (value and not wanted):  # a mark is looked for as it stands
        return np.fromiter((folded in text.casefold() for text in texts), dtype=bool, count=len(texts))

    def has(text: str) -> bool:
        """Only a text that has the letters is cut into words."""
        if not all(word in text.casefold() for word in wanted):
            return False
        return f" {' '.join(wanted)} " in f" {' '.join(words(text))} "

    return np.fromiter(map(has, texts), dtype=bool, count=len(texts)) & (len(wanted) > 0)


_OPS: Mapping[str, Callable[[Any, Any], NDArray[np.bool_]]] = {
    "==": lambda values, value: np.asarray(values == type_as(values, value)),
    ">=": lambda values, value: np.asarray(_numbers(values) >= float(value)),
    "<=": lambda values, value: np.asarray(_numbers(values) <= float(value)),
    "contains": _contains,
    "has": lambda labels, value: np.fromiter((value in each for each in labels), dtype=bool, count=len(labels)),
}


def type_as(values: Any, value: Any) -> Any:
    """`value` in the type of an array of strings or numbers."""
    return str(value) if getattr(values, "dtype", None) is not None and values.dtype.kind == "U" else value


def _numbers(values: Any) -> NDArray[np.float64]:
    """Values of a column as numbers; what is no number is NaN, which no comparison holds for."""

    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return values.astype(np.float64)

    def number(value: Any) -> float:
        try:
            return float(value)
        except ValueError:
            return float("nan")

    return np.array([number(value) for value in values], dtype=np.float64)


def lengths(data: Dataset) -> NDArray[np.int64]:
    """Number of words of every row, int[n]."""
    return np.fromiter((len(words(text)) for text in data.texts), dtype=np.int64, count=len(data))


def _matches(pattern: re.Pattern[str]) -> Callable[[Dataset], NDArray[np.bool_]]:
    return lambda data: np.fromiter((pattern.search(t) is not None for t in data.written), dtype=bool, count=len(data))


_DERIVED: Mapping[str, Callable[[Dataset], Any]] = {
    "text": lambda data: data.written,
    "text_pair": lambda data: data.second_texts,
    "length": lengths,
    "negation": _matches(_NEGATION),
    "number": _matches(_NUMBER),
    "label": lambda data: np.array([str(v) for v in data.values("label")], dtype=np.str_),
    "labels": lambda data: [{*map(str, row), *types_of(row)} for row in data.values("label")],
}


@dataclass(frozen=True)
class Slice:
    """Rows that meet all conditions; without conditions: all rows."""

    where: tuple[Condition, ...] = ()

    @property
    def rule(self) -> str:
        """The slice as one line: a name that is equal exactly for equal slices."""
        return " and ".join(sorted(map(str, self.where))) or "all"

    def mask(self, data: Dataset) -> NDArray[np.bool_]:
        """Which rows are meant, bool[n]."""
        mask = np.ones(len(data), dtype=bool)
        for condition in self.where:
            mask &= condition.mask(data)
        return mask

    def to_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "where": [{"column": c.column, "op": c.op, "value": c.value} for c in self.where]}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Slice:
        return cls(tuple(Condition(c["column"], c["op"], c["value"]) for c in said["where"]))

    @classmethod
    def of(cls, column: str, value: Any, op: str = "==") -> Slice:
        """The slice of a single condition."""
        return cls((Condition(column, op, value),))


ALL = Slice()
