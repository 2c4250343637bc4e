"""How much of an error goes with each of several columns, adjusted for the others: an additive model of the groups.

The share of wrong answers of a row is taken as a mean plus one effect for its group in every column, by least squares.
Where women are answered worse and mostly live in the north, the north looks bad, too; its adjusted effect is then
about zero, because the model compares women with women and men with men. All that the fit reads are counts: rows and
wrong answers by group, and rows by pairs of groups. So it is a sum over rows, and every draw of the Poisson bootstrap
is fitted anew.

    error = mean + effect[gender] + effect[region] + rest,      effects of a column average to zero over the rows

The variance of the fitted errors is the sum over columns of the covariance of their effects with the fit: that is the
share of a column. A column that matters only through another one has none, which Shapley shares (Lindeman, Merenda &
Gold 1980) would give it. Variances of effects are too large by what chance adds, which the draws show and which is
taken off.

Notation: n rows, a columns, p groups of all columns together, b draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from duiqi.core.groups import Groups
from duiqi.core.measure import SMALL_GROUP, Weights, accumulate, simultaneous
from duiqi.core.seed import jeffreys_weights

Floats = NDArray[np.float64]

MOST_LEVELS = 40  # groups of a column: pairs of groups are counted, so the work grows with the square
MOST_POOLED = 0.5  # of the rows: a column with more of them in small groups has too many groups for its rows
_TOLD = 1e-6  # eigenvalues of the shares of rows that groups have in common, below which groups tell each other
_CHUNK = 100  # draws that are fitted together


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; of a small group without."""

    value: float
    low: float | None
    high: float | None

    @property
    def cell(self) -> dict[str, float | None]:
        """As exhibits show it."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Level:
    """A group of a column: the difference of its share of wrong answers from that of all rows, as it was `measured`
    and `adjusted` for the other columns. `name` is `None` for what was put together, `pooled` small groups and all
    rows without a value; where these are few, their differences are drawn towards zero."""

    name: str | None
    rows: int
    pooled: int
    error: float
    measured: Estimate
    adjusted: Estimate


@dataclass(frozen=True)
class Attribute:
    """A column: the share of the variance of errors that goes with it, and how far its groups typically are from all
    rows, measured and adjusted (standard deviations over rows)."""

    column: str
    share: Estimate
    measured: Estimate
    adjusted: Estimate
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Decomposition:
    """The columns that were taken apart, and those that could not be with the reason: `too_many_groups`, `one_group`,
    `told_by_others`."""

    attributes: tuple[Attribute, ...]
    left_out: tuple[tuple[str, str], ...]


def decompose(columns: Sequence[Groups], wrong: NDArray[np.bool_], weights: Weights) -> Decomposition:
    """Take the errors `wrong` bool[n] apart by columns. Nothing is told with fewer than two that can be told apart."""
    designs = [_design(each, weights) for each in columns]
    reasons = {each.column: each.unfit for each in designs if each.unfit}
    kept: list[_Design] = []
    for each in designs:
        if not each.unfit and _adds(kept, each):
            kept.append(each)
        elif not each.unfit:
            reasons[each.column] = "told_by_others"
    left_out = tuple((each.column, reasons[each.column]) for each in designs if each.column in reasons)
    return Decomposition(_fitted(kept, wrong, weights) if len(kept) > 1 else (), left_out)


@dataclass(frozen=True, eq=False)
class _Design:
    """A column with its small groups put together: codes int[n] of every row among `names`, the last being `None`
    where there is anything to put together."""

    column: str
    names: tuple[str | None, ...]
    codes: NDArray[np.int64]
    pooled: int
    unfit: str


def _design(groups: Groups, weights: Weights) -> _Design:
    large = np.flatnonzero(weights.distinct_by(groups.codes, len(groups)) >= SMALL_GROUP)
    few = large[: MOST_LEVELS + 1]
    codes = groups.only(few).codes
    rest = codes < 0
    names: tuple[str | None, ...] = groups.only(few).names
    unfit = ""
    if len(large) > MOST_LEVELS or rest.sum() > MOST_POOLED * len(codes):
        unfit = "too_many_groups"
    elif len(large) + rest.any() < 2:
        unfit = "one_group"
    if rest.any():
        names, codes = (*names, None), np.where(rest, len(few), codes)
    return _Design(groups.columns[0], names, codes, len(groups) - len(large), unfit)


def _adds(kept: Sequence[_Design], design: _Design) -> bool:
    """Whether the groups of a column can be told apart from those of the columns before it.

    They cannot where the rank of all groups together falls short: gender and region that go together in every row.
    """
    from scipy.sparse import csr_array, hstack

    n, joint = len(design.codes), [*kept, design]
    hot = hstack(
        [csr_array((np.ones(n), each.codes, np.arange(n + 1)), shape=(n, len(each.names))) for each in joint],
        format="csr",
    )
    both = (hot.T @ hot).toarray()
    scale = np.sqrt(np.maximum(np.diag(both), 1))
    rank = int((np.linalg.eigvalsh(both / np.outer(scale, scale)) > _TOLD).sum())
    return rank == len(scale) - len(joint) + 1


def _fitted(designs: Sequence[_Design], wrong: NDArray[np.bool_], weights: Weights) -> tuple[Attribute, ...]:
    counts = _Counts.of(designs, wrong, weights)
    value = _fit(counts, *(each[None] for each in counts.table(counts.total)))
    copies = len(wrong) / max(weights.distinct(), 1)
    chunks = [
        _fit(counts, *counts.with_pseudo_rows(counts.table(counts.sums[at : at + _CHUNK]), at, copies, weights))
        for at in range(0, weights.draws, _CHUNK)
    ]
    drawn = _Fit(*(np.concatenate(each) for each in zip(*(vars(c).values() for c in chunks), strict=True)))
    sizes, errors = counts.total[: 2 * counts.groups].reshape(2, -1)
    measured, adjusted = (
        _ends(*each, sizes) for each in ((value.measured, drawn.measured), (value.adjusted, drawn.adjusted))
    )
    attributes = []
    for at, (design, groups) in enumerate(zip(designs, counts.places, strict=True)):
        levels = [
            Level(
                name,
                int(sizes[place]),
                0 if name is not None else design.pooled,
                float(errors[place] / max(sizes[place], 1)),
                measured[place],
                adjusted[place],
            )
            for name, place in zip(design.names, range(groups.start, groups.stop), strict=True)
        ]
        attributes.append(
            Attribute(
                design.column,
                _debiased(value.shares[0, at], drawn.shares[:, at], root=False),
                _debiased(value.variances[0, at], drawn.variances[:, at], root=True),
                _debiased(value.adjusted_variances[0, at], drawn.adjusted_variances[:, at], root=True),
                tuple(levels),
            )
        )
    return tuple(attributes)


@dataclass(frozen=True, eq=False)
class _Counts:
    """What the fit reads: rows by group float[p], wrong answers by group float[p], rows by pairs of groups; in all
    rows and in every draw. `places` are the groups of each column among the p."""

    places: tuple[slice, ...]
    total: Floats
    sums: Floats

    @classmethod
    def of(cls, designs: Sequence[_Design], wrong: NDArray[np.bool_], weights: Weights) -> _Counts:
        from scipy.sparse import csr_array

        ends = np.cumsum([0, *(len(each.names) for each in designs)])
        groups = int(ends[-1])
        at = [design.codes + start for design, start in zip(designs, ends[:-1], strict=True)]
        columns, values = (
            [*at, *(groups + each for each in at)],
            [*(np.ones(len(wrong)) for _ in at), *(wrong for _ in at)],
        )
        offset = 2 * groups
        for first, second in combinations(designs, 2):
            columns.append(offset + first.codes * len(second.names) + second.codes)
            values.append(np.ones(len(wrong)))
            offset += len(first.names) * len(second.names)
        entries = np.stack(values, axis=1).astype(np.float64).ravel()
        starts = np.arange(len(wrong) + 1) * len(columns)
        rows = csr_array((entries, np.stack(columns, axis=1).ravel(), starts), shape=(len(wrong), offset))
        (total,), (sums,) = accumulate(rows, [None], weights)
        return cls(tuple(slice(a, b) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)), total, sums)

    @property
    def groups(self) -> int:
        """How many groups all columns have together."""
        return self.places[-1].stop

    def table(self, sums: Floats) -> tuple[Floats, Floats]:
        """Rows that are in two groups at once float[..., p, p], and wrong answers float[..., p]."""
        p, lead = self.groups, sums.shape[:-1]
        both = np.zeros((*lead, p, p))
        both[..., np.arange(p), np.arange(p)] = sums[..., :p]
        offset = 2 * p
        for first, second in combinations(self.places, 2):
            shape = (first.stop - first.start, second.stop - second.start)
            pairs = sums[..., offset : offset + shape[0] * shape[1]].reshape(*lead, *shape)
            both[..., first, second], both[..., second, first] = pairs, pairs.swapaxes(-1, -2)
            offset += shape[0] * shape[1]
        return both, sums[..., p : 2 * p]

    def with_pseudo_rows(
        self, table: tuple[Floats, Floats], first: int, copies: float, weights: Weights
    ) -> tuple[Floats, Floats]:
        """The table of draws from `first` on with one pseudo-row answered right and one wrong for every group, which
        in the other columns are as the group's rows are on average; weights as of all proportions."""
        both, wrong = table
        rows, _ = self.table(self.total)
        like = rows / np.maximum(np.diag(rows), 1)[:, None]  # float[p, p]: of a group's rows, the share in each group
        drawn = jeffreys_weights("additive", 2 * self.groups, weights.draws, weights.seed)[first : first + len(both)]
        right, false = copies * drawn[:, 0::2], copies * drawn[:, 1::2]
        added = np.einsum("bg,gi,gj->bij", right + false, like, like, optimize=True)
        return both + added, wrong + false @ like


