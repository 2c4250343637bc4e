"""Slice search: on which of many given slices rows have larger errors than chance explains.

Westfall and Young (1993): errors are permuted over rows while slices stay, and a slice counts only if its z exceeds
what the largest z of all slices reaches in a share `level` of the permutations. So the chance of any false finding is
at most `level`, however many slices there are and however much they overlap, and no rows are spent on a second half.

A strong slice hides a weaker one: its errors raise the mean of the rest and the spread of everything. So once slices
are found, the search goes on among the rows that none of them holds, with a threshold of their own, until nothing
more is found (Romano and Wolf 2005 step down likewise). A model without weak slices never gets that far.

z is that of the hypergeometric distribution. The exact tail probability (min-p) and z bent by its skewness were tried
on word slices of real texts: as good at an error of .12 and slices of 5 % (found .79 / .79 / .79 at 900 rows), worse on
small slices (2 %, .12 to .25, 5,000 rows: .50 / .50, z .60), better only on wide ones where errors are rare (5 %, .02
to .07: .58 / .58, z .48). z is the simplest, and its threshold reads as standard errors.

Two things together are many more slices than one, and would set the threshold for both. So each thing more that a
reader must keep in mind costs a slice `HANDICAP` standard errors (a weighted maximum; fixed beforehand it keeps the
promise): with 1,300 slices of real rows, 250 of them of one thing, those are found from z 3.8 on in place of 4.1, the
others from 4.3 on.

That chance does not explain a difference is not yet that new rows will show it. Slices of real rows all differ a little
(standard deviation of the true differences .10 to .20 of that of the errors, on four sets), and of thousands of small
ones those pass that had bad luck on top. With a prior as wide as that of `prior_rows` rows without a difference, the
difference to be expected on new rows is n / (n + prior_rows) of the one seen, and it must lie `SURE` of its standard
deviations above zero. Of 80 controls on each of the four sets, with 90 rows, a finding that new rows do not confirm was
left in 7 of 320 (17 without), 76 of 83 confirmed ones stayed.

Notation: n rows, u units, m slices, b permutations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A block of this many permutations of `STRIP` units stays in the cache; of densities measured from .02 to .2, sparse
# products are faster than dense ones below about .08. Above `MOST_DENSE` numbers a dense matrix would take too much
# memory.
BLOCK = 100
STRIP = 4096
DENSE_FROM = 0.08
MOST_DENSE = 1 << 26
# A more complicated slice is told in place of a simpler one only where it is worse than the rest of the simpler one
# by this many standard errors: it was chosen among many refinements.
REFINED = 3.0
HANDICAP = 0.5  # standard errors that a slice loses for each thing beyond the first
SURE = 1.96  # standard deviations of what is to be expected on new rows
MOSTLY = 0.5  # of a slice that must lie outside those found before to be looked at again


@dataclass(frozen=True)
class Hit:
    """A slice that was found: its position among the candidates, its `z`, and its mean error if chance had its way.

    `threshold` is the z it had to exceed, `by_chance` the mean error of a slice of its size at that threshold. Both
    speak of the rows among which it was found: all, or those outside the slices found before.
    """

    index: int
    z: float
    threshold: float
    by_chance: float


@dataclass(frozen=True, eq=False)
class Search:
    """What a search gave: hits in the order they were found, the strongest first; among all rows, the `z` of every
    slice less its handicap and `threshold`, what the largest of these reaches by chance."""

    hits: tuple[Hit, ...]
    z: Floats
    threshold: float


@dataclass(frozen=True, eq=False)
class Null:
    """Permutation distribution of the sum of errors in every slice: mean and standard deviation, float[m]."""

    mean: Floats
    spread: Floats
    handicap: Floats

    def z(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Standardised sums less the handicap, float[m] or float[m, b]; 0 where permuting changes nothing."""
        mean, spread, less = (
            each.astype(sums.dtype).reshape(-1, *(1,) * (sums.ndim - 1))
            for each in (self.mean, self.spread, self.handicap)
        )
        return np.divide(sums - mean, spread, out=np.zeros_like(sums), where=spread > 0) - less


