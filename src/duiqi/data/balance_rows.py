"""Balanced training rows: what rows are balanced by, copies under names of their own, and the step `balance`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, nearest
from duiqi.core.seed import hash64
from duiqi.data.balance import MOST, check_options, rows_wanted, times
from duiqi.data.collect import ORIGIN, TARGET, Change
from duiqi.data.columns import CERTAIN
from duiqi.data.step import Outcome, Parts, Step, dropped, places

BETWEEN = " × "  # in the name of what several columns say
COPY = "+copy"
REPEATED, LEFT_OUT = "balance:over", "balance:under"


def cells(data: Dataset, by: Sequence[str]) -> list[str | None]:
    """What rows say in the columns that they are balanced by ("label" is the label, whatever its column is called), of
    several joined by " × "; `None` for rows that say nothing in one of them."""
    sides = [_values(data, column) for column in by]
    return [None if None in row else BETWEEN.join(map(str, row)) for row in zip(*sides, strict=True)]


def _values(data: Dataset, column: str) -> list[str | None]:
    name = data.schema.label if column == "label" and data.has("label") else column
    if name not in data.table.column_names:
        raise DataError(
            f"expected a column '{column}' to balance by, given columns: {', '.join(data.table.column_names)}",
            hint=nearest(column, data.table.column_names),
        )
    values = data.table.column(name).to_pylist()
    odd = next((value for value in values if isinstance(value, list | dict | float)), None)
    if odd is not None or name == TARGET:
        raise DataError(
            f"expected one class a row in '{column}' to balance by, given {'texts' if odd is None else repr(odd)}",
            hint='Name a column with a group or a language: [steps.balance] by = ["…"] in duiqi.toml.',
        )
    return [None if value is None or value == "" else str(value) for value in values]


def keys(data: Dataset) -> NDArray[np.uint64]:
    """What drawing hangs on: the id of every row."""
    return np.array([hash64(str(row)) for row in data.row_ids], dtype=np.uint64)


def repeated(data: Dataset, counts: NDArray[np.int64]) -> tuple[Dataset, NDArray[np.int64], NDArray[np.int64]]:
    """Each row so many times, copies behind it under ids (and an origin) that say so: "7+copy1". With the row that each
    is from, and which copy it is (0: the row itself)."""
    rows = np.repeat(np.arange(len(data)), counts)
    copy = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    made = data.take(rows)
    if not copy.any():
        return made, rows, copy
    ids = _renamed(made.row_ids, copy)
    if data.has("id"):
        made = made.with_column("id", ids)
    if ORIGIN in data.table.column_names:
        at = made.table.column_names.index(ORIGIN)
        named = [
            f"{place}{COPY}{n}" if n else place for place, n in zip(places(data, rows.tolist()), copy, strict=True)
        ]
        made = replace(made, table=made.table.set_column(at, ORIGIN, [named]))
    made.__dict__["row_ids"] = np.array(ids, dtype=np.str_)
    return made, rows, copy


def _renamed(ids: Sequence[str] | NDArray[np.str_], copy: NDArray[np.int64]) -> list[str]:
    """Ids of rows and of their copies, none of them twice even where copies of an earlier time are there."""
    taken, made = {str(row) for row in ids}, []
    for row, n in zip(ids, copy.tolist(), strict=True):
        name = f"{row}{COPY}{n}" if n else str(row)
        while n and name in taken:
            n += 1
            name = f"{row}{COPY}{n}"
        taken.add(name)
        made.append(name)
    return made


@dataclass(eq=False)
class Balance(Step):
    """Training rows in even shares of labels or groups.

    Evened out are labels, or what the columns `by` say (a group, a language; of several each combination, named
    "a × b"), by repeating rows (`how` "over"), leaving rows out ("under") or weights that training follows ("weight":
    the column sample_weight, or the one that holds weights; mean 1 over the training rows, those that are there are
    multiplied).

    `shares` names target proportions, for example {"positive" = 0.3, "negative" = 0.7}; who is not named divides the
    rest. `temperature` says how far the others are evened out: inf makes them even, 1 leaves them, between them shares
    are raised to 1/temperature. A row stands there, or counts, at most `most` times as often as the least repeated.

    Rows of dev and test stay as they are (their weight is 1). Where no parts are given they are made first: this step
    is taken after all others, once it is settled which rows are for training, so no copy gets into another part. Rows
    that say nothing in one of the columns stay once. Repeated rows are learned by heart sooner, rows left out are lost,
    and a model trained on other shares than it meets is sure of the wrong things: look at its calibration.
    """

    by: str | Sequence[str] = "label"
    how: str = "over"
    temperature: float = math.inf
    shares: Mapping[str, float] = field(default_factory=dict)
    most: float = MOST
    seed: int = field(default=0, init=False)
    looks: ClassVar[bool] = True
    after_parts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_options(self.how, self.temperature, self.shares, self.most)
        self.columns = [self.by] if isinstance(self.by, str) else list(self.by) or ["label"]
        self._seen: list[str | None] = []
        self._keys: list[NDArray[np.uint64]] = []
        self._given: list[NDArray[np.float64]] = []
        self._wanted: dict[str, float] = {}
        self._often: NDArray[np.float64] | None = None
        self._at = 0

    def ready(self, seed: int, persons_of: Callable[[str], Any]) -> None:
        self.seed = seed

    @property
    def adds(self) -> Mapping[str, str]:
        return {CERTAIN["weight"][0]: "double"} if self.how == "weight" else {}

    @property
    def counts(self) -> dict[str, int]:
        """Training rows of each class that were seen, by name."""
        return dict(sorted(Counter(name for name in self._seen if name is not None).items()))

    @property
    def notes(self) -> Sequence[Mapping[str, Any]]:
        counts = self.counts
        if not counts:
            return [{"code": "balance_nothing"}]
        now = [f"{name}: {count} → {self._wanted[name]:.6g}" for name, count in counts.items()]
        more = f" … ({len(now) - 20})" if len(now) > 20 else ""
        done = {"code": f"balanced_{self.how}", "by": BETWEEN.join(self.columns), "counts": "; ".join(now[:20]) + more}
        free = rows_wanted(counts, how=self.how, temperature=self.temperature, shares=self.shares, most=math.inf)
        bound = any(abs(free[name] - self._wanted[name]) > 1e-6 for name in counts)
        return [done, *([{"code": "balance_bound", "most": f"{self.most:g}"}] if bound else [])]

    def look(self, data: Dataset, parts: Parts) -> None:
        train = data.take(_training(data, parts))
        self._seen += cells(train, self.columns)
        self._keys.append(keys(train))
        self._given.append(_weights(train))

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        if self._often is None:
            self._often = self._decided()
        training, often = _training(data, parts), np.ones(len(data))
        end = self._at + int(training.sum())
        often[training] = self._often[self._at : end]
        self._at = end % max(len(self._seen), 1)
        return self._weighted(data, often) if self.how == "weight" else _taken(data, often.astype(np.int64))

    def _decided(self) -> NDArray[np.float64]:
        """How often each training row is taken, or its weight."""
        counts, often = self.counts, np.ones(len(self._seen))
        self._wanted = rows_wanted(
            counts, how=self.how, temperature=self.temperature, shares=self.shares, most=self.most
        )
        number = {name: at for at, name in enumerate(counts)}
        named = np.array([name is not None for name in self._seen], dtype=bool)
        of = np.array([number[name] for name in self._seen if name is not None], dtype=np.int64)
        wanted = list(self._wanted.values())
        if self.how == "weight" and len(of):
            often[named] = np.array([self._wanted[name] / count for name, count in counts.items()])[of]
            often /= (np.concatenate(self._given) * often).mean()
        elif len(of):
            often[named] = times(of, wanted, np.concatenate(self._keys)[named], seed=self.seed)
        return often

    def _weighted(self, data: Dataset, often: NDArray[np.float64]) -> Outcome:
        column = data.schema.weight or CERTAIN["weight"][0]
        weights = (_weights(data) * often).tolist()
        return Outcome(data.with_column("weight", weights, column=column), range(len(data)))


def _weights(data: Dataset) -> NDArray[np.float64]:
    return np.array(data.values("weight"), dtype=np.float64) if data.has("weight") else np.ones(len(data))


def _training(data: Dataset, parts: Parts) -> NDArray[np.bool_]:
    """Which rows are for training; those of no part are."""
    return np.array([(part or "train") == "train" for part in parts or [None] * len(data)], dtype=bool)


def _taken(data: Dataset, often: NDArray[np.int64]) -> Outcome:
    gone = dropped(data, "balance", {int(row): LEFT_OUT for row in np.flatnonzero(often == 0)})
    made, rows, copy = repeated(data, often)
    place, now = places(data, rows.tolist()), places(made, range(len(made)))
    added = [
        Change(now[at], "balance", REPEATED, {}, {ORIGIN: now[at]}, of=place[at])
        for at in np.flatnonzero(copy).tolist()
    ]
    return Outcome(made, rows.tolist(), [*gone.changes, *added])
