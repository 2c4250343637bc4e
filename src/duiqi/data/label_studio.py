"""Rows to label with Label Studio, and what people said of them there.

Tasks go out with the model's guess as a prediction, in Label Studio's own JSON; its exports JSON and JSON-MIN are read.
Offsets are characters (code points), from 0, the end excluded; of exports that count UTF-16 units, as old versions do,
those are taken that the marked text agrees with. The formats: https://labelstud.io/guide/task_format,
https://labelstud.io/guide/predictions, https://labelstud.io/guide/export.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import quoteattr

from duiqi.core.errors import DataError
from duiqi.core.slice import is_cjk
from duiqi.core.spans import OUTSIDE
from duiqi.data.columns import CERTAIN, LIKELY
from duiqi.data.entities import Part, apart, from_entities
from duiqi.data.formats import Raw

Json = Mapping[str, Any]
ONE, SEVERAL = "label", "labels"  # names of the control by whether a row has one label, or any number
IDS = ("row_id", "id")  # keys of a task's data that hold the row's own id
SIGNED = ("annotator", "annotation_id", "lead_time")  # what every row of JSON-MIN has
STAMPS = (*SIGNED, "created_at", "updated_at", "agreement")
KEYS = (  # of Label Studio's own about a task, beside its data
    *("data", "annotations", "completions", "predictions", "drafts", "meta", "file_upload", "inner_id", "project"),
    *("total_annotations", "cancelled_annotations", "total_predictions", "comment_count", "comment_authors"),
    *("unresolved_comment_count", "last_comment_updated_at", "updated_by", "id", *STAMPS),
)
SHOWN = 5  # tasks that an error names
CHOICES, LABELS = "choices", "labels"  # types of results that are read


# Out


def config(task: str, labels: Sequence[str], *, pair: bool = False) -> str:
    """The labelling interface for the tasks, as XML."""
    shown = ["text", *(["text_pair"] if pair else [])]
    texts = [f'  <Text name="{name}" value="${name}" valueType="text"/>' for name in shown]
    if task == "tag":
        named = "\n".join(f"    <Label value={quoteattr(label)}/>" for label in labels)
        return "\n".join(["<View>", '  <Labels name="label" toName="text">', named, "  </Labels>", *texts, "</View>\n"])
    many = task == "multilabel"
    named = "\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels)
    kind = 'choice="multiple"' if many else 'choice="single" required="true"'
    opening = f'  <Choices name="{SEVERAL if many else ONE}" toName="text" {kind}>'
    return "\n".join(["<View>", *texts, opening, named, "  </Choices>", "</View>\n"])


def chosen(labels: Sequence[str], *, several: bool = False) -> list[dict[str, Any]]:
    """The result that says these labels of a whole text; none where there are none."""
    said = {"id": "guess", "from_name": SEVERAL if several else ONE, "to_name": "text", "type": CHOICES}
    return [{**said, "value": {"choices": list(labels)}}] if labels else []


def marked(text: str, parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The results that mark parts of a text."""
    return [
        {
            "id": f"guess-{number}",
            "from_name": ONE,
            "to_name": "text",
            "type": LABELS,
            "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]},
        }
        for number, (start, end, label) in enumerate(parts)
    ]


def task_of(data: Json, result: Sequence[Json], *, version: str, score: float) -> dict[str, Any]:
    """A task to import, with what a model guesses."""
    return {"data": dict(data), "predictions": [{"model_version": version, "score": score, "result": list(result)}]}


def joined(words: Sequence[str]) -> str:
    """Words as one text: blanks between them, none beside wide characters (Chinese ones and their signs)."""
    text = ""
    for word in words:
        text += f" {word}" if text and not _wide(text[-1:]) and not _wide(word[:1]) else word
    return text


def _wide(char: str) -> bool:
    return is_cjk(char) or (char != "" and unicodedata.east_asian_width(char) in "WF")


def places(text: str, words: Sequence[str]) -> list[tuple[int, int]] | None:
    """Where words stand in a text that has nothing but blanks between them; `None` for another text."""
    found, at = [], 0
    for word in words:
        while text[at : at + len(word)] != word and text[at : at + 1].isspace():
            at += 1
        if not text.startswith(word, at):
            return None
        found.append((at, at + len(word)))
        at += len(word)
    return found if not text[at:].strip() else None


# In


