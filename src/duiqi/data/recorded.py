"""Answers that a model gave elsewhere, read from a file: what makes any model's predictions something to diagnose."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset, normalise
from duiqi.core.errors import DataError, OptionError, nearest
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.task import Task
from duiqi.data.columns import label_reader, may_be_id
from duiqi.data.facts import Facts, missing, word, written
from duiqi.data.formats import Raw, is_readable, read_file

OF_CLASSES = ("classify", "classify_pair", "relation")
KINDS = (*OF_CLASSES, "tag", "regress", "generate")

# Where several of these are there, the first counts. A column that plays a role in the data (a truth that was copied
# along) counts only where there is no other.
PREDICTED = ("prediction", "predicted", "pred", "预测", "预测结果")
PLAINLY = ("predicted_label", "predicted_class", "预测标签", "预测类别", *PREDICTED)  # a class that the model answered
ANSWER = ("answer", "output", "回答", "输出")
CLASSES = (*PLAINLY, *ANSWER)
TAGS = ("predicted_tags", *PREDICTED, *ANSWER, "tags")
NUMBERS = (*PREDICTED, *ANSWER, "score", "value")
TEXTS = (*PREDICTED, "generated_text", "generated", *ANSWER, "response", "completion")
TEXT_COLUMNS = ("text", "sentence", "文本")  # of the rows, copied along
PROBABILITIES = ("probs", "probabilities", "scores")  # of all labels in one column
SURE = (  # of the class that is named beside it
    *("score", "confidence", "probability", "prob", "max_prob", "max_probability", "概率", "置信度"),
    *(f"{name}_{of}" for name in ("pred", "predicted", "prediction") for of in ("prob", "probability", "score")),
)
AROUND = (  # what stands before and after the name of a label
    *(("prob_", ""), ("probability_", ""), ("p_", "")),
    *(("", "_prob"), ("", "_probability"), ("", "_p")),
)

OFF = 1e-2  # how far from 1 probabilities may sum by rounding
CLOSE = 1e-6  # how far beyond 0 and 1 a single one may be


def is_recorded(name: str | Path) -> bool:
    """Whether a name is that of a file that answers can be read from, and of no model."""
    return is_readable(Path(name)) and Path(name).is_file()


def recorded(
    path: str | Path, task: Task | None, kind: str, catalogue: Catalogue, data: Dataset, encoding: str | None = None
) -> Recorded:
    """The answers of a file (csv, tsv, json, jsonl, parquet, xlsx, each also gzipped; CoNLL) to the rows of `data`.

    `kind` names the task. `task` is that with what was learned from training rows, such as labels; where it is `None`
    or has no labels, these are the labels of the rows and of the answers together.

    Answers belong to rows by id where the file has a column of ids (id, row_id …) that the rows have, too; the file may
    then have others besides. Else they belong by order, and there must be as many. Where the file has a column of
    texts, each must be that of its row (but for case and punctuation; not looked at where parts of texts are marked).

    Classes (classify, classify_pair, relation) come in one of these forms, the first that is there:

    - a column for each label, called as the label or prob_LABEL, p_LABEL, probability_LABEL, LABEL_prob …, with numbers
      from 0 to 1 that sum to 1; of two labels one will do;
    - a column `probs`, `probabilities` or `scores` with a dict of labels and numbers, a list of {"label", "score"}, or,
      where the labels were learned from training rows, a list of numbers in their order;
    - the class as `predicted_label`, `prediction`, `predicted`, `pred`, `answer` or `output` (`label` where none of
      these is there), of two classes also with one number for it, `score`, `confidence` or `probability`. Of more
      classes one number says nothing of the others: it is not read. Without probabilities the model is one that only
      names classes (`Recorded.classes_only`) and is not asked how sure it is.

    Where the first two forms have the class beside them, it must be the likeliest. Of tags the file has a list of tags
    for each row, of numbers a number, of texts a text, which may be empty.

    `OptionError` for another task; `DataError` where rows have no answer or two, where the number of answers differs,
    where a text is that of another row, and where an answer is missing, is no label, or is no probability (a logit, a
    percentage): the message names the first such place of the file.
    """
    if kind not in KINDS:
        raise OptionError(
            f"expected a task of which recorded answers can be read ({', '.join(KINDS)}), given {kind}",
            hint="Give the model itself, or --task for another of these.",
        )
    file = Path(path)
    raw = read_file(file, str(path), encoding)
    raw, by = _matched(raw, data)
    _check_texts(raw, data, () if kind == "generate" else ("text",))

    def make(**learned: Any) -> Task:
        return catalogue.task(kind, **{**(task.options if task else {}), **learned})

    read = {"tag": _tags, "regress": _scores, "generate": _texts}.get(kind, _classes)
    found = read(raw, data, task, make)
    _check_is_no_truth(raw, data, found.column)
    rows = set() if not data.has("label") else {label for each in found.task.row_labels(data) for label in each}
    strange = [] if kind not in OF_CLASSES else _strange(found, rows)
    note = {"code": f"answers_by_{by}", "file": file.name, "column": found.column, "data": data.name}
    return Recorded(
        found.task,
        Predictions(data.row_ids, found.outputs),
        file.name,
        notes=(*raw.notes, note, *strange),
        classes_only=found.classes_only,
        input_keys=data.input_keys,
    )


Make = Callable[..., Task]  # the task, with more options


@dataclass(frozen=True, eq=False)
class _Found:
    """What a file says: the task, columns of `Predictions`, and where in the file they stood."""

    task: Task
    outputs: Mapping[str, Any]
    column: str
    classes_only: bool = False


# Which answer belongs to which row


def _matched(raw: Raw, data: Dataset) -> tuple[Raw, str]:
    """The answers in the order of the rows, and whether they are told by "id" or "order"."""
    places = {str(row): at for at, row in enumerate(data.row_ids)}
    called = [column for column in raw.columns if may_be_id(column) or column == data.schema.id]
    for column in sorted(called, key=lambda each: each != data.schema.id):
        values = raw.columns[column]
        ids = ["" if missing(each) else each if isinstance(each, str) else written(each) for each in values]
        if any(each in places for each in ids):
            return _taken(raw, _by_id(raw, data, column, ids)), "id"
    if data.schema.id in called:
        raise DataError(
            f"expected ids of {data.name} in column '{data.schema.id}' of {raw.name}, given none of them (first: "
            f"{raw.columns[str(data.schema.id)][0]!r}, where the rows have '{data.row_ids[0]}')",
            hint="Are these the answers to other rows, or to another part of a folder (--part test)? Else leave that "
            "column out: answers are then taken in order.",
        )
    if len(raw.places) != len(data):
        raise DataError(
            f"expected an answer to each of {len(data)} rows of {data.name}, given {len(raw.places)} in {raw.name}",
            hint="Without a column of ids that both have (id) answers are taken in order: give one for every row.",
        )
    return raw, "order"


def _by_id(raw: Raw, data: Dataset, column: str, ids: list[str]) -> list[int]:
    """For every row of the data the place of its answer."""
    first: dict[str, int] = {}
    again = [at for at, each in enumerate(ids) if first.setdefault(each, at) != at]
    wanted = {str(row) for row in data.row_ids}
    twice = [at for at in again if ids[at] in wanted]
    if twice:
        raise DataError(
            f"expected one answer to a row in {raw.name}, given '{ids[twice[0]]}' again in column '{column}' "
            f"({raw.where(twice)})",
            hint="Keep one of them, for instance the last try.",
        )
    without = [str(row) for row in data.row_ids if str(row) not in first]
    if without:
        raise DataError(
            f"expected an answer to each of {len(data)} rows of {data.name} in {raw.name}, given none to "
            f"{len(without)} of them (first: '{without[0]}')",
            hint="Add these answers, or leave these rows out of the data.",
        )
    return [first[str(row)] for row in data.row_ids]


def _taken(raw: Raw, rows: Sequence[int]) -> Raw:
    columns = {name: [values[at] for at in rows] for name, values in raw.columns.items()}
    return replace(raw, columns=columns, places=[raw.places[at] for at in rows])


def _check_texts(raw: Raw, data: Dataset, names: Sequence[str]) -> None:
    """`DataError` where the file has texts, in a column called as that of the rows or so, and one is another's."""
    column = next((each for each in (data.schema.text or data.schema.tokens, *names) if each in raw.columns), None)
    if column is None or data.has("spans"):  # texts with marks are read as texts without, and spans
        return
    given = [
        " ".join(map(str, each)) if isinstance(each, list) else "" if missing(each) else word(each)
        for each in raw.columns[column]
    ]
    for row, (theirs, ours) in enumerate(zip(given, data.texts, strict=True)):
        if theirs != ours and normalise(theirs) != normalise(ours):
            raise DataError(
                f"expected the text of row '{data.row_ids[row]}' of {data.name} in {raw.where([row])} of {raw.name}, "
                f"given another: {theirs[:60]!r} where the row says {ours[:60]!r}",
                hint="Put the answers into the order of the rows, or give both a column of ids (id).",
            )


