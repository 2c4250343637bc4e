"""`Gate`: a bound on a measure. Three verdicts: pass, fail, and unclear where the interval straddles the bound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from duiqi.core.errors import OptionError
from duiqi.core.measure import FEWEST_ROWS, Change, Interval, Measure, critical
from duiqi.core.task import Task

MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Gate:
    """A bound on the measure of that name, with or without its options: exactly one of the three bounds.

    `at_least` and `at_most` bound the value, `no_worse_by` the paired change from the model before, in the direction
    that is better. `slice` is a rule, or `None` for every slice that is measured.
    """

    measure: str
    at_least: float | None = None
    at_most: float | None = None
    no_worse_by: float | None = None
    slice: str | None = "all"

    def __post_init__(self) -> None:
        if len(self.bound) != 1:
            raise OptionError(
                f"expected exactly one bound for the gate on {self.measure}, given {self.bound or 'none'}",
                hint="Give one of at_least, at_most, no_worse_by.",
            )

    @property
    def bound(self) -> dict[str, float]:
        """The bound as in report.json."""
        bounds = {"at_least": self.at_least, "at_most": self.at_most, "no_worse_by": self.no_worse_by}
        return {name: value for name, value in bounds.items() if value is not None}

    def speaks_of(self, measure: Measure) -> bool:
        """Whether it bounds this measure."""
        return self.measure in (measure.name, measure.base) and self.slice in (None, measure.slice.rule)

    def for_task(self, task: Task) -> Gate:
        """The gate with measures of a task in the place of `{primary}`, `{row_metric}` and `{recall}` (of a class)."""
        named = {"primary": task.primary, "row_metric": task.row_metric, "recall": task.by_class[1]}
        return replace(self, measure=self.measure.format(**named))

    def hold(self, measure: Measure, before: Measure | None) -> Held | None:
        """The gate held against a measure; `None` where it asks for a measure before and there is none."""
        if self.no_worse_by is None:
            return Held(self, measure, measure - before if before is not None else None)
        return Held(self, measure, measure - before) if before is not None else None


@dataclass(frozen=True, eq=False)
class Held:
    """A gate held against its measure, not yet judged."""

    gate: Gate
    measure: Measure
    change: Change | None

    @property
    def judged(self) -> Measure | Change:
        """What the bound is about: the change for `no_worse_by`, else the measure."""
        if self.gate.no_worse_by is not None:
            assert self.change is not None
            return self.change
        return self.measure

    def verdict(self, factor: float) -> str:
        """The verdict at intervals stretched by `factor`."""
        interval = self.judged.stretched(factor)
        low, high, bound = self._oriented(interval)
        if not interval.settled:
            return "unclear"
        return "pass" if low >= bound else "fail" if high < bound else "unclear"

    def rows_to_settle(self, factor: float) -> int | None:
        """About how many rows would bring the interval to one side of the bound; `None` where no number would do."""
        interval = self.judged.stretched(factor)
        low, high, bound = self._oriented(interval)
        value = self._oriented(Interval(self.judged.value, self.judged.value))[0]
        distance = abs(value - bound)
        if not math.isfinite(high - low) or distance < 1e-9 or interval.why == "zero_width":
            return None
        rows = max(self.measure.rows, 1) * ((high - low) / 2 / distance) ** 2
        rows = max(rows, self.measure.rows, FEWEST_ROWS)
        if rows > MOST_ROWS:
            return None
        digit = 10 ** math.floor(math.log10(rows))
        return math.ceil(rows / digit) * digit

    def _oriented(self, interval: Interval) -> tuple[float, float, float]:
        """Low, high and bound turned so that higher is better."""
        gate = self.gate
        if gate.at_least is not None:
            return interval.low, interval.high, gate.at_least
        if gate.at_most is not None:
            return -interval.high, -interval.low, -gate.at_most
        assert gate.no_worse_by is not None
        low, high = sorted((self.measure.sign * interval.low, self.measure.sign * interval.high))
        return low, high, -gate.no_worse_by


@dataclass(frozen=True, eq=False)
class Ruling:
    """A judged gate: the verdict that counts (corrected for all gates judged together) and the single one."""

    held: Held
    verdict: str
    single_verdict: str
    corrected: Interval
    rows_to_settle: int | None

    @property
    def gate(self) -> Gate:
        return self.held.gate

    @property
    def measure(self) -> Measure:
        return self.held.measure

    def to_json(self) -> dict[str, Any]:
        measure, change = self.held.measure, self.held.change
        said: dict[str, Any] = {
            "probe": measure.probe,
            "measure": measure.name,
            "slice": measure.slice.rule,
            "bound": self.gate.bound,
            "verdict": self.verdict,
            "single_verdict": self.single_verdict,
            "corrected": self.corrected.to_json(),
            "rows": measure.rows,
            "rows_to_settle": self.rows_to_settle,
        }
        if self.corrected.why:
            said["why"] = self.corrected.why
        if measure.metric.facts.get("about") == "elsewhere":
            said["about"] = "elsewhere"
        if change is not None:
            for name, side in (("before", change.before), ("after", change.after)):
                said[name] = {"value": side.to_json()["value"], **side.interval.to_json()}
            said["change"] = {**change.to_json(), "verdict": change.verdict()}
        return said


def judge(held: Sequence[Held]) -> list[Ruling]:
    """Judge a family of gates together: their intervals are stretched by max-T over shared draws."""
    factor = critical([each.judged.draws for each in held if getattr(each.judged, "stated", None) is None])
    rulings = []
    for each in held:
        verdict = each.verdict(factor)
        settle = each.rows_to_settle(factor) if verdict == "unclear" else None
        rulings.append(Ruling(each, verdict, each.verdict(1.0), each.judged.stretched(factor), settle))
    return rulings


def overall(verdicts: Sequence[str]) -> str:
    """One verdict of many: fail beats unclear beats pass."""
    return "fail" if "fail" in verdicts else "unclear" if "unclear" in verdicts else "pass"


def gates_from(table: Mapping[str, Any]) -> tuple[Gate, ...]:
    """Gates from a `[gates]` table: `calibration_error = {at_most = 0.03}`; a list gives several."""
    gates = []
    for measure, said in table.items():
        for each in said if isinstance(said, list) else [said]:
            unknown = set(each) - {"at_least", "at_most", "no_worse_by", "slice"} if isinstance(each, dict) else {each}
            if unknown:
                raise OptionError(
                    f"expected a gate like {{at_most = 0.05}} for {measure}, given {each!r}",
                    hint="The bounds are at_least, at_most and no_worse_by; slice is optional.",
                )
            bounds = [value for name, value in each.items() if name != "slice"]
            if not all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in bounds):
                raise OptionError(
                    f"expected a number as the bound of the gate on {measure}, given {each!r}",
                    hint="Write the number without quotation marks: {at_most = 0.05}.",
                )
            gates.append(Gate(measure, **each))
    return tuple(gates)
