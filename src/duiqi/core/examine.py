"""`examine`: the one runner behind diagnose, prove, watch and repair."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.errors import DataError, DuiqiError, OptionError, PartError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate, Held, Ruling, judge
from duiqi.core.measure import Measure
from duiqi.core.part import Part
from duiqi.core.report import Finding, Report
from duiqi.core.slice import ALL, Slice
from duiqi.core.task import Task

MOST_EVIDENCE = 5
MOST_IDS = 200


@dataclass(frozen=True)
class Order:
    """A probe with its options: what to run."""

    probe: Part
    options: Mapping[str, Any] = field(default_factory=dict)


def orders(
    case: Case, *, only: Iterable[str] = (), options: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Order]:
    """All probes, or those named in `only`, with their options; those that run on request where they are named or given
    options."""
    named = tuple(only)
    found = [case.catalogue.find("probe", name) for name in named or case.catalogue.names("probe")]
    given = options or {}
    return [Order(p, given.get(p.name, {})) for p in found if named or p.name in given or not p.facts.get("on_request")]


def examine(
    case: Case,
    probes: Sequence[Order],
    *,
    verb: str = "diagnose",
    gates: Sequence[Gate] = (),
    against: Report | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Run probes on a case and hold their measures against gates.

    A probe whose needs are missing, or that raises, is skipped with its reason. `gates` replace the default gates on
    the same measure, and so do those that a probe yields with its measures. With `against`, a report on the same rows,
    every ruling carries the paired change from it.
    """
    started = time.monotonic()
    measures: list[Measure] = []
    exhibits: list[Exhibit] = []
    skipped: list[dict[str, Any]] = []
    stated: list[Gate] = []
    seconds: dict[str, float] = {}
    answer = {"model.answer", "model.confidence", f"model.{case.task.output}"}
    judging = any("data.label" in order.probe.needs and answer & {*order.probe.needs} for order in probes)
    if judging and case.has("model.answer") and case.has("data.label"):
        _ = case.guess, case.truth  # a model that does not answer these rows, or knows other labels, cannot be judged
    for number, order in enumerate(probes):
        if progress:
            progress(order.probe.name, number, len(probes))
        begun = time.monotonic()
        found, why = _run(case, order)
        seconds[order.probe.name] = round(time.monotonic() - begun, 3)
        skipped += [why] if why else []
        measures += [replace(each, probe=order.probe.name) for each in found if isinstance(each, Measure)]
        stated += [each for each in found if isinstance(each, Gate)]
        exhibits += [replace(each, probe=order.probe.name) for each in found if isinstance(each, Exhibit)]
    if progress and probes:
        progress(probes[-1].probe.name, len(probes), len(probes))
    kinds = {order.probe.name: str(order.probe.kind) for order in probes}
    rulings = judge(hold(case.task, measures, probes, gates, against, stated))
    return Report(
        verb=verb,
        seed=case.seed,
        measures=tuple(measures),
        rulings=tuple(rulings),
        findings=tuple(finding(case, r, kinds[r.measure.probe]) for r in rulings if r.verdict == "fail"),
        exhibits=tuple(exhibits),
        skipped=tuple(skipped),
        facts={"seconds": round(time.monotonic() - started, 2), "seconds_by_probe": seconds},
    )


def hold(
    task: Task,
    measures: Sequence[Measure],
    probes: Sequence[Order],
    gates: Sequence[Gate],
    against: Report | None,
    stated: Sequence[Gate] = (),
) -> list[Held]:
    """Every gate with every measure it speaks of; on the same measure the user's gates stand in for those that its
    probe stated, and these for the ones it declared."""
    held = []
    for measure in measures:
        if not measure.is_number:
            continue
        own = [gate for gate in gates if gate.speaks_of(measure)] or [g for g in stated if g.speaks_of(measure)]
        declared = [gate for order in probes if order.probe.name == measure.probe for gate in order.probe.gates]
        default = [gate.for_task(task) for gate in declared]
        before = against.find(measure) if against else None
        for gate in own or [gate for gate in default if gate.speaks_of(measure)]:
            held.append(gate.hold(measure, before))
    return [each for each in held if each is not None]


