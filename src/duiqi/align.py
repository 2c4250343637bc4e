"""`align`: prepare, diagnose, repair and prove in one call. The main job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from duiqi.core.bundle import Bundle
from duiqi.core.errors import ModelError
from duiqi.core.folder import check_outside, check_writable
from duiqi.core.report import Report
from duiqi.core.task import Task
from duiqi.prove import prove_models, untouched
from duiqi.repair import BUDGET, Repaired, repair_case
from duiqi.run.carry import Bench, check_remedies, plainly
from duiqi.run.table import Settings, Source, Table, fingerprints, lay
from duiqi.run.workshop import Workshop
from duiqi.show.publish import publish

PROOF_SHARE = 0.15  # of the budget, kept back for the proof
PLAIN_SHARE = 0.6  # of the budget, that plain training may take before its epochs are cut


def align(
    model: str | Path,
    data: Source,
    *,
    with_: Sequence[str] = (),
    budget: float = BUDGET,
    out: str | Path = "duiqi-out",
    lang: str = "en",
    rows: bool = True,
    **settings: Unpack[Settings],
) -> Report:
    """Find where a model is misaligned with the data, repair it, and prove the repair on rows put aside.

    Parts that the data lacks are split off. A model without a head for the task, or one that nobody trained for it and
    that is not proven better on dev than the cheapest floor (the commonest answer), is first trained plainly on train,
    with the options of the remedy `finetune`: that is the model *before*. It is diagnosed on dev; remedies for what is
    found are tried on dev; the best model and the one before are compared on test. `out` receives report.json,
    report.html, draws.npz and model/. `budget` is in minutes, counted from the start of training; what no longer fits
    is skipped and the report says so. A `reference`, named other rows with labels, is what no remedy may make the model
    forget, and the proof tells what was forgotten of it.

    A run that was killed goes on where it stopped when called again with the same arguments.
    """
    out = Path(out)
    check_writable(out)
    check_outside(out, [model, data])
    table = lay(data, settings, complete=True, model=model)
    report, repaired, shop = align_table(table, str(model), out, with_=with_, budget=budget)
    report = publish(report, out, lang=lang, rows=rows, model=repaired.bundle.path)
    shop.close()
    return report


def align_table(
    table: Table,
    model: str,
    out: Path,
    *,
    with_: Sequence[str] = (),
    budget: float = BUDGET,
    most_trials: int | None = None,
    among: Sequence[str] = (),
) -> tuple[Report, Repaired, Workshop]:
    """The loop on rows that were read and divided; the caller publishes the report and closes the workshop."""
    from duiqi.model.open import check_suited, find, has_head

    check_remedies(table, with_)
    bundle = find(model)
    task = _task(table, bundle)
    check_suited(bundle, task)
    train, dev, test = table.part("train"), table.part("dev"), table.part("test")
    for part in (train, dev, test):  # truths that are none are told before anything is trained
        task.read_truth(part)
    pins = {
        "verb": "align",
        "model": bundle.fingerprint,
        "rows": fingerprints({"train": train, "dev": dev, "test": test}),
        "references": fingerprints(table.references),
        "seed": table.seed,
        "with": list(with_),
        "budget": budget,
        "options": {name: dict(values) for name, values in table.options.items()},
        "policy": {name: dict(values) for name, values in table.policy.items()},
        "threads": _threads(),
    }
    shop = Workshop.open(out.with_name(f"{out.name}.work"), pins)
    behind = None
    if has_head(bundle, table.task) and bundle.task is None:
        behind = shop.decide("behind", lambda: floor_not_beaten(table, bundle))
    origin = bundle if behind or not has_head(bundle, table.task) else None
    bench = Bench(table, shop, task, train, dev, origin)
    before, notes = plainly_fitted(bench, bundle, budget)
    notes = (*notes, *([{"code": "knew_nothing", "floor": behind}] if behind else []))
    opened = table.open(before)
    untouched(test, [before.rows()])  # refuse before hours are spent, not after
    reserve = budget * 60 * PROOF_SHARE
    repaired = repair_case(
        bench, before, opened, with_=with_, budget=budget, reserve=reserve, most_trials=most_trials, among=among
    )
    proof = prove_models(table, opened, repaired.model, test)
    report = joined(repaired, proof, notes).with_facts(given=model, seconds=round(shop.seconds(), 2))
    if origin is not None and report.facts["before"]:  # its folder goes with the workshop
        report = report.with_facts(before={**report.facts["before"], "path": model, "plainly_trained": True})
    return report, repaired, shop


def floor_not_beaten(table: Table, bundle: Bundle) -> str | None:
    """The task's cheapest floor, where the model as it came is not proven better on dev; else `None`."""
    from duiqi.data.floors import cheapest

    train, dev = table.part("train"), table.part("dev")
    opened = table.open(bundle)
    case = table.case(opened, dev)
    floor = cheapest(opened.task, train, dev)
    if floor is None:
        return None
    name, answers = floor
    return None if case.versus(opened.task.primary, answers, by=name).interval.low > 0 else name


