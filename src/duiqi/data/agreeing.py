"""Whether an edited row still deserves the label of its source: asked of a model, or of how alike both texts are.

An edit that keeps labels by design still breaks some: a typing error can hit the one word that told. What contradicts
a label is the fall of its probability from source to edit, not its level: a row that a model gets wrong anyway is
not contradicted by its edit. A model that was trained on the rows is sure of them, but it is so on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from duiqi.core.asking import answers_of
from duiqi.core.case import parts_of
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.task import Task
from duiqi.data.floors import FLOORS
from duiqi.data.vectors import characters_of

Filter = Literal["words", "model", "similarity", "none"]
Answer = Callable[[Dataset], Predictions]


def agreeing(
    filter: Filter, predictor: Predictor, source: Dataset, made: Dataset, of: NDArray[np.int64],
    *, most_fall: float, least_alike: float,
) -> NDArray[np.bool_]:  # fmt: skip
    """Which of the made rows keep what their sources say, bool[n]; `of` is the place of each row's source.

    By "words" (word counts and a linear model, trained on the sources) or the predictor's "model" the probability of
    the label falls by `most_fall` at most; by "similarity" the texts are `least_alike` alike at least. Where nobody can
    say how probable labels are (free texts, numbers, ranks), nothing is contradicted.
    """
    if filter == "similarity":
        return alike(source, made, of) >= least_alike
    answer = _answering(filter, predictor, source)
    if answer is None or not len(made):
        return np.ones(len(made), dtype=bool)
    return falls(answer, predictor.task, source, made, of) <= most_fall


def falls(answer: Answer, task: Task, source: Dataset, made: Dataset, of: NDArray[np.int64]) -> NDArray[np.float64]:
    """By how much the label of each made row is less probable than that of its source, float[n], -1 to 1.

    All rows are asked about at once. Of tags and sets of labels the least probable part counts.
    """
    both = source.joined(made)
    probs = _of_labels(task, both, answer(both))
    return probs[of] - probs[len(source) :]


def alike(source: Dataset, made: Dataset, of: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cosine of counts of two and three characters in a row, whatever their case, of each made row and its source:
    float[n], 0 to 1."""
    if not len(made):
        return np.zeros(0)
    before, after = characters_of(source.shown), characters_of(made.shown)
    return np.asarray(before[of].multiply(after).sum(axis=1)).ravel()


def _answering(filter: Filter, predictor: Predictor, rows: Dataset) -> Answer | None:
    """Who says how probable labels are; `None` where nobody can."""
    task = predictor.task
    if filter == "model" and "probs" in predictor.offers and task.unit != "answer":
        asked = [each for each in dict.fromkeys((*task.outputs, "probs")) if each in predictor.offers]
        return lambda data: answers_of(predictor, data, asked)
    if filter == "words" and "tfidf" in task.floors and task.output in ("probs", "labels") and len(task.inputs) == 1:
        floor = FLOORS[task.output, "tfidf"]
        return lambda data: floor(task, rows, task.read_truth(rows), data)
    return None


def _of_labels(task: Task, data: Dataset, guess: Predictions) -> NDArray[np.float64]:
    """The probability of the least probable part of every row's label, float[n]; 1 where it has no parts."""
    truth = task.read_truth(data)
    classes, parts = parts_of(task, truth, guess)
    probs = parts.probs[np.arange(len(classes)), classes]
    lengths = np.ones(len(data), dtype=np.int64) if task.unit == "row" else np.array([len(each) for each in truth])
    pieces = np.split(probs, np.cumsum(lengths)[:-1])
    return np.array([piece.min() if len(piece) else 1.0 for piece in pieces])
