"""`label`: which rows of a pool should people label next?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError, OutputError, nearest
from duiqi.core.exhibit import Exhibit
from duiqi.core.folder import check_writable, swapped_in, write_json
from duiqi.core.report import Report, without_rows
from duiqi.run.looks import look
from duiqi.run.table import Settings, Source, Table, lay, provenance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from duiqi.core.bundle import Bundle
    from duiqi.core.predictions import Predictions
    from duiqi.core.slice import Slice
    from duiqi.core.task import Task
    from duiqi.data.entities import Part
    from duiqi.data.guessing import Guesser

SHEET, TASKS, CONFIG = "to_label.csv", "to_label.json", "label_studio.xml"
LABELLED = ("classify", "classify_pair", "multilabel", "tag")  # tasks whose rows people give labels to
SHOWN = 20  # rows in the report
GUESSES_SHOWN = 20


def label(
    model: str | Path,
    data: Source,
    *,
    pool: str | Path,
    out: str | Path,
    rows: int = 100,
    by: str = "margin",
    lang: str = "en",
    report_rows: bool = True,
    **settings: Unpack[Settings],
) -> Report:
    """Say which rows of a pool people should label next, and write them out for labelling.

    `data` gives the classes, what is labelled already, and dev; `pool` holds rows of the same columns, whose labels are
    passed over. Rows that are copies of labelled ones, or of one another, are left out. `by` is

    - margin: where the model's best two answers are closest (see `duiqi.data.selecting` for what that is of tags and of
      several labels); in bench/labels.py the only one that beat rows at random on all three sets,
    - uncertainty: where its best answer is least likely; of two classes that is the same, of many (77) it fell behind
      rows at random,
    - core_set: what lies farthest from all that is labelled and from what was chosen before, in the model's embeddings:
      for rows of kinds not met yet; it takes outliers first, and fell a little behind rows at random on all three,
    - worst_slice: the rows of slices on which the model is proven weaker on dev, those of the least margin first; where
      no such slice is found, as margin. Meant for these slices: over all rows it gained less than margin.

    A model without a head for the task guesses by a logistic regression on its embeddings of the labelled rows (tags:
    on the words around each word). `out` receives to_label.csv, with an empty column `label`; to_label.json, tasks for
    Label Studio with the model's guesses; label_studio.xml, the interface for them; report.json and report.html. What
    people filled in is read by `prepare`, from the table as from Label Studio's exports.

    Rows that were chosen are no sample of the pool: train on them, and measure on others.
    """
    from duiqi.data.pool import read_pool, without_copies

    out = Path(out)
    _check_asked(rows, by)
    table = lay(data, settings, model=model)
    _check_task(table.task)
    _check_out(out, [pool, *([data] if isinstance(data, str | Path) else [])])
    table.progress("reading the pool", 0, 1, {})
    whole = read_pool(pool, next(iter(table.parts.values())))
    left = without_copies(whole, table.parts.values())
    if not len(left.rows):
        raise DataError(
            f"expected rows in {whole.name} that are not labelled yet, given {len(whole)} rows that are all copies of "
            "labelled ones, or have no text",
            hint="Give other rows: --pool ROWS.",
        )
    rest = whole.take(left.rows)
    guesser = guesser_of(table, model)
    table.progress("guessing", 0, len(rest), {})
    choice = STRATEGIES[by](Asked(table, guesser, rest, guesser.answers(rest), rows))
    picked = Picked.of(choice, rest, guesser.task)
    report = _report(table, guesser, picked, choice, whole, left.out, {"rows": rows, "by": by})
    report = report.with_facts(given=str(model))
    _write(out, guesser, picked, report, lang=lang, report_rows=report_rows)
    return report


# What guesses


def guesser_of(table: Table, model: str | Path, known: Dataset | None = None) -> Guesser:
    """The model as it stands where it has a head for the task; else regressions on what is labelled (`known`, or
    train)."""
    from duiqi.data.guessing import Guesser
    from duiqi.data.read import require_labels
    from duiqi.model.open import find, has_head

    bundle = find(str(model))
    if has_head(bundle, table.task):
        opened = table.open(bundle)
        return Guesser(opened, opened.task)
    known = known if known is not None else table.part("train", "all")
    task = table.task_for(known)
    require_labels(known, task.row_labels, least=task.fewest)
    return Guesser(_body(table, bundle, task), task, known)


def _body(table: Table, bundle: Bundle, task: Task) -> Any:
    """The model for its embeddings; its answers are kept for the next who asks."""
    from duiqi.model.open import open_model
    from duiqi.model.predict import Cache

    if "answers" not in table.memory:
        table.memory["answers"] = Cache()
    return open_model(bundle, task, device=table.device, cache=table.memory["answers"])


# What is chosen


@dataclass(frozen=True, eq=False)
class Asked:
    """What a strategy chooses from: the rows of the pool that are left, what is guessed for them, and how many of them
    are wanted."""

    table: Table
    guesser: Guesser
    pool: Dataset
    guess: Predictions
    most: int

    def doubts(self, by: str) -> NDArray[np.float64]:
        """How little sure the guesses are, float[n]."""
        from duiqi.data.selecting import DOUBTS

        return DOUBTS[by, self.guesser.task.unit](self.guess["probs"])


@dataclass(frozen=True, eq=False)
class Choice:
    """Places in the pool in the order in which to label them, why each was chosen, and by how much; what else is to be
    said of it."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    why: Sequence[str]
    guess: Predictions
    confidence: NDArray[np.float64]
    slices: tuple[Slice, ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()


def _choice(
    asked: Asked, rows: NDArray[np.int64], scores: NDArray[np.float64], why: Sequence[str], **more: Any
) -> Choice:
    return Choice(rows, scores, why, asked.guess.take(rows), 1 - asked.doubts("uncertainty")[rows], **more)


def _by_doubt(by: str) -> Callable[[Asked], Choice]:
    """The rows that the model is least sure of, in one meaning of it."""

    def choose(asked: Asked) -> Choice:
        from duiqi.data.selecting import most_doubtful

        doubts = asked.doubts(by)
        rows = most_doubtful(doubts, asked.most)
        return _choice(asked, rows, doubts[rows], [by] * len(rows))

    return choose


def _core_set(asked: Asked) -> Choice:
    """The rows that lie farthest from what is labelled and from one another."""
    from duiqi.data.guessing import vectors_of
    from duiqi.data.selecting import k_centres

    model = asked.guesser.model
    if "embedding" not in model.offers:
        raise OptionError(
            f"expected a model that gives embeddings for core_set, given {model.name}, which gives none",
            hint="Take --by margin.",
        )
    known = asked.table.part("train", "all")
    rows, reach = k_centres(vectors_of(model, asked.pool), vectors_of(model, known), asked.most)
    return _choice(asked, rows, reach, ["core_set"] * len(rows))


def _worst_slice(asked: Asked) -> Choice:
    """The rows of slices on which the model is proven weaker on dev, those of the least margin first."""
    import numpy as np

    from duiqi.data.selecting import weakest_first

    judged, guesser = _judged(asked.table, asked.guesser)
    slices = weak_slices(asked.table, guesser, judged)
    masks = [each.mask(asked.pool) for each in slices]
    inside = np.stack(masks) if masks else np.zeros((0, len(asked.pool)), dtype=bool)
    doubts = asked.doubts("margin")
    rows, of = weakest_first(inside, doubts, asked.most)
    why = [slices[each].rule if each >= 0 else "margin" for each in of]
    looks = {"code": "looks", "split": judged.name, "times": look(judged, run=str(guesser.model.fingerprint))}
    notes = (looks, *(() if slices else ({"code": "no_weak_slice"},)))
    return _choice(asked, rows, doubts[rows], why, slices=slices, notes=notes)


def weak_slices(table: Table, guesser: Guesser, judged: Dataset) -> tuple[Slice, ...]:
    """The slices of some rows on which the model is proven weaker than elsewhere, the one that costs most first."""
    from duiqi.core.examine import examine

    case = table.case(_recorded(guesser, judged), judged)
    report = examine(case, table.orders(case, ["blind_spots"]))
    failed = [each for each in report.findings if each.ruling.verdict == "fail" and each.slice.where]
    return tuple(each.slice for each in sorted(failed, key=lambda each: -each.severity))


def _judged(table: Table, guesser: Guesser) -> tuple[Dataset, Guesser]:
    """Rows with labels that the guesser has not learned: dev; of rows that are not divided all for a model with a head,
    for regressions a part that is put aside."""
    from duiqi.data.split import complete

    if "dev" in table.parts:
        return table.part("dev"), guesser
    if guesser.known is None:
        if "all" in table.parts:
            return table.part("all"), guesser
        raise DataError(
            f"expected dev rows to find weak slices on, given only {', '.join(table.parts)}",
            hint="Give a folder with a dev file beside train, or take --by margin.",
        )
    parts = complete(table.parts, seed=table.seed, shares={"test": 0.0})
    return parts["dev"], replace(guesser, known=parts["train"])


def _recorded(guesser: Guesser, data: Dataset) -> Any:
    from duiqi.core.predictions import Recorded

    return Recorded(guesser.task, guesser.answers(data), getattr(guesser.model, "name", "model"))


STRATEGIES: Mapping[str, Callable[[Asked], Choice]] = {
    "margin": _by_doubt("margin"),
    "uncertainty": _by_doubt("uncertainty"),
    "core_set": _core_set,
    "worst_slice": _worst_slice,
}


# What is written


@dataclass(frozen=True, eq=False)
class Picked:
    """The chosen rows as people get them: input columns by plain names, and a guess for each, as a label is written."""

    columns: Mapping[str, Sequence[Any]]
    texts: Sequence[str]
    shown: Sequence[str]
    guesses: Sequence[Any]
    spelled: Sequence[str]

    @classmethod
    def of(cls, choice: Choice, pool: Dataset, task: Task) -> Picked:
        """The rows of a choice."""
        from duiqi.data.label_studio import joined, places

        data = pool.take(choice.rows)
        words, texts = data.words, list(data.texts)
        if data.has("tokens"):
            own = data.table.column("text").to_pylist() if "text" in data.table.column_names else [None] * len(data)
            texts = [text if text and places(text, row) else joined(row) for text, row in zip(own, words, strict=True)]
        columns: dict[str, Sequence[Any]] = {"id": [str(each) for each in data.row_ids], "text": texts}
        columns |= {role: data.values(role) for role in ("text_pair", "tokens") if data.has(role)}
        columns |= {group: data.group(group).tolist() for group in data.schema.groups if group not in columns}
        answers = choice.guess.answers
        spelled = [task.spell(answer, row) for answer, row in zip(answers, words, strict=True)]
        return cls(columns, texts, data.shown, [_as_label(task, answer) for answer in answers], spelled)


def _as_label(task: Task, answer: Any) -> Any:
    """An answer as rows have it as their label: a class, a list of labels, a list of tags."""
    from duiqi.core.spans import tags_of

    if task.unit == "word":
        names = tags_of(task.labels)
        return [names[each] for each in answer]
    if task.unit == "label":
        return [name for name, given in zip(task.labels, answer, strict=True) if given]
    return task.labels[int(answer)]


def _results(task: Task, picked: Picked) -> Iterator[list[dict[str, Any]]]:
    """The guesses as Label Studio's results."""
    from duiqi.data.label_studio import chosen, marked

    for row, guess in enumerate(picked.guesses):
        if task.unit == "word":
            yield marked(picked.texts[row], _parts(picked.texts[row], picked.columns["tokens"][row], guess))
        else:
            yield chosen(guess if task.unit == "label" else [guess], several=task.unit == "label")


def _parts(text: str, words: Sequence[str], tags: Sequence[str]) -> list[Part]:
    """The spans of tags as marked parts of the text."""
    from duiqi.data.label_studio import places

    found: list[Part] = []
    for (start, end), tag in zip(places(text, words) or [], tags, strict=True):
        if tag.startswith("B-"):
            found.append((start, end, tag[2:]))
        elif tag.startswith("I-") and found:
            found[-1] = (found[-1][0], end, found[-1][2])
    return found


def _write(out: Path, guesser: Guesser, picked: Picked, report: Report, *, lang: str, report_rows: bool) -> None:
    import json

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
        for row, result, each in zip(rows, _results(task, picked), choice, strict=True)
    ]
    with swapped_in(out) as aside:
        table = {**picked.columns, "guess": picked.guesses}
        table |= {name: [each[name] for each in choice] for name in ("confidence", "why", "score")}
        write_sheet(aside / SHEET, table)
        (aside / TASKS).write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        pair = "text_pair" in picked.columns
        (aside / CONFIG).write_text(config(task.name, task.labels, pair=pair), encoding="utf-8")
        write_json(aside / "report.json", said)
        (aside / "report.html").write_text(render(said, lang=lang), encoding="utf-8")