@dataclass(frozen=True, eq=False)
class _Fit:
    """What one or many tables give: differences of groups float[b, p]; shares and variances of columns float[b, a]."""

    measured: Floats
    adjusted: Floats
    shares: Floats
    variances: Floats
    adjusted_variances: Floats


def _fit(counts: _Counts, both: Floats, wrong: Floats) -> _Fit:
    """Least squares on tables float[b, p, p] and wrong answers float[b, p].

    Solved with the first group of each column as the one of no effect (their sum over a column is the mean).
    """
    rows = np.diagonal(both, axis1=-2, axis2=-1)
    n, errors = rows[:, counts.places[0]].sum(axis=1), wrong[:, counts.places[0]].sum(axis=1)
    mean = (errors / n)[:, None]
    turn = _turn(counts.places)
    gram = turn.T @ both @ turn
    gram += 1e-9 * n[:, None, None] * np.eye(turn.shape[1])  # a group may have no row in a draw
    effects = (turn[:, 1:] @ np.linalg.solve(gram, (wrong @ turn)[..., None])[:, 1:])[..., 0]
    measured = np.divide(wrong, rows, out=np.repeat(mean, rows.shape[1], axis=1), where=rows > 0) - mean
    for groups in counts.places:
        own = effects[:, groups]
        effects[:, groups] = own - (rows[:, groups] * own).sum(axis=1, keepdims=True) / n[:, None]
    fitted = (both @ effects[..., None])[..., 0]  # of each group, the sum over its rows of what the model says

    def over(numbers: Floats) -> Floats:
        return np.stack([numbers[:, groups].sum(axis=1) for groups in counts.places], axis=1) / n[:, None]

    variance = np.maximum(mean * (1 - mean), 1e-12)
    return _Fit(measured, effects, over(effects * fitted) / variance, over(rows * measured**2), over(rows * effects**2))