def _strange(found: _Found, known: Collection[str]) -> list[dict[str, Any]]:
    """Notes of classes that are answered and that no row has: misspelt ones, perhaps."""
    answered = np.bincount(found.outputs["probs"].argmax(axis=1), minlength=len(found.task.labels))
    labels = [(label, int(rows)) for label, rows in zip(found.task.labels, answered, strict=True)]
    return [
        {"code": "answered_otherwise", "label": label, "rows": rows}
        for label, rows in labels
        if known and rows and label not in known
    ]


def _check_is_no_truth(raw: Raw, data: Dataset, column: str) -> None:
    """`DataError` where a column that is called as labels are says of every row what is true of it."""
    called = column.strip().casefold() == "label" or column == data.schema.label
    if called and data.has("label") and list(map(str, raw.columns[column])) == list(map(str, data.values("label"))):
        raise DataError(
            f"expected answers of a model in {raw.name}, given column '{column}', which is right in all "
            f"{len(data)} rows, as the labels themselves are",
            hint="Give the answers. If these are some, and all are right, call their column `prediction`.",
        )


# Classes


def _classes(raw: Raw, data: Dataset, task: Task | None, make: Make) -> _Found:
    learned = task.labels if task else ()
    known = learned or (make().find_labels(data) if data.has("label") else ())
    named, whole = _column(raw, data, CLASSES), _column(raw, data, PROBABILITIES, or_truth=False)
    columns, classes_only = _by_label(raw, data, known), False
    if columns:
        labels = _all_labels(raw, learned, known, {label: [] for label in columns}, "the names of columns")
        probs, told = _from_columns(raw, columns, labels), _listed(columns)
    elif whole:
        rows = [_spread(raw, row, value, whole, learned) for row, value in enumerate(raw.columns[whole])]
        labels = _all_labels(raw, learned, known, _rows_by(rows), f"column '{whole}'")
        probs, told = np.array([[each.get(label, 0.0) for label in labels] for each in rows]), whole
        probs = _shares(raw, whole, probs)
    elif named:
        answers = _answered(raw, named)
        labels = _all_labels(raw, learned, known, _rows_by([each] for each in answers), f"column '{named}'")
        given = np.array([labels.index(each) for each in answers], dtype=np.int64)
        sure = _column(raw, data, SURE, or_truth=False) if len(labels) == 2 else None
        probs = _of_two(raw, sure, given) if sure else np.eye(len(labels))[given]
        told, classes_only = f"{named}, {sure}" if sure else named, not sure
    else:
        raise _without(raw, "the class or its probability", (*CLASSES, *PROBABILITIES, "prob_LABEL"))
    if len(labels) < 2:
        raise DataError(
            f"expected at least two labels, given only '{next(iter(labels), '')}' in {raw.name} and {data.name}",
            hint="Give training rows beside (a folder with train and dev or test), which have all labels.",
        )
    if (columns or whole) and named in [each for each in raw.columns if each.strip().casefold() in PLAINLY]:
        _check_likeliest(raw, _answered(raw, named), labels, probs)
    return _Found(make(labels=labels), {"probs": probs}, told, classes_only)