@dataclass(frozen=True)
class _Task:
    """A task with what each person said of it: by control the values of its results. `skipped`: all that was said was
    taken back. `id` is Label Studio's own."""

    data: Json
    said: Sequence[Mapping[str, Sequence[Json]]]
    place: int
    skipped: bool = False
    id: Any = None


def find_tasks(raw: Raw) -> str | None:
    """The column of what people said, in an export as JSON."""
    data = raw.columns.get("data")
    if not data or not all(isinstance(each, Mapping) for each in data):
        return None
    return next((name for name in ("annotations", "completions", "predictions") if name in raw.columns), None)


def from_tasks(raw: Raw, name: str) -> Raw:
    """The file as rows with labels: what most people said of each task.

    Annotations that were cancelled do not count; where some are marked as ground truth only these do. Predictions are
    no labels.
    """
    if "data" not in raw.columns:  # another part of the set is an export
        return raw
    given = raw.columns[name] if name != "predictions" else [[]] * len(raw.places)
    ids = raw.columns.get("id", [None] * len(raw.places))
    tasks = []
    for row, (data, each_said) in enumerate(zip(raw.columns["data"], given, strict=True)):
        known = dict(data) if any(key in data for key in IDS) or ids[row] is None else {"id": ids[row], **data}
        made = [each for each in each_said or [] if isinstance(each, Mapping)]
        stand = [each for each in made if not (each.get("was_cancelled") or each.get("skipped"))]
        stand = [each for each in stand if each.get("ground_truth")] or stand
        said = [_by_control(each.get("result") or []) for each in stand]
        tasks.append(_Task(known, said, raw.places[row], skipped=bool(made) and not stand, id=ids[row]))
    return _settled(tasks, raw)


def _by_control(results: Sequence[Any]) -> dict[str, list[Json]]:
    """The values of results by the name of their control."""
    found: dict[str, list[Json]] = {}
    for each in results:
        if isinstance(each, Mapping) and "from_name" in each and isinstance(each.get("value"), Mapping):
            found.setdefault(str(each["from_name"]), []).append(
                {**each["value"], "type": str(each.get("type")).lower()}
            )
    return found


def find_flat_tasks(raw: Raw) -> str | None:
    """A column by which an export as JSON-MIN, or as csv, is known."""
    return SIGNED[0] if {*SIGNED} <= {*raw.columns} else None


def from_flat_tasks(raw: Raw, _: str) -> Raw:
    """The file with a row for every task, of which an export as JSON-MIN has one for every annotation. In csv, which is
    the same otherwise, what is no text is written as JSON."""
    if not {*SIGNED} <= {*raw.columns}:
        return raw
    if raw.typeless:
        columns = {name: list(map(_typed, values)) for name, values in raw.columns.items()}
        raw = replace(raw, columns=columns, typeless=False)
    rows = [
        {name: values[row] for name, values in raw.columns.items() if name not in STAMPS and values[row] is not None}
        for row in range(len(raw.places))
    ]
    together: dict[str, list[int]] = {}
    for row, said in enumerate(rows):
        together.setdefault(str(said.get("id", f"row {row}")), []).append(row)
    controls = set(_flat_controls(rows, together.values()))
    tasks = []
    for same in together.values():
        data = {name: value for name, value in rows[same[0]].items() if name not in controls}
        data = {name: value for name, value in data.items() if name != "id" or "row_id" not in data}
        signed = [row for row in same if raw.columns["annotation_id"][row] is not None]
        given = [{name: _flat(rows[row][name]) for name in controls if name in rows[row]} for row in signed]
        tasks.append(_Task(data, given, raw.places[same[0]], id=rows[same[0]].get("id")))
    return _settled(tasks, raw)


def _typed(cell: str) -> Any:
    """What a cell says: a result, a text, or nothing."""
    if not cell.startswith(("[", "{")):
        return cell or None
    try:
        said = json.loads(cell)
    except ValueError:
        return cell
    return said if not said or _is_result(said) or cell.startswith('["') else cell


def _flat_controls(rows: Sequence[Json], together: Any) -> Iterator[str]:
    """The columns that people filled: known by our own names, by their form, or as they differ within a task."""
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if name in row]
        own = name in (ONE, SEVERAL)
        formed = any(_is_result(value) for value in values)
        differs = any(len({str(rows[row].get(name)) for row in same}) > 1 for same in together)
        if own or formed or (differs and name != "id"):
            yield name


