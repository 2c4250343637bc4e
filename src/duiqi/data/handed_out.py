"""Rows as people get them to give labels to: plain columns, and what a model takes each of them for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.spans import OUTSIDE, find_spans, tags_of
from duiqi.core.task import Task
from duiqi.data.entities import Part
from duiqi.data.label_studio import chosen, joined, marked, places

REPORT = "report.json"


def classes_beside(folder: Path) -> tuple[str, ...]:
    """The classes of the rows that were handed out in a folder; none where the report on it is not there."""
    try:
        said = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        return tuple(map(str, said["task"]["options"]["labels"])) if said["handed_out"] else ()
    except (OSError, ValueError, KeyError, TypeError):
        return ()


@dataclass(frozen=True, eq=False)
class HandedOut:
    """Rows as people get them: input columns by plain names, and a guess for each, as a label is written."""

    columns: Mapping[str, Sequence[Any]]
    texts: Sequence[str]
    shown: Sequence[str]
    guesses: Sequence[Any]
    spelled: Sequence[str]

    @property
    def kinds(self) -> list[list[str]]:
        """What each row is counted under: the types of its spans, else its guess as it is spelled."""
        if "tokens" not in self.columns:
            return [[each] for each in self.spelled]
        return [sorted({tag[2:] for tag in tags if tag != OUTSIDE}) or ["–"] for tags in self.guesses]

    @classmethod
    def of(cls, data: Dataset, guess: Predictions, task: Task) -> HandedOut:
        """Some rows with what is guessed for them."""
        words, texts = data.words, list(data.texts)
        if data.has("tokens"):
            own = data.table.column("text").to_pylist() if "text" in data.table.column_names else [None] * len(data)
            texts = [text if text and places(text, row) else joined(row) for text, row in zip(own, words, strict=True)]
        columns: dict[str, Sequence[Any]] = {"id": [str(each) for each in data.row_ids], "text": texts}
        columns |= {role: data.values(role) for role in ("text_pair", "tokens") if data.has(role)}
        columns |= {group: data.group(group).tolist() for group in data.schema.groups if group not in columns}
        answers = guess.answers
        spelled = [task.spell(answer, row) for answer, row in zip(answers, words, strict=True)]
        return cls(columns, texts, data.shown, [as_label(task, answer) for answer in answers], spelled)


def as_label(task: Task, answer: Any) -> Any:
    """An answer as rows have it as their label: a class, a list of labels, a list of tags."""
    if task.unit == "word":
        names = tags_of(task.labels)
        return [names[each] for each in answer]
    if task.unit == "label":
        return [name for name, given in zip(task.labels, answer, strict=True) if given]
    return task.labels[int(answer)]


def results(task: Task, picked: HandedOut) -> Iterator[list[dict[str, Any]]]:
    """The guesses as Label Studio's results."""
    for row, guess in enumerate(picked.guesses):
        if task.unit == "word":
            yield marked(
                picked.texts[row], _parts(picked.texts[row], picked.columns["tokens"][row], guess, task.labels)
            )
        else:
            yield chosen(guess if task.unit == "label" else [guess], several=task.unit == "label")


def _parts(text: str, words: Sequence[str], tags: Sequence[str], names: Sequence[str]) -> list[Part]:
    """The spans of tags as marked parts of the text."""
    at, numbers = places(text, words) or [], {name: number for number, name in enumerate(tags_of(names))}
    found = find_spans([np.array([numbers[tag] for tag in tags], dtype=np.int64)])
    return [
        (at[first][0], at[last - 1][1], names[kind])
        for first, last, kind in zip(found.start.tolist(), found.end.tolist(), found.type.tolist(), strict=True)
        if last <= len(at)
    ]
