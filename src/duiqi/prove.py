"""`prove`: is the model after better than the model before, on rows that neither has seen?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from duiqi.core.bundle import RowKeys, bundle_of
from duiqi.core.dataset import Dataset
from duiqi.core.errors import ContaminationError
from duiqi.core.examine import examine
from duiqi.core.folder import check_report_place
from duiqi.core.gate import Gate
from duiqi.core.report import Report
from duiqi.core.slice import Slice
from duiqi.core.task import Task
from duiqi.run.answering import answering, notes_of
from duiqi.run.looks import look
from duiqi.run.table import Settings, Source, Table, lay, provenance
from duiqi.show.publish import publish

MOST_SEEN = 0.05
MARGIN = 0.01


def prove(
    before: str | Path,
    after: str | Path,
    data: Source,
    *,
    only: Sequence[str] = (),
    part: str | None = None,
    margin: float = MARGIN,
    out: str | Path | None = None,
    lang: str = "en",
    rows: bool = True,
    **settings: Unpack[Settings],
) -> Report:
    """Compare two models on untouched rows, row by row, with every gate and every slice that was treated.

    Rows whose input either model was trained, selected or calibrated on, or that nearly repeat such a row, are taken
    out first; above 5 % of them the proof is refused (`ContaminationError`). Both sides answer in float32. The main
    metric must be no worse by `margin`; what cannot be told from so few rows is unclear, with the number that would do.
    With `reference`, named other rows, it is told what was forgotten of each. Either may be a service or a
    file of answers (as for `diagnose`); which rows these have learned is not known, and the report says so.
    """
    check_report_place(out, [before, after, data])
    table = lay(data, settings, model=after)
    chosen = table.part(part) if part else table.part("test", "all", "dev")
    sides = [answering(table, name, chosen) for name in (before, after)]
    report = prove_models(table, sides[0], sides[1], chosen, only=only, margin=margin)
    return publish(report, out, lang=lang, rows=rows)


def prove_models(
    table: Table, before: Any, after: Any, data: Dataset, *, only: Sequence[str] = (), margin: float = MARGIN
) -> Report:
    """The proof on opened models; `before` may be the same model as `after`, then nothing is compared."""
    sides = (before, after)
    clean, removed = untouched(data, [bundle.rows() for side in sides if (bundle := bundle_of(side))])
    exact = [side.with_dtype("float32") if bundle_of(side) else side for side in sides]
    others = dict.fromkeys(side.name for side in sides if not bundle_of(side))
    unknown = tuple({"code": "unknown_lineage", "model": name} for name in others)
    slices = treated_slices(after)
    memory: dict[str, Any] = {}
    case = table.case(exact[1], clean, slices=slices, memory=memory)
    probes = table.orders(case, only)
    against = None
    if before.fingerprint != after.fingerprint or others:  # two services may be another model at one address
        against = examine(case.with_predictor(exact[0]), probes, verb="prove", gates=table.gates)
        case = replace(case, before=exact[0] if case.references else None)  # of these rows the promises tell enough
    gates = (*table.gates, *promises(after.task, margin, slices))

    def progress(name: str, done: int, total: int) -> None:
        table.progress("proof", done, total, {"name": name})

    report = examine(case, probes, verb="prove", gates=gates, against=against, progress=progress)
    times = look(data, run=after.fingerprint)
    said = (*table.notes(data), *notes_of(exact[1], exact[0]), *removed, *unknown)
    report = replace(report, notes=(*said, {"code": "looks", "split": "test", "times": times}))
    return provenance(report, table, data=clean, model=after, before=before if against else None, margin=margin)


def promises(task: Task, margin: float, slices: Sequence[Slice]) -> tuple[Gate, ...]:
    """What a repair must not break: the main metric on all rows, and how many rows are right of every slice treated."""
    whole = Gate(task.primary, no_worse_by=margin)
    return (whole, *(Gate(task.row_metric, no_worse_by=margin, slice=each.rule) for each in slices))


def treated_slices(model: Any) -> tuple[Slice, ...]:
    """The slices that the steps of a lineage treated, each once."""
    bundle = bundle_of(model)
    treated = [Slice.from_json(said["slice"]) for step in (bundle.lineage if bundle else ()) for said in step.treated]
    return tuple({each.rule: each for each in treated if each.where}.values())


def untouched(data: Dataset, used: Sequence[RowKeys]) -> tuple[Dataset, tuple[Mapping[str, Any], ...]]:
    """The rows that no lineage has seen, and a note of how many were taken out; refuses above `MOST_SEEN`."""
    from duiqi.data.dedupe import overlap

    exact, near = np.zeros(len(data), dtype=bool), np.zeros(len(data), dtype=bool)
    for keys in used:
        if len(keys):
            found = overlap(data, keys)
            exact, near = exact | found.exact, near | found.near
    near &= ~exact
    seen = exact | near
    if seen.mean() > MOST_SEEN:
        raise ContaminationError(
            f"expected rows that neither model has seen, given {data.name} with {int(seen.sum())} of {len(data)} rows "
            f"({seen.mean():.0%}) that one of them was trained, chosen or calibrated on ({int(exact.sum())} equal, "
            f"{int(near.sum())} nearly equal)",
            hint="Give rows that were put aside before training.",
        )
    if not seen.any():
        return data, ()
    return data.take(~seen), ({"code": "removed_seen", "exact": int(exact.sum()), "near": int(near.sum())},)