def _is_result(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, Mapping) and (CHOICES in first or {"start", "end", LABELS} <= {*first})


def _flat(value: Any) -> list[Json]:
    """The results that JSON-MIN writes as one value."""
    given = value if isinstance(value, list) else [value]
    return [
        {**each, "type": CHOICES if CHOICES in each else LABELS}
        if isinstance(each, Mapping)
        else {CHOICES: [str(each)], "type": CHOICES}
        for each in given
    ]


def _settled(tasks: Sequence[_Task], raw: Raw) -> Raw:
    """Rows of tasks, each with what most people said of it, and why some have no label."""
    kinds = {name: each["type"] for task in tasks for said in task.said for name, values in said.items()
             for each in values if each["type"] in (CHOICES, LABELS)}  # fmt: skip
    strange = sorted({each["type"] for task in tasks for said in task.said for values in said.values()
                      for each in values} - {CHOICES, LABELS})  # fmt: skip
    if strange and not kinds:
        raise DataError(
            f"expected choices or marked parts of texts as annotations in {raw.name}, given {', '.join(strange)}",
            hint="duiqi reads the controls Choices and Labels of Label Studio.",
        )
    names = dict.fromkeys(key for task in tasks for key in task.data)
    columns: dict[str, list[Any]] = {name: [task.data.get(name) for task in tasks] for name in names}
    made = replace(raw, columns=columns, places=[task.place for task in tasks])
    if not kinds:
        return _with_label(made, tasks, ONE, [(None, "")] * len(tasks), alone=True)
    for name, kind in sorted(kinds.items(), key=lambda item: item[1] == LABELS):  # words take the place of texts last
        settle = _settle_choices if kind == CHOICES else _settle_parts
        made = settle(made, tasks, name, alone=len(kinds) == 1)
    return made


Settled = tuple[Any, str]  # a label, or None and why there is none


def _with_label(raw: Raw, tasks: Sequence[_Task], name: str, labels: Sequence[Settled], *, alone: bool) -> Raw:
    """The rows with a column of labels; where no other control was filled in it is called so, and says why some have
    none."""
    why = {row: "annotation_skipped" if tasks[row].skipped else reason for row, (label, reason) in enumerate(labels)
           if label is None and (reason or tasks[row].skipped)}  # fmt: skip
    columns = {**raw.columns, ONE if alone else name: [label for label, _ in labels]}
    return replace(raw, columns=columns, unlabelled=why if alone else {})


def _settle_choices(raw: Raw, tasks: Sequence[_Task], name: str, *, alone: bool) -> Raw:
    """The rows with a class each; with a list where the control bears our name for several labels, or where somebody
    chose several. `DataError` for several of which we handed out the interface for one."""
    votes = [
        [[c for each in said.get(name, ()) for c in _choices(each, raw, row)] for said in task.said]
        for row, task in enumerate(tasks)
    ]
    many = [task for task, vote in zip(tasks, votes, strict=True) if any(len(each) > 1 for each in vote)]
    if many and name == ONE and any(IDS[0] in task.data for task in tasks):
        raise _more_than_one(many, raw)
    several = name == SEVERAL or bool(many)
    labels = [_several(vote) if several else _one(vote) for vote in votes]
    return _with_label(raw, tasks, name, labels, alone=alone)


def _more_than_one(tasks: Sequence[_Task], raw: Raw) -> DataError:
    named = ", ".join(str(task.data.get(IDS[0]) if task.id is None else task.id) for task in tasks[:SHOWN])
    return DataError(
        f'expected one choice a task in {raw.name}, as the interface that was handed out has it (choice="single"), '
        f"given several in {len(tasks)} of them: {named}{' …' if len(tasks) > SHOWN else ''}",
        hint="Choose one in each of these tasks and export again.",
    )


def _choices(given: Json, raw: Raw, row: int) -> list[str]:
    """What was chosen in one control."""
    chosen = given.get(CHOICES) or []
    if not isinstance(chosen, list) or not all(isinstance(each, str) for each in chosen):
        raise DataError(
            f"expected choices as a list of words in {raw.name}, given {chosen!r} ({raw.where([row])})",
            hint="duiqi reads flat Choices: no choices inside of choices, no single word in place of a list.",
        )
    return chosen