# What is said of it


def _report(
    table: Table,
    guesser: Guesser,
    picked: Picked,
    choice: Choice,
    pool: Dataset,
    left_out: Mapping[str, int],
    options: Mapping[str, Any],
) -> Report:
    chosen = [
        {"id": row, "confidence": round(float(sure), 4), "why": why, "score": round(float(score), 4)}
        for row, sure, why, score in zip(
            picked.columns["id"], choice.confidence, choice.why, choice.scores, strict=True
        )
    ]
    notes = [*table.notes(*table.parts.values()), *pool.notes, *choice.notes]
    notes += [{"code": "guessed_by_regression", "rows": len(guesser.known)}] if guesser.known is not None else []
    if len(chosen) < options["rows"]:
        notes += [{"code": "fewer_rows", "asked": options["rows"], "rows": len(chosen)}]
    report = Report(
        "label",
        seed=table.seed,
        exhibits=tuple(_exhibits(picked, choice, chosen, left_out)),
        notes=(*notes, {"code": "chosen_no_sample"}),
        facts={"chosen": chosen, "options": dict(options)},
    )
    by = "margin" if options["by"] == "worst_slice" and not choice.slices else options["by"]
    said = {"name": pool.name, "rows": len(pool), "left_out": dict(left_out), "chosen": len(chosen), "by": by,
            "parts": list(table.parts)}  # fmt: skip
    return provenance(report, table, data=next(iter(table.parts.values())), model=guesser.model, pool=said)


