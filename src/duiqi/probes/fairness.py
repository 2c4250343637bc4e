from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import SMALL_GROUP, Measure
from duiqi.core.part import probe
from duiqi.core.slice import Condition, Slice
from duiqi.data.simulated import simulated_case

JOIN = " × "
MOST_GROUPS, MOST_CROSSED = 60, 12  # shown, the worst first; all take part in the gap
Levels = dict[str, NDArray[np.bool_]]


@probe(
    kind="unfairness",
    needs=("model.answer", "data.label", "data.groups"),
    gates=(Gate("{primary}_gap", at_most=0.05),),
    source="Hardt, Price & Srebro, 2016, Equality of opportunity in supervised learning, NeurIPS; "
    "intervals: Romano & Wolf, 2005, Econometrica",
)
def fairness(case: Case, *, metrics: tuple[str, ...] = (), crossings: bool = True) -> Iterator[Measure | Exhibit]:
    """How far apart the groups are, for every group column and every pair of them.

    For each metric in `metrics` (none: what the task is chosen by) the largest gap between two groups and the value of
    the worst group. Largest gaps are too large by nature: eight groups that are equally well served show a gap of six
    points by chance. So intervals hold for all pairs of groups at once (max-T), and a debiased gap stands beside the
    plain one.

    Groups below 30 rows are shown, drawn towards the mean, and take no part in the gap. Misleads where groups differ
    in how hard their rows are: a gap is a question, not yet an accusation.
    Treated by reweighting, by more rows of the weak group, by correcting its labels.
    """
    metrics = metrics or (case.task.primary,)
    for columns in _crossings(case, crossings):
        levels = _levels(case, columns)
        large = {name: mask for name, mask in levels.items() if mask.sum() >= SMALL_GROUP}
        by = JOIN.join(columns)
        if len(large) >= 2:
            for metric in metrics:
                yield case.across(metric, large, by=by, reduce="gap")
                yield case.across(metric, large, by=by, reduce="worst")
        yield _by_group(case, columns, levels, metrics)


def _crossings(case: Case, crossings: bool) -> list[tuple[str, ...]]:
    columns = case.data.schema.groups
    return [(column,) for column in columns] + (list(combinations(columns, 2)) if crossings else [])


def _levels(case: Case, columns: tuple[str, ...]) -> Levels:
    """Rows of every group by its name; crossings are named "a × b". Rows without a value are left out."""
    values = [case.data.group(column) for column in columns]
    given = np.logical_and.reduce([v != "" for v in values])
    names = np.array([JOIN.join(row) for row in zip(*values, strict=True)], dtype=np.str_)
    return {str(name): (names == name) & given for name in np.unique(names[given])}


def _by_group(case: Case, columns: tuple[str, ...], levels: Levels, metrics: tuple[str, ...]) -> Exhibit:
    """Each metric in each group with its interval; small groups are shrunk towards the mean and marked."""
    slices = [
        Slice(tuple(Condition(c, "==", v) for c, v in zip(columns, name.split(JOIN), strict=True))) for name in levels
    ]
    measured = {metric: case.measures(metric, slices) for metric in metrics}
    overall = {metric: case.measure(metric).value for metric in metrics}
    rows: list[list[Any]] = []
    for at, (name, mask) in enumerate(levels.items()):
        count = int(mask.sum())
        cells = [_cell(measured[metric][at], overall[metric], count) for metric in metrics]
        rows.append([name, *cells, count])
    rows.sort(key=lambda row: math.inf if row[1]["value"] is None else row[1]["value"])
    data = {
        "title": "by_group",
        "by": JOIN.join(columns),
        "columns": ["group", *metrics, "support"],
        "rows": rows[: MOST_CROSSED if len(columns) > 1 else MOST_GROUPS],
    }
    return Exhibit("table", {**data, "total": len(rows)})


def _cell(measure: Measure, overall: float, count: int) -> dict[str, float | bool | None]:
    cell: dict[str, float | bool | None] = {**measure.cell}
    if count < SMALL_GROUP and cell["value"] is not None:
        # as if SMALL_GROUP - count rows of the average kind had been added
        cell["value"] = (count * measure.value + (SMALL_GROUP - count) * overall) / SMALL_GROUP
        cell["shrunk"] = True
    return cell


@fairness.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    groups = {"region": ("north", "south", "east", "west"), "channel": ("app", "shop")}
    healthy = simulated_case(rng, error=0.1, groups=groups)

    def worse(data: object) -> NDArray[np.float64]:
        return np.where(data.group("region") == "south", 0.1 + 0.35 * strength, 0.1)  # type: ignore[attr-defined]

    return healthy, simulated_case(rng, error=worse, groups=groups)
