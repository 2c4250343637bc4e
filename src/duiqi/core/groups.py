"""`Groups`: which rows belong together by the values of group columns. Made for very many groups, too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset

JOIN = " × "


@dataclass(frozen=True, eq=False)
class Groups:
    """The rows of a data set by the values of some of its columns: `codes` int[n], below 0 for rows of no group.

    `values` are the values of each column, sorted, and `cells` int[g, c] says which of them each group has.
    """

    columns: tuple[str, ...]
    values: tuple[NDArray[np.str_], ...]
    cells: NDArray[np.int64]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, data: Dataset, column: str) -> Groups:
        """One group for every value of a column; rows without a value are of none."""
        given = data.group(column)
        values, codes = np.unique(given, return_inverse=True)
        if len(values) and values[0] == "":
            values, codes = values[1:], codes - 1
        return cls((column,), (values,), np.arange(len(values))[:, None], codes.astype(np.int64))

    @classmethod
    def whole(cls, rows: int) -> Groups:
        """All rows as one group, of no column."""
        return cls((), (), np.zeros((1, 0), dtype=np.int64), np.zeros(rows, dtype=np.int64))

    def crossed(self, other: Groups) -> Groups:
        """One group for every pair that occurs; rows that are of no group on either side are of none."""
        pairs = self.codes * len(other) + other.codes
        inside = (self.codes >= 0) & (other.codes >= 0)
        known, places = np.unique(pairs[inside], return_inverse=True)
        codes = np.full(len(pairs), -1, dtype=np.int64)
        codes[inside] = places
        first, second = np.divmod(known, max(len(other), 1))
        cells = np.concatenate([self.cells[first], other.cells[second]], axis=1)
        return Groups(self.columns + other.columns, self.values + other.values, cells, codes)

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def by(self) -> str:
        """The columns, joined."""
        return JOIN.join(self.columns)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """How many rows each group has, int[g]."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self))

    @property
    def names(self) -> tuple[str, ...]:
        """What each group is called: its values, joined."""
        return tuple(
            JOIN.join(str(values[at]) for values, at in zip(self.values, cell, strict=True))
            for cell in self.cells.tolist()
        )

    def only(self, which: NDArray[np.int64]) -> Groups:
        """Some of the groups, in the order given; rows of all others are of none."""
        places = np.full(len(self) + 1, -1, dtype=np.int64)  # the last is that of rows of no group
        places[which] = np.arange(len(which))
        return replace(self, cells=self.cells[which], codes=places[self.codes])
