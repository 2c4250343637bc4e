"""What of an answer is explained: one number for every class, label, entity, score or text that a model gave."""

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

SCALES = ("log_odds", "probability")
LEAST = 1e-12  # of a probability, so that its log-odds are finite


@dataclass(frozen=True)
class Target:
    """A number that the answer to a row gives.

    `name` is the class, label or type of an entity ("" for a score or a text), `column` its place among the model's.
    `words` are the places of the words that an entity has, `tags` those of their tags. `answer` is what was said.
    """

    name: str
    column: int = 0
    words: tuple[int, ...] = ()
    tags: tuple[int, ...] = ()
    answer: str = ""


@dataclass(frozen=True)
class Reading:
    """How the answers of a task are read: what the model is asked for, what is explained of a row, the number of it in
    other answers float[m], and in which of them the answer is another one (bool[m]) and what it then is."""

    asks: tuple[str, ...]
    find: Callable[[Task, Predictions, int, str | None, Sequence[str]], list[Target]]
    numbers: Callable[[Mapping[str, Any], slice, Target, str], NDArray[np.float64]]
    turned: Callable[[Mapping[str, Any], slice, Target], NDArray[np.bool_]] | None = None
    instead: Callable[[Task, Mapping[str, Any], int, Target], str] = lambda task, columns, at, target: ""


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


READINGS: Mapping[str, Reading] = {
    "probs": Reading(("probs",), _class, _class_numbers, _class_turned, _class_instead),
    "labels": Reading(("probs",), _labels, _class_numbers, _label_turned),
    "scores": Reading(("scores",), _score, _score_numbers),
    "tags": Reading(("probs",), _entities, _entity_numbers, _entity_turned, _entity_instead),
    "text": Reading(("loglik",), _text, _text_numbers),
}
EXPLAINED = ("classify", "classify_pair", "multilabel", "regress", "choose", "tag", "generate")


def reading_of(predictor: Predictor) -> Reading:
    """How the answers of a model are read; `ModelError` where its task is none of those that can be explained, or it
    does not say how sure it is."""
    task = predictor.task
    reading = READINGS.get(task.output)
    if reading is None or task.name not in EXPLAINED:
        raise ModelError(
            f"expected a model for a task among {', '.join(EXPLAINED)}, given one for {task.name}",
            hint="Answers to this task cannot be explained yet.",
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
    predictor: Predictor, data: Dataset, words: Sequence[Sequence[str]], wanted: str | None = None
) -> tuple[Dataset, Predictions, list[list[Target]]]:
    """What is explained of every row: the class answered or `wanted`, every label given, the score, every entity or
    the word `wanted`, the text written. With the model's answers, and the rows as they are then asked again."""
    reading, task = reading_of(predictor), predictor.task
    asked = dict.fromkeys(("text",) if task.output == "text" else (task.output, *reading.asks))
    guess = predictor.predict(data, [name for name in asked if name in predictor.offers])
    _check_finite(guess, data)
    found = [reading.find(task, guess, at, wanted, words[at]) for at in range(len(data))]
    if task.output == "text":
        data = data.with_column("label", guess["text"])
    return data, guess, found


def _check_finite(guess: Predictions, data: Dataset) -> None:
    for name in ("probs", "scores"):
        for at, answer in enumerate(guess[name] if name in guess.columns else ()):
            if not np.isfinite(np.asarray(answer, dtype=np.float64)).all():
                raise DataError(
                    f"expected numbers as answers, given NaN or infinity for row {data.row_ids[at]} of {data.name}",
                    hint="The model is broken, or gives no probabilities: look at duiqi diagnose MODEL DATA.",
                )