def _one(votes: Sequence[Sequence[str]]) -> Settled:
    """The choice of most people; who chose nothing does not count."""
    counts = Counter(each[0] for each in votes if each).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        return None, "annotators_disagree"
    return (counts[0][0], "") if counts else (None, "")


def _several(votes: Sequence[Sequence[Any]]) -> Settled:
    """All that more than half of the people said; `None` where nobody said anything or on some the half did."""
    if not votes:
        return None, ""
    counts = Counter(each for vote in votes for each in dict.fromkeys(vote))
    if any(2 * count == len(votes) for count in counts.values()):
        return None, "annotators_disagree"
    return [each for each, count in counts.items() if 2 * count > len(votes)], ""


def _settle_parts(raw: Raw, tasks: Sequence[_Task], name: str, *, alone: bool) -> Raw:
    """The rows as words with tags: the words that came with the task, else those that its text is cut into."""
    column = _text_column(raw)
    texts = ["" if text is None else str(text) for text in raw.columns[column]]

    def parts_of(row: int, said: Mapping[str, Sequence[Json]]) -> list[Part]:
        return [_part(each, texts[row], raw, row) for each in said.get(name, ()) if each.get(LABELS)]

    labels = [_several([parts_of(row, said) for said in task.said]) for row, task in enumerate(tasks)]
    words = raw.columns.get("tokens", [None] * len(texts))
    stand = [places(text, each) if isinstance(each, list) else None for text, each in zip(texts, words, strict=True)]
    if all(each is not None for each in stand):
        tags = [_tags(each or [], apart(parts or [])) for each, (parts, _) in zip(stand, labels, strict=True)]
        columns = {key: values for key, values in raw.columns.items() if key != column}
    else:
        marks = [[list(part) for part in parts or []] for parts, _ in labels]
        others = {key: values for key, values in raw.columns.items() if key not in (column, "tokens")}
        raw = from_entities(replace(raw, columns={**others, "text": texts, "entities": marks}), "entities")
        tags = raw.columns["tags"]
        columns = {key: values for key, values in raw.columns.items() if key != "tags"}
    settled = [(None if parts is None else row, why) for row, (parts, why) in zip(tags, labels, strict=True)]
    return _with_label(replace(raw, columns=columns), tasks, name, settled, alone=alone)


def _text_column(raw: Raw) -> str:
    """The column of the texts that were marked."""
    of_texts = [name for name, values in raw.columns.items() if any(isinstance(each, str) for each in values)
                and name not in (*IDS, "tokens")]  # fmt: skip
    plain = [name for name in (*CERTAIN["text"], *LIKELY["text"]) if name in of_texts]
    if plain or len(of_texts) == 1:
        return (plain or of_texts)[0]
    raise DataError(
        f"expected a text in the data of every task in {raw.name}, given {', '.join(of_texts) or 'none'}",
        hint="Call it text in the data of the tasks.",
    )


def _part(value: Json, text: str, raw: Raw, row: int) -> Part:
    """Where a marked part stands in the text, in characters."""
    start, end, said = value.get("start"), value.get("end"), value.get("text")
    spans = [(start, end), (_characters(text, start), _characters(text, end))]
    for a, b in spans:
        inside = type(a) is int and type(b) is int and 0 <= a < b <= len(text)
        if inside and (not isinstance(said, str) or _bare(text[a:b]) == _bare(said)):
            return a, b, str(value[LABELS][0])
    raise DataError(
        f"expected marked parts of the {len(text)} characters of the text in {raw.name}, given {start} to {end} as "
        f"{said!r} ({raw.where([row])})",
        hint="Was the text changed after it was labelled? Export it again with the text that was shown.",
    )


def _characters(text: str, units: Any) -> Any:
    """The place in characters of one in UTF-16 units."""
    if type(units) is not int:
        return None
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))


def _bare(text: str) -> str:
    """A text without blanks: Label Studio writes line breaks as \\n."""
    return "".join(text.replace("\\n", "\n").split())


def _tags(words: Sequence[tuple[int, int]], parts: Sequence[Part]) -> list[str]:
    """A tag for every word; a word of which a part holds only a piece belongs to it."""
    tags = [OUTSIDE] * len(words)
    for start, end, label in parts:
        inside = [at for at, (a, b) in enumerate(words) if a < end and start < b and tags[at] == OUTSIDE]
        for number, at in enumerate(inside):
            tags[at] = f"{'I' if number else 'B'}-{label}"
    return tags