def _listed(columns: Mapping[str, str]) -> str:
    return ", ".join(list(columns.values())[:3]) + (" …" if len(columns) > 3 else "")


def _rows_by(rows: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    """The rows in which each label stands."""
    found: dict[str, list[int]] = {}
    for row, labels in enumerate(rows):
        for label in labels:
            found.setdefault(label, []).append(row)
    return found


def _by_label(raw: Raw, data: Dataset, known: Collection[str]) -> dict[str, str]:
    """The column of each label, where there are such: called as the label, or as it and what says a probability."""
    free = [each for each in raw.columns if each not in data.schema.columns() and each.strip().casefold() not in SURE]
    dressed: dict[str, str] = {}
    for column in free:
        for begin, end in AROUND:
            label = column.removeprefix(begin).removesuffix(end)
            if label and column == f"{begin}{label}{end}" and (label in known or "prob" in begin + end):
                dressed.setdefault(label, column)
    plain = {label: label for label in known if label in free}
    return dressed or (plain if len(plain) > 1 else {})


def _all_labels(
    raw: Raw, learned: Sequence[str], known: Collection[str], said: Mapping[str, Sequence[int]], where: str
) -> tuple[str, ...]:
    """The labels that were learned; where none were, those of rows and answers together, if they speak of the same.
    `said` has the rows in which each stands."""
    other = [label for label in said if label not in known]
    if not learned and known and len(other) < len(said):  # of some that are new, only those that are spelt otherwise
        folded = {label.casefold() for label in known}
        other = [label for label in other if label.casefold() in folded]
    if other and known:
        rows = list(said[other[0]])
        at = f" ({raw.where(rows)})" if rows else ""
        raise DataError(
            f"expected labels among {', '.join(list(known)[:20])}, given '{other[0]}' in {where} of {raw.name}{at}",
            hint=f"{nearest(other[0], known)} Write labels whole, and as the rows have them.",
        )
    return tuple(learned) or tuple(sorted({*known, *said}))


def _from_columns(raw: Raw, columns: Mapping[str, str], labels: Sequence[str]) -> NDArray[np.float64]:
    """Probabilities float[n, k] from a column for each label; of two labels one column tells both."""
    without = [label for label in labels if label not in columns]
    if without and (len(labels) != 2 or len(without) != 1):
        raise DataError(
            f"expected a column for each label in {raw.name}, given none for '{without[0]}' "
            f"({len(columns)} of {len(labels)} labels have one)",
            hint=f"Add it, called prob_{without[0]}.",
        )
    found = {label: _numbers(raw, column) for label, column in columns.items()}
    if without:
        ((label, given),) = found.items()
        _check_range(raw, columns[label], given[:, None])
        found[without[0]] = 1 - given
    return _shares(raw, ", ".join(list(columns.values())[:3]), np.stack([found[label] for label in labels], axis=1))


def _spread(raw: Raw, row: int, value: Any, column: str, learned: Sequence[str]) -> dict[str, float]:
    """The number of each label that one cell holds: a dict, objects of a label and a score, or, where labels were
    learned, a list in their order."""
    given = _unpacked(value)
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], list):
        given = given[0]  # pipelines put the answer to one text into a list
    if (
        isinstance(given, list)
        and given
        and all(isinstance(each, dict) and {"label", "score"} <= {*each} for each in given)
    ):
        given = {each["label"]: each["score"] for each in given}
    if isinstance(given, list) and given:
        if len(given) != len(learned):
            raise DataError(
                f"expected {len(learned)} numbers in column '{column}' of {raw.name}, one for each label learned "
                f"({', '.join(learned[:20]) or 'none'}), given {len(given)} ({raw.where([row])})",
                hint='Write the labels beside the numbers: {"yes": 0.9, "no": 0.1}.',
            )
        given = dict(zip(learned, given, strict=True))
    if not isinstance(given, dict) or not given:
        raise DataError(
            f"expected a probability of each label in column '{column}' of {raw.name}, given {value!r} "
            f"({raw.where([row])})",
            hint='Give a dict of labels and numbers ({"yes": 0.9, "no": 0.1}), or a list of numbers.',
        )
    numbers = {word(label): _number(each) for label, each in given.items()}
    for label, number in numbers.items():
        if not math.isfinite(number):
            raise DataError(
                f"expected a number for '{label}' in column '{column}' of {raw.name}, given "
                f"{given.get(label)!r} ({raw.where([row])})",
                hint="Give a probability from 0 to 1 for every label.",
            )
    return numbers