def null(rows: Any, errors: Floats, strata: NDArray[np.int64] | None = None, *, handicap: Floats | None = None) -> Null:
    """Moments of each slice's sum when errors are permuted within strata; `rows` is sparse float[m, u].

    With centred memberships w and errors e of a stratum of size h, the variance is  sum(w^2) sum(e^2) / (h - 1),
    summed over strata. For memberships and errors of 0 and 1 that is the variance of the hypergeometric distribution.
    """
    strata = np.zeros(len(errors), dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    inside = np.eye(strata.max() + 1)[strata]
    size = inside.sum(axis=0)
    mean_error = inside.T @ errors / size
    first, second = rows @ inside, _with(rows, rows.data**2) @ inside
    squares = second - first**2 / size
    per_square = inside.T @ (errors - mean_error[strata]) ** 2 / np.maximum(size - 1, 1)
    variance = squares @ per_square
    variance[variance < 1e-9] = 0.0  # rounding: a slice that holds whole strata has nothing to permute
    return Null(first @ mean_error, np.sqrt(variance), np.zeros(rows.shape[0]) if handicap is None else handicap)


def search(
    rows: Any,
    errors: Floats,
    *,
    keys: NDArray[np.uint64],
    complexity: NDArray[np.int64],
    generator: np.random.Generator,
    permutations: int = 1000,
    level: float = 0.05,
    most: int = 20,
    prior_rows: float = 0.0,
) -> Search:
    """Find the slices on which errors are larger than chance explains, each told once.

    `rows` is a sparse 0/1 matrix [m, n], simplest slices first, `errors` float[n] (0 and 1, or losses), `keys` say
    which rows are one observation: a unit's error is the mean of its rows, and a unit belongs to a slice with the
    share of its rows that do. Units are permuted whole, and in the order of their keys, so that the order of rows
    changes nothing. Slices that a stronger one explains are left out: their z is taken again within and outside
    the slices found so far. With `prior_rows` a slice must be expected to be weaker on new rows, too.
    """
    rows, errors = _units(rows, np.asarray(errors, dtype=np.float64), keys)
    found = _among(rows, errors, complexity, generator, permutations, level, most, prior_rows)
    hits, left = list(found.hits), np.ones(len(errors), dtype=bool)
    latest = found.hits
    while latest and len(hits) < most:
        left &= ~(rows[[hit.index for hit in latest]] >= 0.5).toarray().any(axis=0)
        intact = np.flatnonzero(rows @ left >= MOSTLY * rows.sum(axis=1))
        rest = rows[intact][:, np.flatnonzero(left)]
        again = _among(
            rest, errors[left], complexity[intact], generator, permutations, level, most - len(hits), prior_rows
        )
        latest = tuple(replace(hit, index=int(intact[hit.index])) for hit in again.hits)
        hits += latest
    return replace(found, hits=tuple(hits))


def _among(
    rows: Any, errors: Floats, complexity: NDArray[np.int64], generator: np.random.Generator, permutations: int,
    level: float, most: int, prior_rows: float,
) -> Search:  # fmt: skip
    """The slices found among these units with one threshold."""
    if rows.shape[0] == 0 or not len(errors) or errors.max() == errors.min():
        return Search((), np.zeros(rows.shape[0]), float("inf"))
    handicap = _handicap(complexity)
    base = null(rows, errors, handicap=handicap)
    threshold = _largest_by_chance(rows, errors, base, generator, permutations, level)
    sizes = np.asarray(rows.sum(axis=1)).ravel()
    handicap = np.maximum(handicap, _lasting(sizes, len(errors), prior_rows) - threshold)
    z = replace(base, handicap=handicap).z(rows @ errors)
    chosen = _without_echoes(rows, errors, z, threshold, complexity, handicap, most)
    least = threshold + handicap
    by_chance = (base.mean + least * base.spread) / sizes
    hits = (Hit(i, float(z[i] + handicap[i]), float(least[i]), float(by_chance[i])) for i in chosen)
    return Search(tuple(sorted(hits, key=lambda hit: -hit.z)), z, threshold)


def _handicap(complexity: NDArray[np.int64]) -> Floats:
    return HANDICAP * (complexity - 1).astype(np.float64)


def _lasting(sizes: Floats, units: int, prior_rows: float) -> Floats:
    """The z from which on a difference is to be expected on new rows, too, float[m]."""
    rows = np.maximum(sizes * (units - sizes) / units, 1e-9)  # as many beside an endless rest say as much
    return np.asarray(SURE * np.sqrt((rows + prior_rows) / rows) if prior_rows else np.zeros(len(sizes)))


def _units(rows: Any, errors: Floats, keys: NDArray[np.uint64]) -> tuple[Any, Floats]:
    """Memberships [m, u] and mean errors [u] of the distinct keys, in the order of the keys."""
    from scipy.sparse import csr_array

    _, unit, counts = np.unique(keys, return_inverse=True, return_counts=True)
    shares = (1 / counts[unit], unit.astype(np.int32), np.arange(len(unit) + 1, dtype=np.int32))
    collapse = csr_array(shares, shape=(len(unit), len(counts)))
    shared = csr_array(rows @ collapse)
    shared.sort_indices()
    return shared, collapse.T @ errors


def _with(rows: Any, data: NDArray[Any]) -> Any:
    """A sparse matrix with other numbers in the same places; the places are not copied, for they are many."""
    return type(rows)((data, rows.indices, rows.indptr), shape=rows.shape)


def _largest_by_chance(
    rows: Any, errors: Floats, base: Null, generator: np.random.Generator, permutations: int, level: float
) -> float:
    """What the largest z exceeds in at most `level` of all permutations, the one that was seen among them."""
    strips = _strips(rows)
    blocks = _permuted(errors.astype(np.float32), generator, permutations)
    largest = np.concatenate([base.z(_sums(strips, block)).max(axis=0) for block in blocks])
    exceeding = int(level * (permutations + 1))
    if exceeding < 1:
        return float("inf")
    # The product is in float32, the z it is compared with in float64: a tie must not count as exceeding.
    return float(np.sort(largest)[-exceeding]) + 1e-4


def _strips(rows: Any) -> list[Any]:
    """Memberships [m, u] in float32, cut into matrices of some units each: one dense, or sparse ones of `STRIP`."""
    cells = rows.shape[0] * rows.shape[1]
    if DENSE_FROM * cells < rows.nnz and cells <= MOST_DENSE:
        return [rows.toarray().astype(np.float32)]
    columns = _with(rows, rows.data.astype(np.float32)).tocsc()
    return [columns[:, start : start + STRIP].tocsr() for start in range(0, rows.shape[1], STRIP)]


def _sums(strips: Sequence[Any], block: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of permuted errors float[b, u] in every slice, float[m, b]."""
    sums = np.zeros((strips[0].shape[0], len(block)), dtype=np.float32)
    ends = np.cumsum([strip.shape[1] for strip in strips])
    for strip, end in zip(strips, ends, strict=True):
        sums += strip @ np.ascontiguousarray(block[:, end - strip.shape[1] : end].T)
    return sums


def _permuted(
    errors: NDArray[np.float32], generator: np.random.Generator, permutations: int
) -> Iterator[NDArray[np.float32]]:
    """Blocks of permutations, float[b, u]. Most errors are equal (0, say): only the others are given new places."""
    values, counts = np.unique(errors, return_counts=True)
    usual = values[counts.argmax()]
    others = errors[errors != usual]
    for start in range(0, permutations, BLOCK):
        block = np.full((min(BLOCK, permutations - start), len(errors)), usual)
        for row in block:
            row[generator.choice(len(errors), len(others), replace=False)] = others
        yield block


def _without_echoes(
    rows: Any, errors: Floats, z: Floats, threshold: float, complexity: NDArray[np.int64], handicap: Floats, most: int
) -> list[int]:
    """Positions of the slices above the threshold that those taken before them do not explain."""
    left = np.flatnonzero(z > threshold)
    rows, complexity, handicap = rows[left], complexity[left], handicap[left]
    sums = rows @ errors
    inside = (rows >= 0.5).toarray()
    strata = np.zeros(len(errors), dtype=np.int64)
    taken: list[int] = []
    while len(left) and len(taken) < most:
        now = null(rows, errors, strata, handicap=handicap).z(sums)
        now[taken] = -np.inf
        best = int(now.argmax())
        if now[best] <= threshold:
            break
        best = _simplest(best, rows, errors, now, threshold, complexity, strata, inside)
        taken.append(best)
        strata = np.unique(strata * 2 + inside[best], return_inverse=True)[1]
    return [int(left[i]) for i in taken]


def _simplest(
    best: int, rows: Any, errors: Floats, now: Floats, threshold: float, complexity: NDArray[np.int64],
    strata: NDArray[np.int64], inside: NDArray[np.bool_],
) -> int:  # fmt: skip
    """A simpler slice above the threshold which leaves little of the best one's z, if there is one."""
    row = rows[[best]]
    sums = row @ errors
    simpler = np.flatnonzero((complexity < complexity[best]) & (now > threshold))
    for each in simpler[np.argsort(-now[simpler], kind="stable")]:
        if null(row, errors, strata * 2 + inside[each]).z(sums)[0] < REFINED:
            return int(each)
    return best