def _run(case: Case, order: Order) -> tuple[list[Measure | Exhibit | Gate], dict[str, Any] | None]:
    missing = [need for need in order.probe.needs if not case.has(need)]
    if missing:
        return [], {"probe": order.probe.name, "needs": missing, "why": "missing", "hint": f"supply {missing[0]}"}
    options = order.probe.check(order.options)  # a mistyped option is the user's to mend, not a reason to skip
    try:
        return list(order.probe.function(case, **options)), None
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # whatever a part raises: the run goes on and the report says so
        if options and isinstance(error, OptionError | PartError):
            raise  # names and options inside a probe's options are the user's to mend, too
        said = {"probe": order.probe.name, "needs": []}
        if isinstance(error, DataError):  # the part says itself that these rows do not do
            return [], {**said, "why": "unsuited", "detail": str(error), "hint": error.hint}
        hint = error.hint if isinstance(error, DuiqiError) else "see detail"
        return [], {**said, "why": "raised", "detail": f"{type(error).__name__}: {error}", "hint": hint}


def finding(case: Case, ruling: Ruling, kind: str) -> Finding:
    """What a ruling says is wrong, with the slice, rows that show it, and the remedies that treat it."""
    measure = ruling.measure
    meant = _worst_slice(measure)
    remedies = tuple(part.name for part in case.catalogue.all("remedy") if kind in part.treats and _suits(part, case))
    if measure.shown is not None:
        ids, severity = measure.shown.row_ids, _distance(ruling) * 1000
        told = measure.shown.evidence
        return Finding(kind, measure.probe, ruling, meant, len(ids), severity, ids[:MOST_IDS], told, remedies)
    elsewhere = measure.metric.facts.get("about") == "elsewhere"
    if measure.of_rows or elsewhere:  # shown by what the probe lists: the answers to dev rows say nothing of it
        severity = _distance(ruling) * 1000
        return Finding(kind, measure.probe, ruling, meant, measure.rows, severity, remedies=remedies)
    mask = case.mask(meant) if meant.where else np.ones(len(case.data), dtype=bool)
    return Finding(
        kind=kind,
        probe=measure.probe,
        ruling=ruling,
        slice=meant,
        rows=int(mask.sum()),
        severity=_distance(ruling) * _share(measure, mask) * 1000,
        row_ids=tuple(map(str, case.data.row_ids[mask][:MOST_IDS])),
        evidence=() if measure.metric.facts.get("about") == "versions" else tuple(evidence(case, meant)),
        remedies=remedies,
    )


def _suits(part: Part, case: Case) -> bool:
    """Whether a remedy is for the task; what else it needs, such as training rows, a later run may have."""
    return all(case.has(need) for need in part.needs if need.startswith("task."))


def _worst_slice(measure: Measure) -> Slice:
    """The slice a finding is about: for a gap or a worst group that of its worst level, else the measure's own."""
    across = measure.across
    if across is None or across.reduce == "difference":
        return measure.slice
    at = measure.worst_level
    if across.slices:
        return Slice(measure.slice.where + across.slices[at].where)
    level = across.levels[at]
    columns, values = across.by.split(" × "), level.split(" × ")
    where = [Slice.of(column, value).where[0] for column, value in zip(columns, values, strict=True)]
    return Slice(measure.slice.where + tuple(where))


def _share(measure: Measure, mask: NDArray[np.bool_]) -> float:
    """Share of the rows that a finding is about: of a difference the first level, which is compared with the other."""
    if measure.across is not None and measure.across.reduce == "difference":
        return measure.across.rows[0] / max(len(mask), 1)
    return float(mask.mean())


def _distance(ruling: Ruling) -> float:
    (bound,) = ruling.gate.bound.values()
    judged = ruling.held.judged
    return abs(judged.value + bound if ruling.gate.no_worse_by is not None else judged.value - bound)


def evidence(case: Case, slice: Slice, *, most: int = MOST_EVIDENCE) -> list[dict[str, Any]]:
    """Rows of a slice that were answered wrong, the most confident first; of tags, by the mean over their words."""
    if not (case.has("model.answer") and case.has("data.label")):
        return []
    inside = case.mask(slice) if slice is not ALL and slice.where else np.ones(len(case.data), dtype=bool)
    wrong = np.flatnonzero(inside & ~case.right)
    chosen = wrong[np.argsort(-case.confidence[wrong], kind="stable")][:most]
    return rows_told(case, chosen)


def rows_told(case: Case, rows: Sequence[int] | NDArray[np.int64]) -> list[dict[str, Any]]:
    """Rows of a case at these places as evidence: what was asked, what is true where that is known, and the answer."""
    spell, words = case.task.spell, case.data.words
    known = "probs" in case.guess.columns and case.has("model.confidence")
    return [
        {
            "row_id": str(case.data.row_ids[i]),
            "text": case.data.shown[i],
            **({"label": spell(case.truth[i], words[i])} if case.has("data.label") else {}),
            "answer": spell(case.guess.answers[i], words[i]),
            "confidence": round(float(case.confidence[i]), 4) if known else None,
        }
        for i in rows
    ]