def _unpacked(value: Any) -> Any:
    """A value of a column; a string as JSON or as Python writes lists and dicts."""
    if not isinstance(value, str):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            return read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return value


def _of_two(raw: Raw, column: str, given: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities float[n, 2] from the class and how sure the model is of it."""
    sure = _numbers(raw, column)
    _check_range(raw, column, sure[:, None])
    below = np.flatnonzero(sure < 0.5 - CLOSE)
    if len(below):
        raise DataError(
            f"expected at least 0.5 in column '{column}' of {raw.name}, how sure the model is of the class it answers "
            f"out of two, given {sure[below[0]]:g} in {len(below)} rows ({raw.where(below.tolist())})",
            hint="Is it the probability of one and the same class? Then call the column prob_LABEL, with the name of "
            "that class.",
        )
    probs = np.empty((len(sure), 2))
    rows = np.arange(len(sure))
    probs[rows, given], probs[rows, 1 - given] = sure, 1 - sure
    return probs


def _check_likeliest(raw: Raw, named: Sequence[str], labels: Sequence[str], probs: NDArray[np.float64]) -> None:
    """`DataError` where the class named beside probabilities is not the likeliest: both cannot be the answer."""
    if not {*named} <= {*labels}:  # numbers of classes, or empty: the probabilities say all
        return
    given = probs[np.arange(len(probs)), [labels.index(each) for each in named]]
    other = np.flatnonzero(given < probs.max(axis=1) - CLOSE)
    if len(other):
        row = int(other[0])
        raise DataError(
            f"expected the likeliest class to be the one answered in {raw.name}, given '{named[row]}' where "
            f"'{labels[int(probs[row].argmax())]}' is likelier in {len(other)} rows ({raw.where(other.tolist())})",
            hint="Leave out the probabilities to have the classes examined, or the classes for the probabilities.",
        )


def _shares(raw: Raw, column: str, probs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities that sum to 1, float[n, k]; `DataError` where these are none."""
    _check_range(raw, column, probs)
    sums = probs.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > OFF)
    if len(wrong):
        raise DataError(
            f"expected probabilities that sum to 1 in each row of {raw.name} ({column}), given {sums[wrong[0]]:.4g} in "
            f"{len(wrong)} rows ({raw.where(wrong.tolist())})",
            hint="Give those of all labels (of a pipeline: top_k=None), as a softmax makes them.",
        )
    probs = np.clip(probs, 0, 1)
    return np.asarray(probs / probs.sum(axis=1, keepdims=True), dtype=np.float64)


