"""`Measure`: a number with its slice, direction and draws. Sums are stored, never finished numbers, so measures add.

Formulas and measured coverages: docs/statistics.md. Notation: n rows, s statistics, b draws, g levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
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
MOST_PAIRED = 64  # levels of a gap of which every pair is looked at; of more, every level
MOST_LEANING = 2  # proportions that a mean may have before its draws are centred (docs/statistics.md)
_BLOCK = 1024
_ROUNDING = 1e-6  # of draws, which are summed in float32
_MOST_KEPT = 2**24  # weights kept for the next pass: 64 MB
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
    second). `levels` names them, `rows` counts them, `by` says what they are levels of. `distinct` counts the keys
    among the rows of each level (empty: as many as rows). `slices` says which rows each level is about where `by` is
    no column.
    """

    reduce: str
    by: str
    levels: tuple[str, ...]
    rows: tuple[int, ...]
    distinct: tuple[int, ...] = ()
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True)
class Shown:
    """The rows that show what a measure says, where those answered wrong do not: their ids, and some as evidence."""

    row_ids: tuple[str, ...]
    evidence: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Measure:
    """A metric on a slice, as sums: `total` float[s] and `sums` float[b, s]; with `across` float[g, s], float[b, g, s].

    `a + b` merges measures of disjoint rows, `after - before` is the paired change on the same rows. `stated` replaces
    the interval where a procedure outside the draws made it (a permutation test, a search). `distinct` counts the keys
    among the rows (0: as many as rows): equal inputs, or rows of one cluster, are one observation. Merging adds it, so
    a key that lies in two shards counts twice there. `shown` are rows that show it, where its probe says which.
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
    distinct: int = 0
    level_of: str = ""  # of a level of a measure across levels: that measure's name
    shown: Shown | None = None

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
    def is_number(self) -> bool:
        """Whether it is one number, which gates and reports speak of: a matrix is none, nor is the profile of a group
        that is not compared with others."""
        shape = self.metric.facts.get("shape")
        return not shape or (shape == "profile" and self.across is not None and self.across.reduce == "gap")

    @property
    def of_rows(self) -> bool:
        """Whether it speaks of rows as they are, whatever model answers them."""
        return self.metric.facts.get("about") == "rows"

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
        """The finished values before they are reduced over levels: float[g] (or what the metric gives without).

        Of a profile float[g, r], no number where a level has too few rows for it.
        """
        return self._taking_part(self._finish(self.total))

    @cached_property
    def draws(self) -> Floats:
        """One finished number a draw, float[b]; smoothed by pseudo-rows where the metric is made of proportions."""
        return self._shown(self._centred_draws)

    @cached_property
    def level_draws(self) -> Floats:
        """Finished draws before they are reduced over levels: float[b, g] (or float[b] without levels)."""
        return self._taking_part(self._finish(self.sums + self._pseudo()))

    @property
    def extremes(self) -> tuple[int, int, int]:
        """Of a gap the level where the metric is lowest, the one where it is highest, and which number of a profile is
        so far apart (else 0)."""
        values = self.values.reshape(len(self.values), -1)
        apart = np.fmax.reduce(values, axis=0) - np.fmin.reduce(values, axis=0)
        at = int(np.nanargmax(apart))
        return int(np.nanargmin(values[:, at])), int(np.nanargmax(values[:, at])), at

    @property
    def worst_level(self) -> int:
        """The level that is served worst: the lowest where higher is better, else the highest; of a profile in the
        number that is farthest apart."""
        lowest, highest, _ = self.extremes
        return lowest if self.metric.facts["better"] == "higher" else highest

    @property
    def cell(self) -> dict[str, float | None]:
        """Value and interval for an exhibit; `None` where there is no number."""
        return {"value": _plain(self.value), **self.interval.to_json()}

    @cached_property
    def debiased(self) -> float:
        """The estimate less what its draws show chance to add; for gaps, which are too large where groups are equal.

        Draws of a metric that lean are moved back level by level, so that what is left is the lean of the gap itself.
        """
        draws = self.level_draws
        if self.across and self.centred:
            there = np.isfinite(draws)
            mean = np.where(there, draws, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
            draws = draws - mean + self.values
        lean = _mean(self._shown(self._reduce(draws))) - self.value
        return max(0.0, self.value - max(0.0, lean))

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
        narrow = not high - low > _ROUNDING * max(1.0, abs(self.value))
        return Interval(low, high, why or ("zero_width" if narrow else ""))

    def __add__(self, other: Measure) -> Measure:
        if (self.name, self.slice, self.seed, self.options) != (other.name, other.slice, other.seed, other.options) or (
            self.across != replace_rows(other.across, self.across)
        ):
            raise MergeError(
                f"expected two measures of one kind, given {self.name} on {self.slice.rule} (seed {self.seed}) and "
                f"{other.name} on {other.slice.rule} (seed {other.seed})",
                hint="Add measures with the same metric, options, slice, levels and seed.",
            )
        across = self.across
        if across and other.across:
            across = replace(
                across,
                rows=_added(across.rows, other.across.rows),
                distinct=_added(across.distinct or across.rows, other.across.distinct or other.across.rows),
            )
        return replace(
            self,
            total=self.total + other.total,
            sums=self.sums + other.sums,
            rows=self.rows + other.rows,
            digest=(self.digest + other.digest) % 2**64,
            across=across,
            stated=None,
            shown=None,
            distinct=(self.distinct or self.rows) + (other.distinct or other.rows),
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

    def level(self, at: int) -> Measure:
        """One level of a measure across levels, as a measure of its own."""
        assert self.across is not None
        return replace(
            self,
            total=self.total[at],
            sums=self.sums[:, at],
            rows=self.across.rows[at],
            distinct=self.across.distinct[at] if self.across.distinct else 0,
            digest=(self.digest + hash64(self.across.levels[at])) % 2**64,
            level_of=self.name if self.across.reduce == "difference" else "",
            across=None,
            stated=None,
        )

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
            axis = -2 if self.metric.facts.get("shape") == "profile" else -1
            apart = np.fmax.reduce(values, axis=axis) - np.fmin.reduce(values, axis=axis)
            return np.asarray(np.fmax.reduce(apart, axis=-1) if axis == -2 else apart)
        worst = np.fmin if self.metric.facts["better"] == "higher" else np.fmax  # both leave out what is no number
        return np.asarray(worst.reduce(values, axis=-1))

    def _taking_part(self, values: Floats) -> Floats:
        """Values of a profile, NaN for those that a level has too few rows for: by the totals, alike in all draws."""
        if self.metric.facts.get("shape") != "profile" or "enough" not in self.metric.hooks:
            return values
        return np.where(self.metric.hooks["enough"](self.total), values, np.nan)

    def _shown(self, values: Floats) -> Floats:
        shown = self.metric.hooks.get("shown")
        return np.asarray(shown(values)) if shown else values

    @cached_property
    def _raw(self) -> Floats:
        return self._reduce(self.values)

    @cached_property
    def _centred_draws(self) -> Floats:
        drawn = np.asarray(self._reduce(self.level_draws))
        if not self.centred:
            return drawn
        return np.asarray(drawn - _mean(drawn) + self._raw)

    @cached_property
    def centred(self) -> bool:
        """Whether draws are moved back onto the estimate: where the metric says so, and for means over many classes.

        There each class has few rows, its draws lean the same way as all others', and the mean keeps the lean while
        its spread shrinks.
        """
        pseudo = self.metric.hooks.get("pseudo")
        if pseudo is None:
            return bool(self.metric.facts["interval"] == "centred")
        proportions = max(int(np.any(pseudo(total), axis=1).sum()) // 2 for total in np.atleast_2d(self.total))
        return proportions > MOST_LEANING

    def _pseudo(self) -> Floats | float:
        """What the pseudo-rows add to the sums, float[b, s] or float[b, g, s].

        A pseudo-row stands for one more observation. Where several rows are one observation it weighs as many of
        them, or copying rows would shorten intervals.
        """
        pseudo = self.metric.hooks.get("pseudo")
        if pseudo is None:
            return 0.0
        levels = self.across.levels if self.across else (self.slice.rule,)
        added = []
        for level, total, copies in zip(levels, np.atleast_2d(self.total), self._copies, strict=True):
            rows = pseudo(total) * copies
            added.append(jeffreys_weights(f"{self.metric.name}|{level}", len(rows), len(self.sums), self.seed) @ rows)
        return np.stack(added, axis=1) if self.across else added[0]

    @property
    def _observations(self) -> NDArray[np.int64]:
        """Distinct keys among the rows of each level, int[g] (int[1] without levels)."""
        if self.across:
            return np.array(self.across.distinct or self.across.rows)
        return np.array([self.distinct or self.rows])

    @property
    def _copies(self) -> Floats:
        """Rows for each distinct key, by level: float[g] (float[1] without levels)."""
        rows = np.array(self.across.rows if self.across else [self.rows])
        return np.asarray(rows / np.maximum(self._observations, 1))

    def _family_interval(self, factor: float) -> tuple[float, float]:
        """Max-T over levels or pairs of levels, of a profile of all its numbers: low and high that hold for all of
        them at once."""
        assert self.across is not None
        families = [each for each in map(self._family, self._numbers()) if each is not None]
        if not families:
            return float("nan"), float("nan")
        largest = np.max([each.largest for each in families], axis=0)
        reach = float(np.quantile(largest, LEVEL)) * factor
        bounds = np.array([each.bounds(reach, self.across.reduce, self.metric.facts["better"]) for each in families])
        if self.across.reduce == "gap":
            return max(0.0, float(bounds[:, 0].max())), float(bounds[:, 1].max())
        return float(bounds[0, 0]), float(bounds[0, 1])

    def _numbers(self) -> Iterator[tuple[Floats, Floats]]:
        """Values float[g] and draws float[b, g] of the metric; of a profile, of one of its numbers after the other."""
        if self.values.ndim == 1:
            yield self.values, self.level_draws
        else:
            for at in range(self.values.shape[1]):
                yield self.values[:, at], self.level_draws[:, :, at]

    def _family(self, number: tuple[Floats, Floats]) -> _Family | None:
        """The levels that have a value, or all pairs of them for a gap; `None` of fewer than two.

        Pairs of very many levels are too many: then bounds that hold for every level give one for every pair.
        """
        values, draws = number
        there = np.isfinite(values)
        values, draws = values[there], draws[:, there]
        if len(values) < 2:
            return None
        paired = self.across is not None and self.across.reduce == "gap" and len(values) <= MOST_PAIRED
        if paired:
            first, second = np.triu_indices(len(values), 1)
            values, draws = values[first] - values[second], draws[:, first] - draws[:, second]
        spread = np.nanstd(draws, axis=0)
        return _Family(values, spread, _largest_t(draws, spread), paired)

    def _clip(self, value: float) -> float:
        low, high = self.metric.facts["low"], self.metric.facts["high"]
        if self.across and self.across.reduce == "difference":
            low, high = low - high, high - low
        elif self.across and self.across.reduce == "gap":
            low, high = 0.0, high - low
        return float(np.clip(value, low, high))

    def _unsettled(self) -> str:
        enough = self.metric.hooks.get("enough")
        whole = self.metric.facts.get("shape") != "profile"  # of which each number says for itself what takes part
        if self._observations.min() < FEWEST_ROWS or (enough and whole and not np.all(enough(self.total))):
            return "too_few_rows"
        return "" if np.isfinite(self.value) else "undefined"


@dataclass(frozen=True, eq=False)
class _Family:
    """Values float[m] with their spread and in each draw the largest studentised one, float[b]: levels, or `paired`
    differences of them."""

    values: Floats
    spread: Floats
    largest: Floats
    paired: bool

    def bounds(self, reach: float, reduce: str, better: str) -> tuple[float, float]:
        """Low and high of the gap or the worst level, where each value reaches so many spreads either way."""
        low, high = self.values - reach * self.spread, self.values + reach * self.spread
        if self.paired:
            apart, arms = np.abs(self.values), reach * self.spread
            return float((apart - arms).max()), float((apart + arms).max())
        if reduce == "gap":
            return float(low.max() - high.min()), float(high.max() - low.min())
        worst = np.min if better == "higher" else np.max
        return float(worst(low)), float(worst(high))


def replace_rows(across: Across | None, like: Across | None) -> Across | None:
    """`across` with the row counts of `like`: two families are of one kind whatever their sizes."""
    return replace(across, rows=like.rows, distinct=like.distinct) if across and like else across


def _added(first: Sequence[int], second: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(first, second, strict=True))


def _mean(draws: Floats) -> float:
    """Mean of the draws that are numbers; NaN where none is."""
    numbers = draws[np.isfinite(draws)]
    return float(numbers.mean()) if len(numbers) else float("nan")


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
        """The change in every draw, float[b]; for proportions with a pseudo-row each way, see `_pseudo`."""
        return self.after.draws - self.before.draws + self._pseudo

    @property
    def _pseudo(self) -> Floats | float:
        """What one row more that got better and one that got worse add, each with weight Gamma(1, 1).

        As Bonett & Price (2012, Journal of Educational and Behavioral Statistics) add one to either count. The
        pseudo-rows of both sides cancel in the difference, so few rows that change would look more certain than they
        are. Turned by the first sum that differs: swapping the sides negates every draw.
        """
        measure = self.after
        differs = (measure.sums != self.before.sums) if measure.sums.shape == self.before.sums.shape else np.ones(1)
        if "pseudo" not in measure.metric.hooks or measure.across or not differs.any():
            return 0.0
        first = int(differs.argmax())
        turned = 1.0 if measure.sums.flat[first] > self.before.sums.flat[first] else -1.0
        moved = _moved(measure, measure.total + self.before.total, 2 * float(measure._copies[0]))
        weights = jeffreys_weights(f"change|{measure.name}|{measure.slice.rule}", 4, len(measure.sums), measure.seed)
        # The harmonic mean: for k classes of n_c rows each moves by 1 / (k n_c), a row of any class by 1 / n.
        one_row = len(moved) / np.sum(1 / moved) if len(moved) else 0.0
        return turned * one_row * (weights @ [1.0, 1.0, -1.0, -1.0])  # two of Gamma(1/2, 1) make one of Gamma(1, 1)

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
        why = self.after._unsettled() or self.before._unsettled()
        if np.ptp(draws) < _ROUNDING:
            reach = self._three_rows() * factor
            return Interval(self.value - reach, self.value + reach, why or ("zero_width" if reach == 0 else ""))
        if self.after.centred or self.after.across:
            draws = draws - _mean(draws) + self.value  # both sides' biases cancel only roughly
        low, high = _arms(draws, self.value, factor)
        low, high = min(low, self.value), max(high, self.value)
        return Interval(float(low), float(high), why)

    def _three_rows(self) -> float:
        measure = self.after
        if "pseudo" not in measure.metric.hooks:
            return 0.0
        totals = np.atleast_2d(measure.total)
        levels = [_moved(measure, total, 3 * n) for total, n in zip(totals, measure._copies, strict=True)]
        most = sorted((float(moved.max(initial=0.0)) for moved in levels), reverse=True)
        both = measure.across is not None and measure.across.reduce != "worst"
        return sum(most[:2]) if both else most[0]

    def verdict(self, margin: float = 0.0, factor: float = 1.0) -> str:
        """ "better", "worse", "not_worse" (by more than `margin`) or "unclear", at the stretched interval.

        Of a metric that is only computed to within `off_by`, a smaller change is none.
        """
        interval = self.stretched(factor)
        low, high = sorted((self.sign * interval.low, self.sign * interval.high))
        blur = float(self.after.metric.facts.get("off_by", 0.0))
        if not interval.settled:
            return "unclear"
        if low > blur:
            return "better"
        if high < -blur:
            return "worse"
        return "not_worse" if low > -margin else "unclear"

    def to_json(self) -> dict[str, Any]:
        return {"value": _plain(self.value), **self.interval.to_json()}


def _moved(measure: Measure, total: Floats, rows: float) -> Floats:
    """How far the value moves when that many rows of a class change from right to wrong, for each class it has."""
    pseudo = measure.metric.hooks["pseudo"](total)
    changes = (pseudo[1::2] - pseudo[0::2])[np.any(pseudo[0::2] != 0, axis=1)]
    return np.abs(measure._finish(total + rows * changes) - measure._finish(total))


def _arms(draws: Floats, value: float, factor: float) -> tuple[float, float]:
    """Percentiles of the draws at `LEVEL`, their distances from the value stretched by `factor`."""
    numbers = draws[np.isfinite(draws)]  # a draw may hold no row of a small slice
    if not len(numbers) or not np.isfinite(value):
        return float("nan"), float("nan")
    low, high = np.quantile(numbers, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return value + (low - value) * factor, value + (high - value) * factor


def contrast(first: Measure, second: Measure) -> Change:
    """`first` minus `second` without asking for equal rows: rows that both have are paired, others independent."""
    if first.name != second.name:
        raise MergeError(
            f"expected two measures of one metric, given {first.name} and {second.name}",
            hint="Compare a metric with itself.",
        )
    return Change(first, second)


def jeffreys(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `right` of `n` were seen (Brown, Cai & DasGupta 2001); (0, 1) of none."""
    from scipy.special import betaincinv

    if n == 0:
        return 0.0, 1.0
    low, high = betaincinv(right + 0.5, n - right + 0.5, [0.025, 0.975])
    return (0.0 if right == 0 else float(low)), (1.0 if right == n else float(high))


