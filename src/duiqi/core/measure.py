"""`Measure`: a number with its slice, direction and draws. Sums are stored, never finished numbers, so measures add.

Formulas and measured coverages: docs/statistics.md. Notation: n rows, s statistics, b draws, g levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import MergeError
from duiqi.core.part import Part
from duiqi.core.seed import hash64, jeffreys_weights, mix, poisson_weights
from duiqi.core.slice import ALL, Slice

Floats = NDArray[np.float64]

LEVEL = 0.95
FEWEST_ROWS = 10
SMALL_GROUP = 30
_BLOCK = 1024
# Row statistics are put on a grid of this step: sums of up to 2^33 rows are then exact in float64, and totals of
# shards equal the total of the whole bit for bit, in any order.
_GRID = 2.0**-20


@dataclass(frozen=True)
class Interval:
    """An interval at `LEVEL`, and whether a verdict may rest on it: `why` names what forbids it."""

    low: float
    high: float
    why: str = ""

    @property
    def settled(self) -> bool:
        return not self.why

    def to_json(self) -> dict[str, float | None]:
        return {"low": _plain(self.low), "high": _plain(self.high)}


@dataclass(frozen=True)
class Across:
    """Several levels reduced to one number.

    `reduce`: "gap" (largest minus smallest), "worst" (in the metric's direction), or "difference" (first minus
    second). `levels` names them, `rows` counts them, `by` says what they are levels of.
    """

    reduce: str
    by: str
    levels: tuple[str, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Measure:
    """A metric on a slice, as sums: `total` float[s] and `sums` float[b, s]; with `across` float[g, s], float[b, g, s].

    `a + b` merges measures of disjoint rows, `after - before` is the paired change on the same rows. `stated` replaces
    the interval where a procedure outside the draws made it (a permutation test, a search).
    """

    metric: Part
    total: Floats
    sums: Floats
    rows: int
    digest: int
    seed: int = 0
    slice: Slice = ALL
    options: Mapping[str, Any] = field(default_factory=dict)
    across: Across | None = None
    stated: Interval | None = None
    probe: str = ""

    @property
    def base(self) -> str:
        """The name without options: what gates speak of."""
        names = {"gap": "{}_gap", "worst": "worst_group_{}", "difference": "{}_difference"}
        name = self.metric.name
        return names[self.across.reduce].format(name) if self.across else name

    @property
    def name(self) -> str:
        """The name with options: equal exactly for measures that may be compared."""
        shown = [str(v) for k, v in sorted(self.options.items()) if k in self.metric.facts.get("shown", self.options)]
        shown += [self.across.by] if self.across else []
        return f"{self.base}[{','.join(shown)}]" if shown else self.base

    @property
    def better(self) -> str:
        """Which way is better: "higher" or "lower"."""
        if self.across and self.across.reduce == "gap":
            return "lower"
        return str(self.metric.facts["better"])

    @property
    def sign(self) -> float:
        return 1.0 if self.better == "higher" else -1.0

    @cached_property
    def value(self) -> float:
        """The plain estimate."""
        return float(self._shown(self._raw))

    @cached_property
    def values(self) -> Floats:
        """The finished values before they are reduced over levels: float[g] (or what the metric gives without)."""
        return self._finish(self.total)

    @cached_property
    def draws(self) -> Floats:
        """One finished number a draw, float[b]; smoothed by pseudo-rows where the metric is made of proportions."""
        return self._shown(self._centred_draws)

    @cached_property
    def level_draws(self) -> Floats:
        """Finished draws before they are reduced over levels: float[b, g] (or float[b] without levels)."""
        return self._finish(self.sums + self._pseudo())

    @cached_property
    def debiased(self) -> float:
        """The estimate less the bias its draws show; for gaps, which are too large where groups are equal."""
        return max(0.0, 2 * self.value - float(np.nanmean(self.draws)))

    @cached_property
    def interval(self) -> Interval:
        """The interval on its own, at 95 %."""
        return self.stretched(1.0)

    def stretched(self, factor: float) -> Interval:
        """The interval with both arms `factor` times as long: for families of measures, see `critical`.

        A stated interval stays as it is: the procedure that made it has already counted its looks.
        """
        if self.stated:
            return self.stated
        why = self._unsettled()
        if self.across and self.across.reduce != "difference":
            low, high = self._family_interval(factor)
        else:
            low, high = _arms(self._centred_draws, float(self._raw), factor)
            low, high = (float(self._shown(np.asarray(end))) for end in (low, high))
        low, high = self._clip(min(low, self.value)), self._clip(max(high, self.value))
        return Interval(low, high, why or ("zero_width" if not high > low else ""))

    def __add__(self, other: Measure) -> Measure:
        if (self.name, self.slice, self.seed) != (other.name, other.slice, other.seed) or self.across != replace_rows(
            other.across, self.across
        ):
            raise MergeError(
                f"expected two measures of one kind, given {self.name} on {self.slice.rule} (seed {self.seed}) and "
                f"{other.name} on {other.slice.rule} (seed {other.seed})",
                hint="Add measures with the same metric, options, slice, levels and seed.",
            )
        across = self.across
        if across and other.across:
            across = replace(across, rows=tuple(map(sum, zip(across.rows, other.across.rows, strict=True))))
        return replace(
            self,
            total=self.total + other.total,
            sums=self.sums + other.sums,
            rows=self.rows + other.rows,
            digest=(self.digest + other.digest) % 2**64,
            across=across,
            stated=None,
        )

    def __sub__(self, before: Measure) -> Change:
        """The paired change from `before` to this one, on the same rows."""
        if self.digest != before.digest or self.seed != before.seed:
            raise MergeError(
                f"expected {self.name} on the same rows and draws before and after, given {before.rows} and "
                f"{self.rows} rows that differ",
                hint="Measure both on one data set with one seed; for different rows use contrast().",
            )
        return contrast(self, before)

    def to_json(self) -> dict[str, Any]:
        interval = self.interval
        said = {
            "probe": self.probe,
            "name": self.name,
            "slice": self.slice.rule,
            "value": _plain(self.value),
            **interval.to_json(),
            "better": self.better,
            "rows": self.rows,
            "settled": interval.settled,
        }
        if interval.why:
            said["why"] = interval.why
        if self.across and self.across.reduce == "gap":
            said["debiased"] = _plain(self.debiased)
        return said

    def _finish(self, sums: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.metric.hooks["finish"](sums), dtype=np.float64)

    def _reduce(self, values: Floats) -> Floats:
        if self.across is None:
            return values
        if self.across.reduce == "difference":
            return values[..., 0] - values[..., 1]
        if self.across.reduce == "gap":
            return np.nanmax(values, axis=-1) - np.nanmin(values, axis=-1)
        worst = np.nanmin if self.metric.facts["better"] == "higher" else np.nanmax
        return np.asarray(worst(values, axis=-1))

    def _shown(self, values: Floats) -> Floats:
        shown = self.metric.hooks.get("shown")
        return np.asarray(shown(values)) if shown else values

    @cached_property
    def _raw(self) -> Floats:
        return self._reduce(self.values)

    @cached_property
    def _centred_draws(self) -> Floats:
        drawn = np.asarray(self._reduce(self.level_draws))
        if self.metric.facts["interval"] != "centred":
            return drawn
        return drawn - np.nanmean(drawn) + self._raw

    def _pseudo(self) -> Floats | float:
        """What the pseudo-rows add to the sums, float[b, s] or float[b, g, s] (Jeffreys, see STATISTICS)."""
        pseudo = self.metric.hooks.get("pseudo")
        if pseudo is None:
            return 0.0
        levels = self.across.levels if self.across else (self.slice.rule,)
        added = []
        for level, total in zip(levels, np.atleast_2d(self.total), strict=True):
            rows = pseudo(total)
            added.append(jeffreys_weights(f"{self.metric.name}|{level}", len(rows), len(self.sums), self.seed) @ rows)
        return np.stack(added, axis=1) if self.across else added[0]

    def _family_interval(self, factor: float) -> tuple[float, float]:
        """Max-T over levels or pairs of levels: low and high that hold for all of them at once."""
        assert self.across is not None
        values, draws = self.values, self.level_draws
        if self.across.reduce == "gap":
            first, second = np.triu_indices(len(values), 1)
            values, draws = values[first] - values[second], draws[:, first] - draws[:, second]
        spread = draws.std(axis=0)
        reach = _max_t(draws, spread) * spread * factor
        if self.across.reduce == "gap":
            return max(0.0, float((np.abs(values) - reach).max())), float((np.abs(values) + reach).max())
        if self.metric.facts["better"] == "higher":
            return float((values - reach).min()), float((values + reach).min())
        return float((values - reach).max()), float((values + reach).max())

    def _clip(self, value: float) -> float:
        low, high = self.metric.facts["low"], self.metric.facts["high"]
        if self.across and self.across.reduce == "difference":
            low, high = low - high, high - low
        return float(np.clip(value, low, high))

    def _unsettled(self) -> str:
        rows = min(self.across.rows) if self.across else self.rows
        enough = self.metric.hooks.get("enough")
        if rows < FEWEST_ROWS or (enough is not None and not np.all(enough(self.total))):
            return "too_few_rows"
        return "" if np.isfinite(self.value) else "undefined"


def replace_rows(across: Across | None, like: Across | None) -> Across | None:
    """`across` with the row counts of `like`: two families are of one kind whatever their sizes."""
    return replace(across, rows=like.rows) if across and like else across


@dataclass(frozen=True, eq=False)
class Change:
    """A difference of two measures, draw by draw: `value` is after minus before, in the metric's own units."""

    after: Measure
    before: Measure

    @cached_property
    def value(self) -> float:
        return self.after.value - self.before.value

    @cached_property
    def draws(self) -> Floats:
        return self.after.draws - self.before.draws

    @property
    def sign(self) -> float:
        return self.after.sign

    @cached_property
    def interval(self) -> Interval:
        return self.stretched(1.0)

    def stretched(self, factor: float) -> Interval:
        """The interval of the change, arms `factor` times as long.

        Where no row changed its outcome the draws say nothing; then three rows that the sample might have missed
        (the rule of three: 0 of n seen, so at most 3/n at 95 %) give the arms.
        """
        draws = self.draws
        if self.after.metric.facts["interval"] == "centred" or self.after.across:
            draws = draws - np.nanmean(draws) + self.value  # both sides' biases cancel only roughly
        low, high = _arms(draws, self.value, factor)
        low, high = min(low, self.value), max(high, self.value)
        why = self.after._unsettled() or self.before._unsettled()
        if high - low < 1e-12:
            reach = self._three_rows() * factor
            low, high = self.value - reach, self.value + reach
            why = why or ("zero_width" if reach == 0 else "")
        return Interval(float(low), float(high), why)

    def _three_rows(self) -> float:
        measure = self.after
        if "pseudo" not in measure.metric.hooks or measure.across:
            return 0.0
        rows = measure.metric.hooks["pseudo"](measure.total)
        moved = [abs(float(measure._finish(measure.total + 3 * (w - r))) - measure.value)
                 for r, w in zip(rows[0::2], rows[1::2], strict=True)]  # fmt: skip
        return max(moved)

    def verdict(self, margin: float = 0.0, factor: float = 1.0) -> str:
        """ "better", "worse", "not_worse" (by more than `margin`) or "unclear", at the stretched interval."""
        interval = self.stretched(factor)
        low, high = sorted((self.sign * interval.low, self.sign * interval.high))
        if not interval.settled:
            return "unclear"
        if low > 0:
            return "better"
        if high < 0:
            return "worse"
        return "not_worse" if low > -margin else "unclear"

    def to_json(self) -> dict[str, Any]:
        return {"value": _plain(self.value), **self.interval.to_json()}


