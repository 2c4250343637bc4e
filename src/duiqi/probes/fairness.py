from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Asked, Case
from duiqi.core.errors import OptionError, nearest
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.groups import Groups
from duiqi.core.measure import SMALL_GROUP, Measure, Weights
from duiqi.core.part import probe
from duiqi.core.rates import Classes
from duiqi.data.additive import Attribute, decompose
from duiqi.data.simulated import simulated_case

MOST_COMPARED = 200  # groups that take part in a gap, the largest first; of wide profiles fewer classes are then told
MOST_RATES = 500  # classes times groups: their draws are kept with the report
MOST_GROUPS, MOST_CROSSED = 60, 12  # shown, the worst first; all that are compared take part in the gap
Cell = dict[str, Any]


@probe(
    kind="unfairness",
    needs=("model.answer", "data.label", "data.groups"),
    gates=(Gate("{primary}_gap", at_most=0.05),),
    source="Hardt, Price & Srebro, 2016, Equality of opportunity in supervised learning, NeurIPS; "
    "intervals: Romano & Wolf, 2005, Econometrica",
)
def fairness(
    case: Case, *, metrics: tuple[str, ...] = (), crossings: bool = True, most_crossed: int = 2, positive: str = ""
) -> Iterator[Measure | Exhibit]:
    """How far apart the groups are, for every group column and for crossings of up to `most_crossed` of them.

    For each metric in `metrics` (none: what the task is chosen by) the largest gap between two groups and the value of
    the worst group. Where answers are classes, labels or tags also the gaps of demographic parity, equal opportunity
    and equalised odds, the largest over classes (with `positive` of this class alone, of two classes the second), and
    with probabilities that of overconfidence: calibration by group. Largest gaps are too large by nature: eight groups
    that are equally well served show a gap of six points by chance. So intervals hold for all pairs of groups and all
    classes at once (max-T), and a debiased gap stands beside the plain one.

    Only the gap of the first is held against a gate. The others exclude one another where classes are not equally
    common in the groups (Chouldechova 2017), so which of them matters is for you to say: a gate of your own, such as
    equalized_odds_gap = {at_most = 0.1}, holds it.

    With two columns or more the errors are taken apart: a model of one effect for each group of every column tells how
    far a group is from all rows when rows are alike in the other columns. A region that looks bad only because of who
    lives there then does not.

    Groups below 30 rows are shown, drawn towards the mean, and take no part in the gap; nor do more than 200 groups.
    Misleads where groups differ in how hard their rows are: a gap is a question, not yet an accusation.
    Treated by reweighting, by more rows of the weak group, by correcting its labels.
    """
    metrics = tuple(dict.fromkeys(metrics or (case.task.primary,)))
    for each in metrics:
        facts = case.catalogue.find("metric", each).facts
        if facts.get("shape") or facts.get("notes"):
            raise OptionError(
                f"expected metrics of answers that are one number for a group, given '{each}'",
                hint="The gaps of demographic parity, equal opportunity and equalised odds are told anyway.",
            )
    single = [Groups.of(case.data, column) for column in case.data.schema.groups]
    everybody = Groups.whole(len(case.data))
    overall = {metric: float(case.group_values(metric, everybody)[0]) for metric in metrics}
    gaps: list[list[Any]] = []
    for groups in _crossed(single, most_crossed if crossings else 1):
        compared = groups.only(_largest(groups))
        profiles, classes = _profiles(case, positive, len(compared))
        measured = case.by_groups([*metrics, *profiles], compared) if len(compared) >= 2 else []
        for measure in measured:
            yield measure
            if not _is_profile(measure):
                assert measure.across is not None
                yield replace(measure, across=replace(measure.across, reduce="worst"))
        gaps += [_gap(measure, classes) for measure in measured]
        yield _by_group(case, groups, measured, overall)
    if gaps:
        columns = ["groups_of", "measure", "largest_gap", "debiased_gap", "class", "lowest", "highest"]
        yield Exhibit("table", {"title": "fairness_gaps", "columns": columns, "rows": gaps})
    if len(single) > 1:
        yield from _by_attribute(case, single)


def _crossed(single: Sequence[Groups], most: int) -> Iterator[Groups]:
    """The groups of every column, then those of every pair of columns, and so on."""
    for size in range(1, min(max(most, 1), len(single)) + 1):
        for first, *others in combinations(single, size):
            crossed = first
            for each in others:
                crossed = crossed.crossed(each)
            yield crossed


def _largest(groups: Groups) -> NDArray[np.int64]:
    """Groups that take part in the gap: those with enough rows, the largest where there are very many."""
    large = np.flatnonzero(groups.rows >= SMALL_GROUP)
    return np.sort(large[np.argsort(-groups.rows[large], kind="stable")][:MOST_COMPARED])


@dataclass(frozen=True)
class _Classes:
    """The classes whose rates are compared: their names and the indices that each is made of."""

    names: tuple[str, ...] = ()
    indices: Classes = ()