def exact(measure: Measure, *, looks: int) -> Interval:
    """The interval of Clopper and Pearson (1934) for a share, wide enough for so many shares at once (Bonferroni). Rows
    of one input or cluster are one observation."""
    from scipy.stats import beta

    n = measure.distinct or measure.rows
    hits, tail = measure.value * n, (1 - LEVEL) / 2 / looks
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return Interval(low, high, "too_few_rows" if n < FEWEST_ROWS else "")


def critical(draws: Sequence[Floats]) -> float:
    """How much longer than single intervals those of a family must be to hold at once: max-T (Romano & Wolf 2005).

    The ratio of the 95 % quantile of the largest studentised draw over the family to that of a single one; at least 1.
    """
    moving = [d for d in draws if len(set(d[np.isfinite(d)].tolist())) > 1]
    if len(moving) < 2:
        return 1.0
    drawn = np.stack(moving, axis=1)
    spread = np.nanstd(drawn, axis=0)
    single = np.median([_max_t(drawn[:, [i]], spread[[i]]) for i in range(len(moving))])
    return max(1.0, _max_t(drawn, spread) / float(single))


def simultaneous(values: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """Lower and upper ends, float[m], that hold for all of several numbers at once (max-T); draws float[b, m]."""
    spread = np.nanstd(draws, axis=0)
    reach = _max_t(draws, spread) * spread
    return values - reach, values + reach


def _max_t(draws: Floats, spread: Floats) -> float:
    """95 % quantile of the largest absolute studentised draw; draws float[b, g]."""
    return float(np.quantile(_largest_t(draws, spread), LEVEL))


def _largest_t(draws: Floats, spread: Floats) -> Floats:
    """The largest absolute studentised number of each draw, float[b]; draws float[b, g]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = np.abs(draws - np.nanmean(draws, axis=0)) / spread
    return np.asarray(np.nan_to_num(studentised, posinf=0.0).max(axis=1))


@dataclass(frozen=True, eq=False)
class Weights:
    """Bootstrap weights of a set of rows: blocks of float32[rows, b], made when asked for, kept where they are few."""

    keys: NDArray[np.uint64]
    draws: int = 1000
    seed: int = 0

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The rows of each block and their weights."""
        return iter(self._kept) if len(self.keys) * self.draws <= _MOST_KEPT else self._made()

    @cached_property
    def _kept(self) -> list[tuple[slice, NDArray[np.float32]]]:
        return list(self._made())

    def _made(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for start in range(0, len(self.keys), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(self.keys)))
            yield rows, poisson_weights(self.keys[rows], self.draws, self.seed)

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], int]:
        """For every row the number of its key, and how many keys there are."""
        known, places = np.unique(self.keys, return_inverse=True)
        return places, len(known)

    def distinct(self, mask: NDArray[np.bool_] | None = None) -> int:
        """How many different keys the rows have: how many observations they are."""
        places, many = self._places
        if mask is None or many == len(self.keys):
            return many if mask is None else int(mask.sum())
        seen = np.zeros(many, dtype=bool)
        seen[places[mask]] = True
        return int(seen.sum())

    def distinct_by(self, codes: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
        """How many different keys the rows of each part have, int[parts]; rows with a code below 0 are of none."""
        places, many = self._places
        inside = codes >= 0
        if many == len(self.keys):
            return np.bincount(codes[inside], minlength=parts)
        pairs = np.unique(codes[inside] * many + places[inside])
        return np.bincount(pairs // many, minlength=parts)


def accumulate(statistics: Any, masks: Sequence[NDArray[np.bool_] | None], weights: Weights) -> tuple[Floats, Floats]:
    """Sums of row statistics float[n, s] over each mask (`None`: all rows): totals float[m, s], draws float[m, b, s].

    Wide and mostly empty statistics may be a scipy.sparse csr_array.
    """
    return accumulate_all([statistics], masks, weights)[0]


def accumulate_all(
    statistics: Sequence[Any], masks: Sequence[NDArray[np.bool_] | None], weights: Weights
) -> list[tuple[Floats, Floats]]:
    """As `accumulate`, for several statistics of the same rows in one pass.

    Weights are made once a block; all dense statistics share one matrix product with them, float32 inside and float64
    across blocks. A column that several metrics count (hits of a class, say) is summed once.
    """
    held = np.ones((len(weights.keys), len(masks)), dtype=np.float32)
    for at, mask in enumerate(masks):
        if mask is not None:
            held[:, at] = mask
    stacks, places = _stacked([_to_grid(each) for each in statistics])
    totals = [_totals(stack, masks) for stack in stacks]
    single = [stack.astype(np.float32) for stack in stacks]
    sums = [np.zeros((weights.draws, total.size)) for total in totals]
    for rows, block in weights.blocks():
        for added, stack in zip(sums, single, strict=True):
            added += block.T @ _spread(stack[rows], held[rows])
    drawn = [each.reshape(weights.draws, *total.shape).swapaxes(0, 1) for each, total in zip(sums, totals, strict=True)]
    return [(totals[stack][:, columns], drawn[stack][:, :, columns]) for stack, columns in places]


def accumulate_parted(
    statistics: Sequence[Any], codes: NDArray[np.int64], parts: int, weights: Weights
) -> list[tuple[Floats, Floats]]:
    """As `accumulate_all` over parts that have no row in common, `codes` int[n] giving each row's (below 0: of none).

    Rows are taken part by part, so that the work does not grow with the number of parts.
    """
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    dense = [each.toarray() if hasattr(each, "tocsr") else each for each in statistics]
    (stack,), places = _stacked([_to_grid(np.asarray(each)[order]) for each in dense])
    placed, single = codes[order], stack.astype(np.float32)
    sums = np.zeros((parts, weights.draws, stack.shape[1]))
    for rows, block in Weights(weights.keys[order], weights.draws, weights.seed).blocks():
        edges = [0, *(np.flatnonzero(np.diff(placed[rows])) + 1).tolist(), len(block)]
        for first, last in pairwise(edges):
            part = slice(rows.start + first, rows.start + last)
            sums[placed[part.start]] += block[first:last].T @ single[part]
    totals = totals_of(stack, placed, parts)
    return [(totals[:, columns], sums[:, :, columns]) for _, columns in places]


def totals_of(statistics: Any, codes: NDArray[np.int64], parts: int) -> Floats:
    """Sums of row statistics float[n, s] over parts that have no row in common: float[parts, s]."""
    from scipy.sparse import csr_array

    rows = np.flatnonzero(codes >= 0)
    held = csr_array((np.ones(len(rows)), (codes[rows], rows)), shape=(parts, len(codes)))
    summed = held @ _to_grid(statistics)
    return np.asarray(summed.toarray() if hasattr(summed, "tocsr") else summed)


def _stacked(statistics: Sequence[Any]) -> tuple[list[Any], list[tuple[int, Any]]]:
    """The sparse statistics and one stack of all different dense columns; for each given one its stack and columns."""
    stacks = [each for each in statistics if hasattr(each, "tocsr")]
    known: dict[bytes, int] = {}
    different: list[Floats] = []
    places: list[tuple[int, Any]] = []
    for each in statistics:
        if hasattr(each, "tocsr"):
            places.append((next(at for at, stack in enumerate(stacks) if stack is each), slice(None)))
            continue
        columns = []
        for column in np.ascontiguousarray(each.T):
            at = known.setdefault(column.tobytes(), len(different))
            different += [column] if at == len(different) else []
            columns.append(at)
        places.append((len(stacks), columns))
    return stacks + ([np.stack(different, axis=1)] if different else []), places


def _totals(statistics: Any, masks: Sequence[NDArray[np.bool_] | None]) -> Floats:
    return np.stack([(statistics if mask is None else statistics[mask]).sum(axis=0) for mask in masks])


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
    return digest_of(row_hashes(row_ids if mask is None else row_ids[mask]))


def row_hashes(row_ids: NDArray[np.str_]) -> NDArray[np.uint64]:
    """What each row adds to a digest, uint64[n]."""
    return mix(np.array([hash64(row) for row in row_ids], dtype=np.uint64))


def digest_of(hashes: NDArray[np.uint64], mask: NDArray[np.bool_] | None = None) -> int:
    """The digest of rows from their hashes, over a mask."""
    with np.errstate(over="ignore"):
        return int((hashes if mask is None else hashes[mask]).sum(dtype=np.uint64))


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
