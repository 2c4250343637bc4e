"""Labels guessed for rows that have none: by a model with a head, or by regressions on a few labelled rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.spans import mended
from duiqi.core.task import Task
from duiqi.data.crossfit import FOR_WORDS, around_words, crossed, folds_of
from duiqi.data.floors import label_by_label, logistic, sets_of_labels
from duiqi.data.vectors import vectors_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Guesser:
    """What guesses labels: `model` by its own head or, where rows are `known`, regressions that are fitted to them."""

    model: Predictor
    task: Task
    known: Dataset | None = None

    def answers(self, data: Dataset) -> Predictions:
        """Answers and probabilities for every row, in the columns of the task's head."""
        if self.known is None:
            return self.model.predict(data, [each for each in self.task.outputs if each in self.model.offers])
        return guessed(self.task, self.known, data, self.model)

    def unlearned(self) -> Floats:
        """Probabilities of the classes of the known rows, each by a regression on others: float[n, k]."""
        assert self.known is not None
        vectors, truth = vectors_of(self.model, self.known), self.task.read_truth(self.known)
        return crossed(vectors, truth, folds_of(self.known.input_keys), len(self.task.labels), fit=fitted)


def unlearned_by(model: Predictor, data: Dataset) -> NDArray[np.bool_]:
    """Which rows a model has not learned, as far as that is known of it: bool[n]."""
    learned = getattr(model, "learned", None)
    known = learned(data) if learned else None
    return np.ones(len(data), dtype=bool) if known is None else np.asarray(~known)


def guessed(task: Task, known: Dataset, asked: Dataset, reader: Predictor) -> Predictions:
    """What regressions say of rows, fitted to the labels of others.

    Classes and sets of labels: a logistic regression on embeddings of length 1 by `reader`, which has no head for the
    task. Tags: one on the words around each word, as embeddings are of whole rows.
    """
    truth = task.read_truth(known)
    if task.unit == "word":
        return _tags(task, known, truth, asked)
    there, here = vectors_of(reader, known), vectors_of(reader, asked)
    if task.unit == "label":
        return sets_of_labels(asked, label_by_label(there, truth, here))
    return Predictions(asked.row_ids, {"probs": fitted(there, truth, here, len(task.labels))})


def fitted(
    known: Floats, truth: NDArray[np.int64], asked: Floats, classes: int, *, weights: Floats | None = None
) -> Floats:
    """Probabilities float[n, k] from a logistic regression; so few rows that some class has one are meant here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        return logistic(known, truth, asked, classes, weights=weights)


def _tags(task: Task, known: Dataset, truth: list[NDArray[np.int64]], asked: Dataset) -> Predictions:
    there, here = around_words(known)[0], around_words(asked)[0]
    flat = FOR_WORDS(there, np.concatenate(truth), here, 2 * len(task.labels) + 1)
    ends = np.cumsum([len(words) for words in asked.values("tokens")])
    probs = np.split(flat, ends[:-1])
    tags = mended([each.argmax(axis=1) for each in probs])
    return Predictions(asked.row_ids, {"tags": tags, "probs": probs})