def plainly_fitted(bench: Bench, bundle: Bundle, budget: float) -> tuple[Bundle, tuple[Mapping[str, Any], ...]]:
    """The model before: as it came where it knows the task, else after plain training that fits the budget."""
    if bench.origin is None:
        return bundle, ()
    plan = plainly(bench.table)
    forecast = bench.shop.decide("forecast:plain", lambda: bench.forecast(plan, bundle))
    epochs = int(plan.training["epochs"])
    affordable = max(1, min(epochs, int(budget * 60 * PLAIN_SHARE / max(forecast / epochs, 1e-9))))
    if affordable < epochs:
        plan = plainly(bench.table, epochs=affordable)
    fitted = bench.carry_out(plan, bundle, "plain")
    bench.shop.mark("plain")
    cut = ({"code": "epochs_cut", "epochs": affordable, "of": epochs},) if affordable < epochs else ()
    return fitted, cut


def joined(repaired: Repaired, proof: Report, notes: tuple[Mapping[str, Any], ...]) -> Report:
    """One report: verdict, measures and gates of the proof; findings on dev with their status; the trials; what neither
    could look at."""
    found = repaired.to_report()
    unseen = {each["probe"] for each in found.skipped}
    facts = {**proof.facts, "trials": found.facts["trials"], "chosen_among": found.facts["chosen_among"]}
    dev = {"rows": found.measures[0].rows if found.measures else 0, "notes": [dict(note) for note in found.notes]}
    return replace(
        proof,
        verb="align",
        findings=found.findings,
        skipped=tuple(each for each in proof.skipped if each["probe"] in unseen),
        notes=(*notes, *proof.notes, *(note for note in found.notes if note not in proof.notes)),
        facts={**facts, "dev": dev, "found_again": [finding.title for finding in proof.findings]},
    )


def _task(table: Table, bundle: Bundle) -> Task:
    """The task of the model's head, else that of the rows of train; `ModelError` where the data has other labels than
    the head."""
    from duiqi.data.read import check_labels, require_labels
    from duiqi.model.open import labels_of

    train, plain = table.part("train"), table.task_for()
    require_labels(train, plain.row_labels, least=plain.fewest)
    check_labels(train, [part for name, part in table.parts.items() if name != "train"], plain.row_labels)
    if not labels_of(bundle):
        return table.task_of(bundle, train)
    known = labels_of(bundle)
    extra = sorted(set(plain.find_labels(train)) - set(known))
    if extra:
        raise ModelError(
            f"expected labels that the model's head knows ({', '.join(known[:10])}), given {', '.join(extra[:10])}",
            hint="Rename the labels in the data, or start from a model without a head (default).",
        )
    return table.task_of(bundle)


def _threads() -> int:
    import torch

    return torch.get_num_threads()