def _check_range(raw: Raw, column: str, probs: NDArray[np.float64]) -> None:
    outside = ((probs < -CLOSE) | (probs > 1 + CLOSE)).any(axis=1)
    if outside.any():
        rows = np.flatnonzero(outside)
        value = probs[rows[0]][np.argmax(np.abs(probs[rows[0]] - 0.5))]
        percent = probs.min() >= 0 and probs.max() <= 100 and (
            probs.shape[1] == 1 or bool(np.all(np.abs(probs.sum(axis=1) - 100) <= 100 * OFF))
        )  # fmt: skip
        raise DataError(
            f"expected probabilities from 0 to 1 in {raw.name} ({column}), given {value:.4g} in {len(rows)} rows "
            f"({raw.where(rows.tolist())})",
            hint="These look like percentages: divide them by 100."
            if percent
            else "These look like logits: put them through a softmax first.",
        )


# Other answers


def _tags(raw: Raw, data: Dataset, task: Task | None, make: Make) -> _Found:
    column = _column(raw, data, TAGS)
    if column is None:
        raise _without(raw, "a list of tags", TAGS)
    rows: list[list[str]] = []
    for row, value in enumerate(raw.columns[column]):
        given = _unpacked(value)
        given = given.split() if isinstance(given, str) else given
        if not isinstance(given, list) or len(given) != len(data.words[row]):
            many = f"{len(given)} tags" if isinstance(given, list) else repr(value)
            raise DataError(
                f"expected a list of {len(data.words[row])} tags in column '{column}' of {raw.name}, one for each word "
                f"of row '{data.row_ids[row]}', given {many} ({raw.where([row])})",
                hint='Give a tag for each word: ["B-PER", "I-PER", "O"].',
            )
        rows.append([str(tag) for tag in given])
    answers = Dataset.of({"tokens": data.words, "label": rows, "id": data.row_ids.tolist()}, name=raw.name)
    if task is None or not task.labels:
        named = {*make().find_labels(answers), *(make().find_labels(data) if data.has("label") else ())}
        task = make(labels=tuple(sorted(named)))
    return _Found(task, {"tags": task.read_truth(answers)}, column)


