"""`diagnose`: where is this model misaligned?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from duiqi.core.case import Case
from duiqi.core.examine import examine
from duiqi.core.folder import check_report_place
from duiqi.core.report import Report
from duiqi.data.guessing import unlearned_by
from duiqi.run.answering import answering, notes_of
from duiqi.run.looks import look
from duiqi.run.named import is_elsewhere
from duiqi.run.table import Settings, Source, Table, lay, provenance
from duiqi.show.publish import publish


def diagnose(
    model: str | Path,
    data: Source,
    *,
    before: str | Path | None = None,
    only: Sequence[str] = (),
    part: str | None = None,
    out: str | Path | None = None,
    lang: str = "en",
    rows: bool = True,
    **settings: Unpack[Settings],
) -> Report:
    """Run every probe that applies to a model on data, and say what was found.

    The rows examined are those of `part`, else dev, else all, else test; training rows, where there are some, serve
    as floors and to tell what is rare. With `before`, every gate also carries the paired change from that model.
    A `reference` is other rows, with labels or without: how far they are from the others, how accurate the model is
    there, and with `before` what it has forgotten of them, is told. `only` names the probes to run; where these look
    at rows alone (label_noise, leakage …) the model needs no head.
    With `out`, the report is written there; `rows=False` leaves row texts out of it.

    `model` and `before` may also be the address of a service (`duiqi.model.service`), or a file with answers to these
    rows that were given elsewhere (`duiqi.data.recorded`). Of these it is not known what they have learned, and probes
    are left out that look into a network, or for a file those that ask the model about other texts.
    """
    from duiqi.model.open import find, has_head

    check_report_place(out, [model, data])
    table = lay(data, settings, model=model)
    headless = not is_elsewhere(model) and _of_rows(table, only) and not has_head(find(model), table.task)
    if headless and "train" not in table.parts:  # rows alone, to be looked at before anything is trained on them
        table = replace(table, parts={**table.parts, "train": table.part("all", "dev", "test")})
    chosen = table.part(part) if part else table.part("dev", "all", "test", "train")
    opened = table.open_body(find(model)) if headless else answering(table, model, chosen)
    earlier = answering(table, before, chosen) if before else None
    case = table.case(opened, chosen, before=earlier)
    report = diagnose_case(table, case, only)
    learned = int((~unlearned_by(opened, chosen)).sum())
    if learned:
        note = {"code": "learned_rows", "learned": learned, "rows": len(chosen)}
        report = replace(report, notes=(note, *report.notes))
    told = {"only_rows": list(only)} if headless else {}  # what to type next is another thing then
    report = provenance(report, table, data=chosen, model=opened, before=earlier, **told)
    return publish(report, out, lang=lang, rows=rows)


def _of_rows(table: Table, only: Sequence[str]) -> bool:
    """Whether all that is asked for is about rows as they are, so that no model has to answer them."""
    needs = [need for name in only for need in table.catalogue.find("probe", name).needs]
    return bool(only) and not any(need.startswith("model.") for need in needs)


def diagnose_case(table: Table, case: Case, only: Sequence[str] = ()) -> Report:
    """Examine a case, compared with the model before where there is one."""
    probes = table.orders(case, only)

    def progress(name: str, done: int, total: int) -> None:
        table.progress("probe", done, total, {"name": name})

    against = None
    if case.before is not None:
        against = examine(case.with_predictor(case.before, before=None), probes, gates=table.gates)
    report = examine(case, probes, gates=table.gates, against=against, progress=progress)
    times = look(case.data, run=f"{case.predictor.fingerprint}")
    said = notes_of(case.predictor, case.before)
    notes = (*table.notes(case.data), *said, {"code": "looks", "split": case.data.name, "times": times})
    return replace(report, notes=notes)