def _exhibits(
    picked: Picked, choice: Choice, chosen: Sequence[Mapping[str, Any]], left_out: Mapping[str, int]
) -> Iterator[Exhibit]:
    from collections import Counter

    if left_out:
        rows = [[reason, count] for reason, count in left_out.items()]
        yield Exhibit("table", {"title": "left_out_of_pool", "columns": ["reason", "rows"], "rows": rows})
    if choice.slices:
        counts = Counter(choice.why)
        listed = [[each.rule, counts[each.rule]] for each in choice.slices]
        yield Exhibit("table", {"title": "weak_slices", "columns": ["slice", "rows"], "rows": listed})
    guesses = Counter(picked.spelled)
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


# What cannot be done


def _check_asked(rows: int, by: str) -> None:
    if rows < 1:
        raise OptionError(f"expected at least one row to label, given --rows {rows}", hint="For example --rows 100.")
    if by not in STRATEGIES:
        raise OptionError(f"expected --by among {', '.join(STRATEGIES)}, given '{by}'", hint=nearest(by, STRATEGIES))


def _check_task(task: str) -> None:
    if task not in LABELLED:
        raise OptionError(
            f"expected a task whose rows get labels ({', '.join(LABELLED)}), given {task}",
            hint="If the rows are for one of these, name it: --task classify.",
        )


def _check_out(out: Path, sources: Sequence[str | Path]) -> None:
    """`OutputError` where the folder cannot be written, holds a source, or labels that people filled in."""
    from duiqi.data.formats import read_file

    place = out.resolve()
    inside = next((each for each in sources if Path(each).resolve().is_relative_to(place)), None)
    if inside is not None:
        raise OutputError(
            f"expected rows outside the folder for the output, given {inside} in {out}", hint="Choose another --out."
        )
    check_writable(out)
    if (out / SHEET).is_file():
        filled = sum(bool(str(each).strip()) for each in read_file(out / SHEET, SHEET).columns.get("label", []))
        if filled:
            raise OutputError(
                f"expected a folder whose rows nobody has labelled yet, given {out}, where {SHEET} has {filled} labels",
                hint="Choose another --out: the folder would be replaced as a whole.",
            )
