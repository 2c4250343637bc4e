"""`label`: which rows of a pool should people label next?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError, OutputError, nearest
from duiqi.core.exhibit import Exhibit
from duiqi.core.folder import check_replaceable, sha256, swapped_in, write_json
from duiqi.core.report import Report, without_rows
from duiqi.run.table import Settings, Source, Table, lay, provenance

if TYPE_CHECKING:
    from duiqi.core.task import Task
    from duiqi.data.guessing import Guesser
    from duiqi.data.handed_out import HandedOut
    from duiqi.run.choosing import Choice
    from duiqi.run.machine_labels import MachineLabels

SHEET, TASKS, CONFIG, LABELS = "to_label.csv", "to_label.json", "label_studio.xml", "labelled.jsonl"
REPORT, PAGE = "report.json", "report.html"
LABELLED = ("classify", "classify_pair", "multilabel", "tag")  # tasks whose rows people give labels to
SHOWN = 20  # rows in the report
GUESSES_SHOWN = 20
NOT_TOLD = "not_told"  # of a gain: nothing shows that there is one
MOST_CURVED = 5000  # labelled rows up to which it is said what more of them would bring


def label(
    model: str | Path,
    data: Source,
    *,
    pool: str | Path,
    out: str | Path,
    rows: int = 100,
    by: str = "margin",
    rules: str | Path | None = None,
    self_label: bool = False,
    right: float = 0.95,
    lang: str = "en",
    report_rows: bool = True,
    **settings: Unpack[Settings],
) -> Report:
    """Say which rows of a pool people should label next, and write them out for labelling; label others by rules.

    `data` gives the classes, what is labelled already, and dev; `pool` holds rows of the same columns, whose labels are
    passed over. Rows that are copies of labelled ones, or of one another, are left out. `by` is

    - margin: where the model's best two answers are closest (see `duiqi.data.selecting` for what that is of tags and of
      several labels); beat rows at random on two of three sets (docs/results.md), on sst2 it brought nothing,
    - uncertainty: where its best answer is least likely; of two classes that is the same, of many (77) it fell behind
      rows at random,
    - core_set: what lies farthest from all that is labelled and from what was chosen before, in the model's embeddings:
      for rows of kinds not met yet; it takes outliers first, and fell a little behind rows at random on all three,
    - worst_slice: the rows of slices on which the model is proven weaker on dev, those of the least margin first; where
      no such slice is found, as margin. Meant for these slices: over all rows it gained less than margin.

    A model without a head for the task guesses by two logistic regressions on the labelled rows, on its embeddings and
    on word counts, each with as much say as rows show that it was not fitted to (tags: one on the words around each
    word). `out` receives to_label.csv, with an empty column `label`; to_label.json, tasks for Label Studio with the
    model's guesses; label_studio.xml, the interface for them; report.json and report.html. What people filled in is
    read by `prepare`, from the table as from Label Studio's exports, as one of the classes here.

    Rows need no people where a machine is sure enough: `rules` is a Python file of labelling functions, each taking a
    text (or, called `row`, all columns but the label) and giving a class or None (`duiqi.data.weighing` weighs them
    against each other without labels); with `self_label` the model's own answers count, too. Labelled rows that neither
    has learned say from which confidence on at least a share `right` of them is right; what lies above it goes into
    labelled.jsonl instead, and where both are sure and differ people are asked.

    Where the guesses come from embeddings that have learned no labels the report says what more labels would bring, of
    all classes and of each (`duiqi.data.more_labels`): accuracy and F1 of regressions on embeddings alone, not of a
    trained model.

    Rows that were chosen are no sample of the pool, nor are those that were easy: train on them, measure on others.
    """
    from duiqi.data.confident import check_shares
    from duiqi.data.handed_out import HandedOut
    from duiqi.data.labelling_functions import read_functions
    from duiqi.data.pool import read_pool, without_copies
    from duiqi.run.choosing import STRATEGIES, Asked, by_people, guesser_of
    from duiqi.run.machine_labels import check_task, machine_labels

    out = Path(out)
    _check_asked(rows, by)
    check_shares(right)
    functions = () if rules is None else read_functions(rules)
    whole_table = lay(data, settings, model=model)
    table, by_machines = by_people(whole_table)
    _check_task(table.task)
    if rules is not None or self_label:
        check_task(table.task)
    _check_out(out, [pool, *([data] if isinstance(data, str | Path) else [])])
    table.progress("reading_pool", 0, 1, {})
    whole = read_pool(pool, next(iter(table.parts.values())), settings.get("encoding"))
    left = without_copies(whole, whole_table.parts.values())
    if not len(left.rows):
        raise DataError(
            f"expected rows in {whole.name} that are not labelled yet, given {len(whole)} rows that are all copies of "
            "labelled ones, or have no text",
            hint="Give other rows: --pool ROWS.",
        )
    rest = whole.take(left.rows)
    guesser = guesser_of(table, model)
    made = None
    if rules is not None or self_label:
        table.progress("labelling", 0, len(rest), {})
        made = machine_labels(table, guesser, rest, rules=functions, own=self_label, right=right)
    open_rows = _open(rest, made)
    table.progress("guessing", 0, len(open_rows), {})
    choice = STRATEGIES[by](Asked(table, guesser, open_rows, guesser.answers(open_rows), rows))
    picked = HandedOut.of(open_rows.take(choice.rows), choice.guess, guesser.task)
    options = {"rows": rows, "by": by, "rules": str(rules or ""), "self_label": self_label, "right": right}
    report = _report(table, guesser, picked, choice, whole, left.out, options, made)
    if by_machines:
        report = replace(report, notes=(*report.notes, {"code": "by_machines_before", "rows": by_machines}))
    report = report.with_facts(given=str(model))
    _write(out, guesser, picked, report, None if made is None else (rest, made), lang=lang, report_rows=report_rows)
    return report


def _open(rest: Dataset, made: MachineLabels | None) -> Dataset:
    """The rows that no machine has labelled; all, for people to check, where it has labelled all."""
    import numpy as np

    if made is None or len(made.rows) == len(rest):
        return rest
    return rest.take(np.setdiff1d(np.arange(len(rest)), made.rows))


# What is written


def _write(
    out: Path, guesser: Guesser, picked: HandedOut, report: Report, made: tuple[Dataset, MachineLabels] | None,
    *, lang: str, report_rows: bool,
) -> None:  # fmt: skip
    import json

    from duiqi.data.handed_out import results
    from duiqi.data.label_studio import IDS, config, task_of
    from duiqi.data.sheet import write_sheet
    from duiqi.show.html import render

    task, choice = guesser.task, report.facts["chosen"]
    said = report.to_json()
    said = said if report_rows else without_rows(said)
    rows = [dict(zip(picked.columns, row, strict=True)) for row in zip(*picked.columns.values(), strict=True)]
    version = f"{guesser.model.name} {guesser.model.fingerprint}"
    tasks = [
        task_of({IDS[0]: row.pop("id"), **row}, result, version=version, score=each["confidence"])
        for row, result, each in zip(rows, results(task, picked), choice, strict=True)
    ]
    with swapped_in(out) as aside:
        table = {**picked.columns, "guess": picked.guesses}
        table |= {name: [each[name] for each in choice] for name in ("confidence", "why", "score")}
        write_sheet(aside / SHEET, table)
        (aside / TASKS).write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        pair = "text_pair" in picked.columns
        (aside / CONFIG).write_text(config(task.name, task.labels, pair=pair), encoding="utf-8")
        if made is not None and len(made[1].rows):
            _write_labels(aside / LABELS, guesser.task, *made)
        said["handed_out"] = {name: sha256(aside / name) for name in (SHEET, TASKS)}
        write_json(aside / REPORT, said)
        (aside / PAGE).write_text(render(said, lang=lang), encoding="utf-8")


def _write_labels(path: Path, task: Task, pool: Dataset, made: MachineLabels) -> None:
    """Rows with the labels that machines gave them, a JSON object a line."""
    import json

    from duiqi.run.choosing import LABELLED_BY

    data = pool.take(made.rows)
    roles = {role: data.values(role) for role in ("text", "text_pair") if data.has(role)}
    with path.open("w", encoding="utf-8") as file:
        for at, row in enumerate(made.rows.tolist()):
            said = {"id": str(data.row_ids[at]), **{role: values[at] for role, values in roles.items()}}
            said |= {group: str(data.group(group)[at]) for group in data.schema.groups}
            said |= {"label": task.labels[made.labels[row]], "confidence": round(float(made.confidence[row]), 4)}
            file.write(json.dumps({**said, LABELLED_BY: made.by[row]}, ensure_ascii=False) + "\n")


# What is said of it


def _report(
    table: Table,
    guesser: Guesser,
    picked: HandedOut,
    choice: Choice,
    pool: Dataset,
    left_out: Mapping[str, int],
    options: Mapping[str, Any],
    made: MachineLabels | None,
) -> Report:
    chosen = [
        {"id": row, "confidence": round(float(sure), 4), "why": why, "score": round(float(score), 4)}
        for row, sure, why, score in zip(
            picked.columns["id"], choice.confidence, choice.why, choice.scores, strict=True
        )
    ]
    notes = [*table.notes(*table.parts.values()), *pool.notes, *choice.notes, *(made.notes if made else ())]
    notes += [{"code": "guessed_by_regression", "rows": len(guesser.known)}] if guesser.known is not None else []
    exhibits = [*(made.exhibits if made else ()), *_exhibits(picked, choice, chosen, left_out)]
    more = list(_more_labels(table, guesser, len(chosen)))
    if guesser.known is not None and any(row[-1] == NOT_TOLD for each in more for row in each.data["rows"]):
        notes += [{"code": "gain_not_told", "rows": len(guesser.known)}]
    report = Report(
        "label",
        seed=table.seed,
        exhibits=(*exhibits, *more),
        notes=(*notes, {"code": "chosen_no_sample"}),
        facts={"chosen": chosen, "options": dict(options)},
    )
    by = "margin" if options["by"] == "worst_slice" and not choice.slices else options["by"]
    said = {"name": pool.name, "rows": len(pool), "left_out": dict(left_out), "chosen": len(chosen), "by": by,
            "by_machines": len(made.rows) if made else 0, "parts": list(table.parts)}  # fmt: skip
    return provenance(report, table, data=next(iter(table.parts.values())), model=guesser.model, pool=said)


def _exhibits(
    picked: HandedOut, choice: Choice, chosen: Sequence[Mapping[str, Any]], left_out: Mapping[str, int]
) -> Iterator[Exhibit]:
    from collections import Counter

    if left_out:
        rows = [[reason, count] for reason, count in left_out.items()]
        yield Exhibit("table", {"title": "left_out_of_pool", "columns": ["reason", "rows"], "rows": rows})
    if choice.slices:
        counts = Counter(choice.why)
        listed = [[each.rule, counts[each.rule]] for each in choice.slices]
        yield Exhibit("table", {"title": "weak_slices", "columns": ["slice", "rows"], "rows": listed})
    guesses = Counter(kind for kinds in picked.kinds for kind in kinds)
    if len(guesses) <= max(GUESSES_SHOWN, len(chosen) // 2):
        most = [[guess, count] for guess, count in guesses.most_common(GUESSES_SHOWN)]
        yield Exhibit("table", {"title": "guesses", "columns": ["guess", "rows"], "rows": most, "total": len(guesses)})
    shown = [
        [each["id"], text, guess, each["confidence"], each["score"]]
        for each, text, guess in zip(chosen[:SHOWN], picked.shown, picked.spelled, strict=False)
    ]
    columns = ["row", "original", "guess", "confidence", "score"]
    said = {"title": "to_label", "columns": columns, "rows": shown, "total": len(chosen), "rows_of_data": True}
    yield Exhibit("table", said)


def _more_labels(table: Table, guesser: Guesser, more: int) -> Iterator[Exhibit]:
    """What more labels would bring: as many as are asked for of all classes, twice as many of each."""
    from duiqi.data.more_labels import FEWEST, FURTHEST, curves
    from duiqi.data.vectors import vectors_of

    task, known = guesser.task, guesser.known
    if known is None or task.unit != "row" or not FEWEST <= len(known) <= MOST_CURVED:
        return
    table.progress("drawing_curve", 0, 1, {})
    found = curves(
        vectors_of(guesser.model, known), task.read_truth(known), task.labels, known.input_keys, seed=table.seed
    )
    overall, by_class = list[list[Any]](), list[list[Any]]()
    for curve in found:
        wanted = curve.rows if curve.label else min(more, int((FURTHEST - 1) * curve.rows))
        worth = curve.worth(wanted, seed=table.seed)
        gain = {"value": worth.gain, "low": worth.low, "high": worth.high} if worth.told else NOT_TOLD
        told = [curve.rows, round(worth.now, 4), worth.more, gain]
        (by_class if curve.label else overall).append([curve.label, *told] if curve.label else told)
    by_class.sort(key=lambda row: -row[-1]["value"] if isinstance(row[-1], Mapping) else 0.0)
    columns = ["rows", "now", "more_rows", "gain"]
    yield Exhibit("table", {"title": "more_labels", "columns": columns, "rows": overall})
    if by_class:
        yield Exhibit("table", {"title": "more_of_class", "columns": ["class", *columns], "rows": by_class})


# What cannot be done


def _check_asked(rows: int, by: str) -> None:
    if rows < 1:
        raise OptionError(f"expected at least one row to label, given --rows {rows}", hint="For example --rows 100.")
    from duiqi.run.choosing import STRATEGIES

    if by not in STRATEGIES:
        raise OptionError(f"expected --by among {', '.join(STRATEGIES)}, given '{by}'", hint=nearest(by, STRATEGIES))


def _check_task(task: str) -> None:
    if task not in LABELLED:
        raise OptionError(
            f"expected a task whose rows get labels ({', '.join(LABELLED)}), given {task}",
            hint="If the rows are for one of these, name it: --task classify.",
        )


def _check_out(out: Path, sources: Sequence[str | Path]) -> None:
    """`OutputError` where the folder cannot be written, or holds a source, other files or what people have changed."""
    check_replaceable(out, {SHEET, TASKS, CONFIG, LABELS, REPORT, PAGE}, sources, made=REPORT)
    changed = [name for name, digest in _handed_out(out).items() if sha256(out / name) != digest]
    if changed:
        raise OutputError(
            f"expected a folder in which nobody has worked yet, given {out}, where {changed[0]} was changed",
            hint="Choose another --out: the folder would be replaced as a whole.",
        )


def _handed_out(out: Path) -> dict[str, str]:
    """The files for people in a folder, and the digest that each had when it was written ("" where that is lost)."""
    import json

    there = [name for name in (SHEET, TASKS) if (out / name).is_file()]
    try:
        known = json.loads((out / REPORT).read_text(encoding="utf-8")).get("handed_out", {}) if there else {}
    except (ValueError, OSError):
        known = {}
    return {name: str(known.get(name, "")) for name in there}