def _arms(draws: Floats, value: float, factor: float) -> tuple[float, float]:
    """Percentiles of the draws at `LEVEL`, their distances from the value stretched by `factor`."""
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return value + (low - value) * factor, value + (high - value) * factor


def contrast(first: Measure, second: Measure) -> Change:
    """`first` minus `second` without asking for equal rows: rows that both have are paired, others independent."""
    if first.name != second.name:
        raise MergeError(
            f"expected two measures of one metric, given {first.name} and {second.name}",
            hint="Compare a metric with itself.",
        )
    return Change(first, second)


def critical(draws: Sequence[Floats]) -> float:
    """How much longer than single intervals those of a family must be to hold at once: max-T (Romano & Wolf 2005).

    The ratio of the 95 % quantile of the largest studentised draw over the family to that of a single one; at least 1.
    """
    moving = [d for d in draws if np.nanstd(d) > 0]
    if len(moving) < 2:
        return 1.0
    drawn = np.stack(moving, axis=1)
    spread = np.nanstd(drawn, axis=0)
    single = np.median([_max_t(drawn[:, [i]], spread[[i]]) for i in range(len(moving))])
    return max(1.0, _max_t(drawn, spread) / float(single))


def _max_t(draws: Floats, spread: Floats) -> float:
    """95 % quantile of the largest absolute studentised draw; draws float[b, g]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = np.abs(draws - np.nanmean(draws, axis=0)) / spread
    return float(np.quantile(np.nan_to_num(studentised, posinf=0.0).max(axis=1), LEVEL))


@dataclass(frozen=True, eq=False)
class Weights:
    """Bootstrap weights of a set of rows: blocks of float32[rows, b], made when asked for."""

    keys: NDArray[np.uint64]
    draws: int = 1000
    seed: int = 0

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for start in range(0, len(self.keys), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(self.keys)))
            yield rows, poisson_weights(self.keys[rows], self.draws, self.seed)


def accumulate(statistics: Any, masks: Sequence[NDArray[np.bool_] | None], weights: Weights) -> tuple[Floats, Floats]:
    """Sums of row statistics float[n, s] over each mask (`None`: all rows): totals float[m, s], draws float[m, b, s].

    One pass over the rows: each block is one matrix product for all masks and draws, float32 inside and float64
    across blocks. Wide and mostly empty statistics may be a scipy.sparse csr_array.
    """
    on_grid = _to_grid(statistics)
    held = [np.ones(len(weights.keys), dtype=bool) if mask is None else mask for mask in masks]
    totals = np.stack([on_grid[mask].sum(axis=0) for mask in held])
    single, columns = on_grid.astype(np.float32), np.stack(held, axis=1).astype(np.float32)
    sums = np.zeros((weights.draws, totals.size))
    for rows, block in weights.blocks():
        sums += block.T @ _spread(single[rows], columns[rows])
    return totals, sums.reshape(weights.draws, *totals.shape).swapaxes(0, 1)


def _spread(statistics: Any, masks: NDArray[np.float32]) -> Any:
    """Statistics float[n, s] repeated for each mask, zero outside it: float[n, m * s]."""
    if hasattr(statistics, "tocsr"):
        from scipy.sparse import hstack

        return hstack([statistics.multiply(mask[:, None]) for mask in masks.T], format="csr")
    return (masks[:, :, None] * statistics[:, None, :]).reshape(len(statistics), -1)


def _to_grid(statistics: Any) -> Any:
    """Statistics in float64 rounded to the grid, dense or sparse as they came."""
    if hasattr(statistics, "tocsr"):
        gridded = statistics.astype(np.float64)
        gridded.data = np.round(gridded.data / _GRID) * _GRID
        return gridded
    return np.round(np.asarray(statistics, dtype=np.float64) / _GRID) * _GRID


def row_digest(row_ids: NDArray[np.str_], mask: NDArray[np.bool_] | None = None) -> int:
    """A number that says which rows were measured, whatever their order; those of disjoint sets add up."""
    hashes = np.array([hash64(row) for row in (row_ids if mask is None else row_ids[mask])], dtype=np.uint64)
    with np.errstate(over="ignore"):
        return int(mix(hashes).sum(dtype=np.uint64)) if len(hashes) else 0


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