def _turn(places: Sequence[slice]) -> Floats:
    """From groups to what is solved for, float[p, 1 + p - a]: the mean, and all groups but the first of each column."""
    groups = places[-1].stop
    firsts = [each.start for each in places]
    turn = np.delete(np.eye(groups), firsts, axis=1)
    intercept = np.zeros((groups, 1))
    intercept[places[0]] = 1
    return np.concatenate([intercept, turn], axis=1)


def _ends(values: Floats, draws: Floats, rows: Floats) -> list[Estimate]:
    """Differences with intervals that hold for all at once; those of few rows drawn towards zero, and without one."""
    large = rows >= SMALL_GROUP
    low, high = np.full((2, len(rows)), np.nan)
    low[large], high[large] = simultaneous(values[0, large], draws[:, large])
    shrunk = values[0] * np.minimum(rows / SMALL_GROUP, 1.0)
    return [
        Estimate(float(value), float(a), float(b)) if whole else Estimate(float(value), None, None)
        for value, a, b, whole in zip(shrunk, low, high, large, strict=True)
    ]


def _debiased(value: float, draws: Floats, *, root: bool) -> Estimate:
    """A variance less what chance adds to it, with an interval about that; not below 0; its root where asked."""
    lean = float(draws.mean()) - value
    ends = np.maximum(0.0, [value - lean, *np.quantile(draws - 2 * lean, [0.025, 0.975])])
    middle, low, high = np.sqrt(ends) if root else ends
    return Estimate(float(middle), float(min(low, middle)), float(max(high, middle)))