def _profiles(case: Case, positive: str, compared: int) -> tuple[list[Asked], _Classes]:
    """The metrics of profiles that make sense for the task, and the classes that they are about."""
    classes = _classes(case, positive, max(2, MOST_RATES // max(compared, 1)))
    rates = ("demographic_parity", "equal_opportunity", "equalized_odds") if classes.names else ()
    asked: list[Asked] = [(name, {"classes": classes.indices}) for name in rates]
    return asked + (
        [("overconfidence", {})] if case.has("model.confidence") and "probs" in case.guess.columns else []
    ), classes


def _classes(case: Case, positive: str, most: int) -> _Classes:
    labels, unit = case.labels, case.task.unit
    if positive and positive not in labels:
        raise OptionError(
            f"expected a class of the task as positive, given '{positive}'", hint=nearest(positive, labels)
        )
    if not labels or unit not in ("row", "word", "label") or (unit == "row" and not case.has("task.classes")):
        return _Classes()
    if unit == "label":  # each is given or not: the share of labels given, found, and rightly left out
        return _Classes((", ".join(labels),), ((1,),))
    indices: Classes = tuple((2 * c + 1, 2 * c + 2) if unit == "word" else (c,) for c in range(len(labels)))
    truth = case.parts[0]
    chosen = list(range(len(labels)))
    if positive or (unit == "row" and len(labels) == 2):
        chosen = [labels.index(positive) if positive else 1]
    elif len(labels) > most:
        common = [int(np.isin(truth, each).sum()) for each in indices]
        chosen = sorted(np.argsort(np.negative(common), kind="stable")[:most].tolist())
    return _Classes(tuple(labels[c] for c in chosen), tuple(indices[c] for c in chosen))


def _gap(measure: Measure, classes: _Classes) -> list[Any]:
    """A line of the table of gaps: how large, of which class, and between which groups."""
    assert measure.across is not None
    name, across = measure.metric.name, measure.across
    cell = {**measure.cell, "metric": f"{name}_gap"}
    debiased = {"value": measure.debiased, "metric": f"{name}_gap"} if cell["value"] is not None else None
    if cell["value"] is None:
        return [across.by, name, cell, debiased, None, None, None]
    low, high, at = measure.extremes
    values = measure.values.reshape(len(across.levels), -1)[:, at]
    ends: list[Cell] = [
        {"said": "group_at", "group": across.levels[g], "metric": name, "value": float(values[g])} for g in (low, high)
    ]
    told: Any = None
    if name in ("demographic_parity", "equal_opportunity"):
        told = classes.names[at]
    elif name == "equalized_odds":
        found = at < len(classes.names)
        told = {"said": "rate_found" if found else "rate_mistaken", "name": classes.names[at % len(classes.names)]}
        if not found:  # kept as rows rightly left alone; people know the rest of it, rows taken for the class
            ends = [{**end, "value": 1 - end["value"]} for end in reversed(ends)]
    return [across.by, name, cell, debiased, told, *ends]


def _by_group(case: Case, groups: Groups, compared: Sequence[Measure], overall: dict[str, float]) -> Exhibit:
    """Each metric in each group with its interval; small groups are shrunk towards the mean and marked."""
    worst = _worst(case, groups, *next(iter(overall.items())))
    most = MOST_GROUPS if len(groups.columns) == 1 and compared else MOST_CROSSED
    shown = groups.only(worst[: most if len(groups.columns) == 1 or compared else 0])  # small crossings say nothing
    known = {name: at for at, name in enumerate(compared[0].across.levels)} if compared and compared[0].across else {}
    others = groups.only(worst[: len(shown)][[name not in known for name in shown.names]])
    rest = case.by_groups(list(overall), others) if len(others) else []
    levels = {name: [each.level(at) for each in compared[: len(overall)]] for name, at in known.items()}
    levels |= {name: [each.level(at) for each in rest] for at, name in enumerate(others.names)}
    rates = {column: (measure, at, turned) for column, measure, at, turned in _rates(compared)}
    rows: list[list[Any]] = []
    for name, count in zip(shown.names, shown.rows.tolist(), strict=True):
        cells: list[Cell | None] = [_shrunk(level, overall[level.metric.name], count) for level in levels[name]]
        cells += [_rate(measure, known.get(name), number, turned) for measure, number, turned in rates.values()]
        rows.append([name, *cells, count])
    return Exhibit(
        "table",
        {
            "title": "by_group",
            "by": groups.by,
            "columns": ["group", *overall, *rates, "support"],
            "rows": rows,
            "total": len(groups),
            "remarks": _remarks(groups, len(shown), len(known)),
        },
    )


def _worst(case: Case, groups: Groups, metric: str, overall: float) -> NDArray[np.int64]:
    """All groups, the worst first by the metric as it is shown: a group of one row that is wrong does not lead."""
    weight = np.minimum(groups.rows / SMALL_GROUP, 1.0)
    drawn = weight * case.group_values(metric, groups) + (1 - weight) * overall
    better = case.catalogue.find("metric", metric).facts["better"]
    return np.argsort(drawn if better == "higher" else -drawn, kind="stable")  # what has no number comes last


def _shrunk(measure: Measure, overall: float, count: int) -> Cell:
    cell: Cell = {**measure.cell}
    if count < SMALL_GROUP and cell["value"] is not None:
        # as if SMALL_GROUP - count rows of the average kind had been added
        cell["value"] = (count * measure.value + (SMALL_GROUP - count) * overall) / SMALL_GROUP
        cell["shrunk"] = True
    return cell


def _rates(compared: Sequence[Measure]) -> Iterator[tuple[str, Measure, int, bool]]:
    """Columns that each are one number of a profile: column, profile, which number, whether one less it is told."""
    profiles = {each.metric.name: each for each in compared if _is_profile(each)}
    odds = profiles.get("equalized_odds")
    if odds is not None and odds.values.shape[1] == 2:  # of one class only: of many there is no room
        yield "selection_rate", profiles["demographic_parity"], 0, False
        yield "true_positive_rate", odds, 0, False
        yield "false_positive_rate", odds, 1, True
    if "overconfidence" in profiles:
        yield "overconfidence", profiles["overconfidence"], 0, False


def _rate(measure: Measure, group: int | None, number: int, turned: bool) -> Cell | None:
    """One number of a group's profile with its interval; `None` where the group has too few rows for it."""
    if group is None or not np.isfinite(measure.values[group, number]):
        return None
    low, high = np.nanquantile(measure.level_draws[:, group, number], [0.025, 0.975])
    value = measure.values[group, number]
    ends = [min(low, value), value, max(high, value)]
    low, value, high = (1 - end for end in reversed(ends)) if turned else ends
    return {"value": float(value), "low": float(low), "high": float(high)}


def _is_profile(measure: Measure) -> bool:
    return bool(measure.metric.facts.get("shape") == "profile")


def _remarks(groups: Groups, shown: int, compared: int) -> list[Cell]:
    """What a reader of the table must know: groups that are small, not compared or not shown."""
    large = int((groups.rows >= SMALL_GROUP).sum())
    said = {
        "groups_small": {"n": len(groups) - large, "of": len(groups)} if shown else None,
        "groups_alone": {} if compared < 2 else None,
        "groups_compared": {"n": compared, "of": large} if 2 <= compared < large else None,
        "groups_shown": {"n": shown, "of": len(groups)} if 0 < shown < len(groups) else None,
        "groups_not_given": {"n": int((groups.codes < 0).sum())} if len(groups.columns) == 1 else None,
    }
    told = {code: facts for code, facts in said.items() if facts is not None and facts.get("n") != 0}
    return [{"code": code, "by": groups.by, **facts} for code, facts in told.items()]


def _by_attribute(case: Case, columns: Sequence[Groups]) -> Iterator[Exhibit]:
    """The share of wrong answers taken apart by column and group, each adjusted for the other columns."""
    found = decompose(columns, ~case.right, Weights(case.data.draw_keys, case.draws, case.seed))
    remarks = [{"code": f"attribute_{why}", "by": column} for column, why in found.left_out]
    rows = [[each.column, each.measured.cell, each.adjusted.cell, each.share.cell] for each in found.attributes]
    names = ["attribute", "measured_spread", "adjusted_spread", "share_of_variance"]
    if rows or remarks:
        table = {"title": "error_by_attribute", "columns": names, "rows": rows, "remarks": remarks, "brief": True}
        yield Exhibit("table", table)
    for attribute in found.attributes:
        yield _by_level(attribute)
    levels = [(attribute.column, level) for attribute in found.attributes for level in attribute.levels]
    bars = [
        {**level.adjusted.cell, "label": f"{column}: {level.name}"}
        for column, level in sorted(levels, key=lambda each: -each[1].adjusted.value)
        if level.name is not None
    ]
    if bars:
        yield Exhibit("bars", {"title": "error_by_group", "x": "adjusted_difference", "bars": bars})


def _by_level(attribute: Attribute) -> Exhibit:
    rows = [
        [
            level.name if level.name is not None else {"said": "groups_together", "n": level.pooled},
            {"value": level.error},
            {**level.measured.cell, "shrunk": level.rows < SMALL_GROUP},
            {**level.adjusted.cell, "shrunk": level.rows < SMALL_GROUP},
            level.rows,
        ]
        for level in sorted(attribute.levels, key=lambda level: -level.adjusted.value)
    ]
    columns = ["group", "error_rate", "measured_difference", "adjusted_difference", "support"]
    return Exhibit("table", {"title": "error_by_group", "by": attribute.column, "columns": columns, "rows": rows})


@fairness.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    groups = {"region": ("north", "south", "east", "west"), "channel": ("app", "shop")}
    healthy = simulated_case(rng, error=0.1, groups=groups)

    def worse(data: object) -> NDArray[np.float64]:
        return np.where(data.group("region") == "south", 0.1 + 0.35 * strength, 0.1)  # type: ignore[attr-defined]

    return healthy, simulated_case(rng, error=worse, groups=groups)
