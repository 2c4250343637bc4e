"""`Dataset`: an Arrow table and a schema that says which column plays which role."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import DataError, nearest
from duiqi.core.seed import hash64, mix

if TYPE_CHECKING:
    import pyarrow as pa

_UNSPACED = "\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"  # Chinese, Japanese, their signs
_BETWEEN_CHINESE = re.compile(f"(?<=[{_UNSPACED}]) (?=[{_UNSPACED}])")
INPUT_ROLES = ("text", "text_pair", "tokens", "choices", "spans")
# What is known of rows and hangs on roles: a change of any other role leaves it as it is.
_HANGS_ON: Mapping[str, tuple[str, ...]] = {
    "row_ids": (*INPUT_ROLES, "label", "id"),
    "input_keys": INPUT_ROLES,
    "draw_keys": (*INPUT_ROLES, "cluster", "key"),
}


@dataclass(frozen=True)
class Schema:
    """Which column plays which role; `None` where there is none.

    The input of a row is `text`, for pairs, contexts and documents also `text_pair`, for word-level tasks `tokens`
    (a list of words), for multiple choice also `choices` (a list), for relations also `spans` (two pairs of character
    offsets into the text, the end excluded). `label` is whatever the task's truth is: a class,
    a list of classes or tags, a number, a target text, a list of answers. `groups` are columns to be fair to.
    `cluster` names what rows belong together (author, document, template): intervals are then drawn over clusters.
    `weight` is how much a row counts in training. `key` carries the draw key of the row that an edited row came from.
    """

    text: str | None = None
    text_pair: str | None = None
    tokens: str | None = None
    choices: str | None = None
    spans: str | None = None
    label: str | None = None
    groups: tuple[str, ...] = ()
    id: str | None = None
    split: str | None = None
    time: str | None = None
    cluster: str | None = None
    weight: str | None = None
    key: str | None = None

    def columns(self) -> tuple[str, ...]:
        """Names of all columns that play a role, without repeats."""
        named: list[str] = []
        for each in fields(self):
            value = getattr(self, each.name)
            named.extend(value if isinstance(value, tuple) else [value] if value is not None else [])
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows and what they mean. Frozen: every change is a new value.

    Two keys per row. `row_ids`: the user's own id, else a hash of input, label and the ordinal among equal ones.
    `input_keys`: a hash of the normalised input (NFKC, case-folded, no punctuation), for leakage, duplicates, caches
    and bootstrap weights. `notes` says what was guessed or made while reading: dicts
    with a "code", for example {"code": "guessed_column", "role": "label", "column": "sentiment"}; `show` words them.
    """

    table: pa.Table
    schema: Schema
    name: str = "data"
    notes: tuple[Mapping[str, Any], ...] = field(default=())

    def __post_init__(self) -> None:
        for column in self.schema.columns():
            if column not in self.table.column_names:
                raise DataError(
                    f"expected a column '{column}' in {self.name}, given columns: {', '.join(self.table.column_names)}",
                    hint=nearest(column, self.table.column_names),
                )

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any]], *, name: str = "data", **roles: Any) -> Dataset:
        """A data set from Python columns; a role left out is played by the column of its own name, if there is one."""
        import pyarrow as pa

        table = pa.table({key: pa.array(list(value)) for key, value in columns.items()})
        plain = {each.name for each in fields(Schema)} & set(columns)
        named = {role: role for role in plain if role != "groups"} | roles
        if "groups" in named:
            named["groups"] = tuple(named["groups"])
        return cls(table, Schema(**named), name)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def has(self, role: str) -> bool:
        """Whether a role is played by a column (for `groups`: by at least one)."""
        return bool(getattr(self.schema, role))

    def values(self, role: str) -> list[Any]:
        """The Python values of the column that plays `role` (not `groups`: see `group`)."""
        column = getattr(self.schema, role)
        if column is None:
            raise DataError(
                f"expected a column for '{role}' in {self.name}, given none",
                hint=f"Name it: --{role.replace('_', '-')} COLUMN. Columns: {', '.join(self.table.column_names)}.",
            )
        return self.table.column(column).to_pylist()

    @cached_property
    def texts(self) -> list[str]:
        """The text of every row; tokens are joined by spaces where there is no text."""
        if self.schema.text is not None:
            return [text or "" for text in self.values("text")]
        return [" ".join(words) for words in self.values("tokens")]

    @cached_property
    def written(self) -> list[str]:
        """The text of every row as people write it: of words, Chinese ones stand side by side. Offsets count in
        `texts`, not here."""
        if self.schema.text is not None or self.schema.tokens is None:
            return self.texts
        return [_BETWEEN_CHINESE.sub("", text) for text in self.texts]

    @cached_property
    def second_texts(self) -> list[str]:
        """The second text of every row; empty where there is none."""
        return [text or "" for text in self.values("text_pair")] if self.has("text_pair") else [""] * len(self)

    @cached_property
    def shown(self) -> list[str]:
        """The input of every row in one line, as people read it: a pair as "first ‖ second", choices as (A), (B) …"""
        lines = list(self.written)
        if self.has("text_pair"):
            lines = [f"{line} ‖ {pair}" for line, pair in zip(lines, self.second_texts, strict=True)]
        if self.has("choices"):
            spelled = (
                " ".join(f"({chr(65 + at % 26)}) {c}" for at, c in enumerate(row)) for row in self.values("choices")
            )
            lines = [f"{line} {each}" for line, each in zip(lines, spelled, strict=True)]
        if self.has("spans"):
            lines = [_with_brackets(line, spans) for line, spans in zip(lines, self.values("spans"), strict=True)]
        return lines

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of every row, where they are given as words; else none."""
        return self.values("tokens") if self.schema.tokens is not None else [[] for _ in range(len(self))]

    def group(self, column: str) -> NDArray[np.str_]:
        """Values of a group column as strings; missing ones are the empty string."""
        if column not in self.table.column_names:
            raise DataError(
                f"expected a column '{column}' in {self.name}, given columns: {', '.join(self.table.column_names)}",
                hint=nearest(column, self.table.column_names),
            )
        return np.array(["" if v is None else str(v) for v in self.table.column(column).to_pylist()], dtype=np.str_)

    def _inputs(self) -> Iterator[str]:
        """The whole input of every row; made when asked for, because a copy of all texts is large."""
        parts = [self.values(role) for role in INPUT_ROLES if self.has(role)]
        return ("\x1e".join(_flat(value) for value in row) for row in zip(*parts, strict=True))

    @cached_property
    def row_ids(self) -> NDArray[np.str_]:
        """One string per row: the user's id, else a hash that does not depend on the order of different rows."""
        if self.schema.id is not None:
            return np.array([str(v) for v in self.values("id")], dtype=np.str_)
        labels = map(_flat, self.values("label")) if self.has("label") else [""] * len(self)
        seen: Counter[tuple[str, str]] = Counter()
        ids = []
        for pair in zip(self._inputs(), labels, strict=True):
            ids.append(f"{hash64(f'{pair[0]}{chr(31)}{pair[1]}{chr(31)}{seen[pair]}'):016x}")
            seen[pair] += 1
        return np.array(ids, dtype=np.str_)

    @cached_property
    def input_keys(self) -> NDArray[np.uint64]:
        """One hash per row of the input as a reader would take it: case, width and punctuation do not count."""
        return np.array([hash64(normalise(text)) for text in self._inputs()], dtype=np.uint64)

    @cached_property
    def draw_keys(self) -> NDArray[np.uint64]:
        """What the bootstrap weights hang on: the key an edited row brought along, the cluster, else the input."""
        if self.schema.key is not None:
            return np.asarray(self.table.column(self.schema.key).to_numpy(), dtype=np.uint64)
        if self.schema.cluster is not None:
            return np.array([hash64(_flat(value)) for value in self.values("cluster")], dtype=np.uint64)
        return self.input_keys

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all rows (ids, inputs, labels) and roles, whatever their order."""
        labels = map(_flat, self.values("label")) if self.has("label") else [""] * len(self)
        named = [hash64(f"{row}\x1f{label}") for row, label in zip(self.row_ids, labels, strict=True)]
        rows = np.array(named, dtype=np.uint64) ^ self.input_keys
        with np.errstate(over="ignore"):
            total = int(mix(rows).sum(dtype=np.uint64)) if len(rows) else 0
        return f"{hash64(f'{total}|{len(self)}|{self.schema}'):016x}"

    def take(self, rows: NDArray[Any] | Sequence[int], *, name: str | None = None) -> Dataset:
        """The rows at the given positions, or where a boolean mask is true. A slice is a data set."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        taken = replace(self, table=self.table.take(rows.astype(np.int64)), name=name or self.name)
        for cached in _HANGS_ON:  # ids of a slice are those of the whole
            if cached in self.__dict__ or cached == "row_ids":
                taken.__dict__[cached] = getattr(self, cached)[rows.astype(np.int64)]
        return taken

    def part(self, split: str) -> Dataset:
        """The rows of one split, by the split column."""
        splits = np.array(self.values("split"), dtype=object)
        return self.take(splits == split, name=f"{self.name}/{split}")

    def with_column(self, role: str, values: Iterable[Any], *, column: str | None = None) -> Dataset:
        """A data set where `role` is played by `values`, in a column of its own."""
        import pyarrow as pa

        name = column or getattr(self.schema, role) or f"duiqi_{role}"
        array = pa.array(list(values))
        table = self.table
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, array)
        else:
            table = table.append_column(name, array)
        changed = replace(self, table=table, schema=replace(self.schema, **dict[str, Any]({role: name})))
        for cached, roles in _HANGS_ON.items():
            if cached in self.__dict__ and role not in roles:
                changed.__dict__[cached] = getattr(self, cached)
        return changed

    def paired(self, changed: Dataset) -> Dataset:
        """`changed` rows with the ids and draw keys of these, so that original and edit are paired."""
        made = changed.with_column("key", self.draw_keys, column="duiqi_key")
        made.__dict__["row_ids"] = self.row_ids
        return made

    def renamed(self, suffix: str) -> Dataset:
        """The same rows under ids of their own."""
        return self.with_column("id", [f"{row}+{suffix}" for row in self.row_ids], column="duiqi_id")

    def joined(self, other: Dataset, *, name: str | None = None) -> Dataset:
        """These rows followed by those of `other`, with their ids; columns that only one side has get nulls.

        Where the two sides draw by different keys (edited rows, clusters) the keys of both are kept in a column.
        """
        import pyarrow as pa

        both = pa.concat_tables([self.table, other.table], promote_options="permissive")
        joined = replace(self, table=both, name=name or self.name)
        if self.schema.key or other.schema.key or self.schema.cluster != other.schema.cluster:
            keys = np.concatenate([self.draw_keys, other.draw_keys])
            joined = joined.with_column("key", keys, column="duiqi_key")
        joined.__dict__["row_ids"] = np.concatenate([self.row_ids, other.row_ids])
        return joined


class _Kept(dict[int, Any]):
    """What `str.translate` makes of a character: letters, marks, digits and symbols stay, punctuation goes."""

    def __missing__(self, code: int) -> Any:
        category = unicodedata.category(chr(code))[0]
        self[code] = " " if category in "ZC" else None if category == "P" else code
        return self[code]


_KEPT = _Kept()


def normalise(text: str) -> str:
    """The text as far as a reader would call it the same: NFKC, case-folded, only letters, marks, digits, symbols."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = " ".join(folded.translate(_KEPT).split())
    return bare or " ".join(folded.split())  # a text of nothing but punctuation is still a text of its own


def _with_brackets(text: str, spans: Sequence[Sequence[int]]) -> str:
    """The text with its spans in brackets: the first in […], the second in […]₂."""
    places = [(end, f"]{mark}") for (_, end), mark in zip(spans, ("", "₂"), strict=False)]
    for place, mark in sorted([*places, *((start, "[") for start, _ in spans)], reverse=True):
        text = text[:place] + mark + text[place:]
    return text


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "\x1d".join(_flat(each) for each in value)
    return "" if value is None else str(value)
