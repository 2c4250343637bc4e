"""What of an answer is explained: one number for every class, label, entity, score, text or document that a model
gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, ModelError, OptionError, nearest
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.spans import find_spans, tags_of
from duiqi.core.task import Task
from duiqi.data.divided import Divided, divided, variants
from duiqi.data.passages import in_units

SCALES = ("log_odds", "probability")
LEAST = 1e-12  # of a probability, so that its log-odds are finite


@dataclass(frozen=True)
class Target:
    """A number that the answer to a row gives.

    `name` is the class, label or type of an entity ("" for a score or a text), `column` its place among the model's.
    `words` are the places of the words that an entity has, `tags` those of their tags. `answer` is what was said,
    `rival` the document that came second, `span` where an answer stands in its passage (-1 for none).
    """

    name: str
    column: int = 0
    words: tuple[int, ...] = ()
    tags: tuple[int, ...] = ()
    answer: str = ""
    rival: str = ""
    span: tuple[int, int] = (-1, -1)


@dataclass(frozen=True)
class Reading:
    """How the answers of a task are read: what the model is asked for, what is explained of a row, the number of it in
    other answers float[m], and in which of them the answer is another one (bool[m]) and what it then is.

    `kind` is what an answer is, in the sentences of reports; `says` what the model is asked for at first; `shares`
    whether the numbers can be told as probabilities; `apart` whether words of one text are taken out while the other is
    whole (two texts without words are as near as can be). `again` gives the rows as they are asked again, `units` the
    words of a row that can be taken out, and `posed` rows without some of them as the model reads them.
    """

    kind: str
    says: tuple[str, ...]
    asks: tuple[str, ...]
    find: Callable[[Task, Predictions, int, str | None, Sequence[str]], list[Target]]
    numbers: Callable[[Mapping[str, Any], slice, Target, str], NDArray[np.float64]]
    turned: Callable[[Mapping[str, Any], slice, Target], NDArray[np.bool_]] | None = None
    instead: Callable[[Task, Mapping[str, Any], int, Target], str] = lambda task, columns, at, target: ""
    shares: bool = True
    apart: bool = False
    again: Callable[[Dataset, Predictions], Dataset] = lambda data, guess: data
    units: Callable[[Divided, Predictions, int], Divided] = lambda cut, guess, at: cut
    posed: Callable[[Dataset], Dataset] = lambda data: data
    at_once: int = 50_000  # questions in one call of the model: a bound on memory


def on_scale(probability: NDArray[Any], scale: str) -> NDArray[np.float64]:
    """Probabilities as they are, or as log-odds."""
    if scale == "probability":
        return np.asarray(probability, dtype=np.float64)
    within = np.clip(probability, LEAST, 1 - LEAST)
    return np.asarray(np.log(within) - np.log1p(-within))


# One class of several, choices among them


def _class(task: Task, guess: Predictions, at: int, wanted: str | None, words: Sequence[str]) -> list[Target]:
    probs = guess["probs"][at]
    names = list(task.labels) or [chr(65 + place % 26) for place in range(len(probs))]
    if wanted is not None and wanted not in names:
        raise OptionError(f"expected a class among {', '.join(names[:20])}, given '{wanted}'",
                          hint=nearest(wanted, names))  # fmt: skip
    said = int(np.argmax(probs))
    column = said if wanted is None else names.index(wanted)
    return [Target(names[column], column, answer=names[said])]


def _class_numbers(columns: Mapping[str, Any], rows: slice, target: Target, scale: str) -> NDArray[np.float64]:
    return on_scale(columns["probs"][rows, target.column], scale)


def _class_turned(columns: Mapping[str, Any], rows: slice, target: Target) -> NDArray[np.bool_]:
    return np.asarray(columns["probs"][rows].argmax(axis=1) != target.column)


def _class_instead(task: Task, columns: Mapping[str, Any], at: int, target: Target) -> str:
    column = int(columns["probs"][at].argmax())
    return task.labels[column] if task.labels else chr(65 + column % 26)


# Each label that is given


def _labels(task: Task, guess: Predictions, at: int, wanted: str | None, words: Sequence[str]) -> list[Target]:
    if wanted is not None:
        return _class(task, guess, at, wanted, words)
    given = (
        np.flatnonzero(guess["labels"][at]) if "labels" in guess.columns else np.flatnonzero(guess["probs"][at] > 0.5)
    )
    return [Target(task.labels[each], int(each), answer=task.labels[each]) for each in given]


def _label_turned(columns: Mapping[str, Any], rows: slice, target: Target) -> NDArray[np.bool_]:
    return np.asarray(columns["probs"][rows, target.column] < 0.5)


# A number


def _score(task: Task, guess: Predictions, at: int, wanted: str | None, words: Sequence[str]) -> list[Target]:
    return [Target("", answer=task.spell(guess["scores"][at], ()))]


def _score_numbers(columns: Mapping[str, Any], rows: slice, target: Target, scale: str) -> NDArray[np.float64]:
    return np.asarray(columns["scores"][rows], dtype=np.float64)


# Entities, or a word that was asked for


def _entities(task: Task, guess: Predictions, at: int, wanted: str | None, words: Sequence[str]) -> list[Target]:
    names, tags = tags_of(task.labels), np.asarray(guess["tags"][at])
    if wanted is not None:
        if wanted not in words:
            raise OptionError(f"expected a word of the text, given '{wanted}'", hint=nearest(wanted, words))
        place = list(words).index(wanted)
        return [Target(names[tags[place]], words=(place,), tags=(int(tags[place]),), answer=names[tags[place]])]
    spans, found = find_spans([tags]), []
    for start, size, kind in zip(spans.place.tolist(), spans.size.tolist(), spans.type.tolist(), strict=True):
        inside, name = tuple(range(start, start + size)), task.labels[kind]
        found.append(Target(name, words=inside, tags=tuple(tags[list(inside)].tolist()), answer=name))
    return found


def _entity_numbers(columns: Mapping[str, Any], rows: slice, target: Target, scale: str) -> NDArray[np.float64]:
    """The mean over the words of an entity, of the tag of each."""
    words, tags = list(target.words), list(target.tags)
    return np.array([on_scale(probs[words, tags], scale).mean() for probs in columns["probs"][rows]])


def _entity_turned(columns: Mapping[str, Any], rows: slice, target: Target) -> NDArray[np.bool_]:
    words = list(target.words)
    given = (probs[words].argmax(axis=1) for probs in columns["probs"][rows])
    return np.array([tuple(tags.tolist()) != target.tags for tags in given])


def _entity_instead(task: Task, columns: Mapping[str, Any], at: int, target: Target) -> str:
    names = tags_of(task.labels)
    return " ".join(names[tag] for tag in columns["probs"][at][list(target.words)].argmax(axis=1))


# A text that the model wrote: how likely it still is


def _text(task: Task, guess: Predictions, at: int, wanted: str | None, words: Sequence[str]) -> list[Target]:
    return [Target("", answer=guess["text"][at])]


def _text_numbers(columns: Mapping[str, Any], rows: slice, target: Target, scale: str) -> NDArray[np.float64]:
    return np.asarray(columns["loglik"][rows], dtype=np.float64)


def _as_written(data: Dataset, guess: Predictions) -> Dataset:
    return data.with_column("label", guess["text"])


# An answer that stands in a passage, or that none does: how likely it stays


def _answer(task: Task, guess: Predictions, at: int, wanted: str | None, words: Sequence[str]) -> list[Target]:
    answer = guess["text"][at]
    start, end = guess["spans"][at] if answer else (-1, -1)
    return (
        [Target("", column=1, answer=answer, span=(int(start), int(end)))]
        if answer or task.options["no_answer"]
        else []
    )


def _answer_numbers(columns: Mapping[str, Any], rows: slice, target: Target, scale: str) -> NDArray[np.float64]:
    """How likely the same words are the answer. One that is no candidate is as likely as the last of these at most."""
    wanted, shares = _plain(target.answer), []
    for found in columns["candidates"][rows]:
        least = min(min(share for _, share in found), 1 - max(share for _, share in found))
        shares.append(next((share for text, share in found if _plain(text) == wanted), least))
    return on_scale(np.array(shares), scale)


def _answer_turned(columns: Mapping[str, Any], rows: slice, target: Target) -> NDArray[np.bool_]:
    return np.array([_plain(text) != _plain(target.answer) for text in columns["text"][rows]])


def _answer_instead(task: Task, columns: Mapping[str, Any], at: int, target: Target) -> str:
    return str(columns["text"][at])


def _plain(text: str) -> str:
    return " ".join(text.split())


def _around(cut: Divided, guess: Predictions, at: int) -> Divided:
    return in_units(cut, 1, guess["spans"][at] if guess["text"][at] else None)


# The document that comes first: how near it is to the query


def _document(task: Task, guess: Predictions, at: int, wanted: str | None, words: Sequence[str]) -> list[Target]:
    (first, _), *others = guess["candidates"][at] or [("", 0.0)]
    return [Target("", answer=first, rival=others[0][0] if others else "")] if first else []


def _document_numbers(columns: Mapping[str, Any], rows: slice, target: Target, scale: str) -> NDArray[np.float64]:
    return np.array([cosines[0] for cosines in columns["similarity"][rows]], dtype=np.float64)


def _document_turned(columns: Mapping[str, Any], rows: slice, target: Target) -> NDArray[np.bool_]:
    """Where the document that came second is nearer: with it every question is asked, too."""
    return np.array([len(cosines) > 1 and cosines[1] > cosines[0] for cosines in columns["similarity"][rows]])


def _document_instead(task: Task, columns: Mapping[str, Any], at: int, target: Target) -> str:
    return target.rival


def _with_document(data: Dataset, guess: Predictions) -> Dataset:
    """Every row with its first document as second text, and the one that came second as one more label."""
    first = [[text for text, _ in found[:2]] for found in guess["candidates"]]
    return data.with_column("text_pair", [each[0] if each else "" for each in first]).with_column(
        "label", first, column="duiqi_documents"
    )


def _as_labels(data: Dataset) -> Dataset:
    """The second text is the document that is asked about."""
    labels = [[pair, *label[1:]] for pair, label in zip(data.second_texts, data.values("label"), strict=True)]
    return data.with_column("label", labels)


CLASS = Reading("class", ("probs",), ("probs",), _class, _class_numbers, _class_turned, _class_instead)
READINGS: Mapping[str, Reading] = {
    "classify": CLASS,
    "classify_pair": CLASS,
    "relation": CLASS,
    "choose": CLASS,
    "multilabel": Reading("class", ("labels", "probs"), ("probs",), _labels, _class_numbers, _label_turned),
    "regress": Reading("score", ("scores",), ("scores",), _score, _score_numbers, shares=False),
    "tag": Reading("entity", ("tags", "probs"), ("probs",), _entities, _entity_numbers, _entity_turned,
                   _entity_instead),
    "generate": Reading("text", ("text",), ("loglik",), _text, _text_numbers, shares=False, again=_as_written),
    "extract": Reading("answer", ("text", "spans", "probs"), ("text", "candidates"), _answer, _answer_numbers,
                       _answer_turned, _answer_instead, units=_around),
    "rank": Reading("document", ("candidates",), ("similarity",), _document, _document_numbers, _document_turned,
                    _document_instead, shares=False, apart=True, again=_with_document,
                    units=lambda cut, guess, at: in_units(cut, 1), posed=_as_labels, at_once=2000),
}  # fmt: skip
EXPLAINED = tuple(READINGS)


def reading_of(predictor: Predictor) -> Reading:
    """How the answers of a model are read; `ModelError` where its task is none of those that can be explained, or it
    does not say how sure it is."""
    task = predictor.task
    reading = READINGS.get(task.name)
    if reading is None:
        raise ModelError(
            f"expected a model for a task among {', '.join(EXPLAINED)}, given one for {task.name}",
            hint="Answers to this task cannot be explained.",
        )
    lacking = [name for name in reading.asks if name not in predictor.offers]
    if lacking:
        raise ModelError(
            f"expected a model that gives {', '.join(lacking)} with its answers, given {predictor.name}, which gives "
            f"{', '.join(sorted(predictor.offers))}",
            hint="Words are weighed by how surely the model answers without them: let it say how sure it is.",
        )
    return reading


def numbers_of(
    reading: Reading, columns: Mapping[str, Any], rows: slice, targets: Sequence[Target], scale: str, row_id: str
) -> NDArray[np.float64]:
    """The numbers of every target in some answers, float[m, targets]; `DataError` where one is no number."""
    read = [reading.numbers(columns, rows, target, scale) for target in targets]
    found = np.stack(read, axis=1) if read else np.zeros((rows.stop - rows.start, 0))
    if not np.isfinite(found).all():
        raise DataError(
            f"expected numbers as answers to row {row_id} without some of its words, given NaN or infinity in "
            f"{int((~np.isfinite(found)).any(axis=1).sum())} of {len(found)} answers",
            hint="The model is broken, or gives no probabilities: look at duiqi diagnose MODEL DATA.",
        )
    return found


def targets_of(
    predictor: Predictor, data: Dataset, wanted: str | None = None
) -> tuple[Dataset, list[Divided], Predictions, list[list[Target]]]:
    """What is explained of every row: the class answered or `wanted`, every label given, the score, every entity or
    the word `wanted`, the text written, the answer, the first document. With the rows as they are then asked again, cut
    into words, and the model's answers."""
    reading, task = reading_of(predictor), predictor.task
    guess = predictor.predict(data, [name for name in reading.says if name in predictor.offers])
    _check_finite(guess, data)
    asked = reading.again(data, guess)
    cut = [reading.units(each, guess, at) for at, each in enumerate(divided(asked))]
    found = [reading.find(task, guess, at, wanted, each.words) for at, each in enumerate(cut)]
    return asked, cut, guess, found


def asked_again(
    reading: Reading, data: Dataset, rows: Sequence[int], of_rows: Sequence[Divided], texts: Sequence[tuple[str, ...]]
) -> Dataset:
    """For every entry of `rows` that row with other texts in the places of its own, as the model is asked."""
    return reading.posed(variants(data, rows, of_rows, texts))


def _check_finite(guess: Predictions, data: Dataset) -> None:
    for name in ("probs", "scores"):
        for at, answer in enumerate(guess[name] if name in guess.columns else ()):
            if not np.isfinite(np.asarray(answer, dtype=np.float64)).all():
                raise DataError(
                    f"expected numbers as answers, given NaN or infinity for row {data.row_ids[at]} of {data.name}",
                    hint="The model is broken, or gives no probabilities: look at duiqi diagnose MODEL DATA.",
                )
