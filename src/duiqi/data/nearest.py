"""The training rows that are nearest to a text in the model's own eyes: "because of these examples"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.asking import answers_of
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictor
from duiqi.core.task import Task

SHOWN = 5
MOST = 20_000  # training rows that are looked at


@dataclass(frozen=True)
class Example:
    """A training row, its label in words, and the cosine of the angle between it and the text (1 is the same)."""

    row: int
    row_id: str
    text: str
    label: str
    similarity: float


def nearest_rows(predictor: Predictor, data: Dataset, train: Dataset, *, shown: int = SHOWN) -> list[list[Example]]:
    """For every row of `data` the nearest training rows by the cosine of the model's embeddings, each text once.

    Nearness in the model's last layer is no proof that a row brought the answer about: that would need training
    without it.
    """
    train = train.take(np.arange(min(len(train), MOST)))
    mine, theirs = (_directions(answers_of(predictor, each, ["embedding"])["embedding"]) for each in (data, train))
    labels = labels_in_words(predictor.task, train)
    found = []
    for row in mine @ theirs.T:
        examples: dict[str, Example] = {}
        for at in np.argsort(-row, kind="stable"):
            text = train.shown[at]
            examples.setdefault(text, Example(int(at), str(train.row_ids[at]), text, labels[at], float(row[at])))
            if len(examples) == shown:
                break
        found.append(list(examples.values()))
    return found


def agreement(examples: Sequence[Example], answer: str) -> float:
    """Share of the examples whose label is the answer."""
    return float(np.mean([each.label == answer for each in examples])) if examples else 0.0


def labels_in_words(task: Task, data: Dataset) -> list[str]:
    """The labels as people read them; "–" where a row has none."""
    if not data.has("label"):
        return ["–"] * len(data)
    return [_in_words(each) for each in data.values("label")]


def _in_words(label: Any) -> str:
    if isinstance(label, dict):  # an answer with the place where it stands
        return str(label["text"])
    return " · ".join(map(_in_words, label)) if isinstance(label, list) else str(label)


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