def _scores(raw: Raw, data: Dataset, task: Task | None, make: Make) -> _Found:
    column = _column(raw, data, NUMBERS)
    if column is None:
        raise _without(raw, "a number", NUMBERS)
    if task is None:  # how far off is still right is told by how the numbers spread
        task = make(**make().learn(data)) if data.has("label") else make()
    return _Found(task, {"scores": _numbers(raw, column)}, column)


def _texts(raw: Raw, data: Dataset, task: Task | None, make: Make) -> _Found:
    column = _column(raw, data, TEXTS)
    if column is None:
        raise _without(raw, "a text", TEXTS)
    values = raw.columns[column]
    wrong = [row for row, each in enumerate(values) if not isinstance(each, str | int | float) or each != each]
    if wrong:
        raise DataError(
            f"expected a text in column '{column}' of {raw.name}, given {values[wrong[0]]!r} in {len(wrong)} rows "
            f"({raw.where(wrong)})",
            hint="Give every row the text that was written for it; an empty text is one, too.",
        )
    texts = [each if isinstance(each, str) else written(each) for each in values]
    return _Found(task or make(), {"text": texts}, column)


# Columns and cells


def _column(raw: Raw, data: Dataset, names: Sequence[str], *, or_truth: bool = True) -> str | None:
    """The first of these columns that the file has and the data do not need; else one called as labels are, where
    nothing else could hold the answers: it may be the truth, copied along."""
    free = {column.strip().casefold(): column for column in raw.columns if column not in data.schema.columns()}
    found = next((free[name] for name in names if name in free), None)
    if found or not or_truth:
        return found
    truths = {column for column in raw.columns if column.strip().casefold() == "label" or column == data.schema.label}
    beside = {*SURE, *TEXT_COLUMNS}
    others = {own for name, own in free.items() if name not in beside and not may_be_id(own)} - truths
    return next(iter(sorted(truths)), None) if not others else None


def _without(raw: Raw, what: str, names: Sequence[str]) -> DataError:
    return DataError(
        f"expected a column with answers in {raw.name}, {what} ({', '.join(names)}), given columns: "
        f"{', '.join(raw.columns)}",
        hint="Call the column of answers `prediction`.",
    )


def _answered(raw: Raw, column: str) -> list[str]:
    """The class of every row, read as labels are."""
    values = raw.columns[column]
    wrong = [row for row, each in enumerate(values) if isinstance(each, list | dict) or missing(each) or not word(each)]
    if wrong:
        raise DataError(
            f"expected a class in column '{column}' of {raw.name}, given {values[wrong[0]]!r} in {len(wrong)} rows "
            f"({raw.where(wrong)})",
            hint="A row that the model did not answer needs an answer, too: the commonest class, or leave the row out.",
        )
    read = label_reader(Facts.of(values, typeless=raw.typeless), as_texts=False)
    return [word(read(each)) for each in values]


def _numbers(raw: Raw, column: str) -> NDArray[np.float64]:
    """The number of every row, float[n]."""
    values = raw.columns[column]
    numbers = np.array([_number(each) for each in values], dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers)).tolist()
    if wrong:
        raise DataError(
            f"expected a number in column '{column}' of {raw.name}, given {values[wrong[0]]!r} in {len(wrong)} rows "
            f"({raw.where(wrong)})",
            hint="Divide percentages by 100, and write them without the sign."
            if str(values[wrong[0]]).strip().endswith("%")
            else "Fill these rows, or leave them out of file and data.",
        )
    return numbers


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else np.nan
    except ValueError:
        return np.nan
