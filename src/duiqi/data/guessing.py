"""Labels guessed for rows that have none: by a model with a head, or by regressions on a few labelled rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.asking import answers_of
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.spans import mended
from duiqi.core.task import Task
from duiqi.data.crossfit import FOR_WORDS, around_words, best_shares, blend, crossed, folds_of
from duiqi.data.floors import both_texts, counted, label_by_label, logistic, sets_of_labels
from duiqi.data.vectors import vectors_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Guesser:
    """What guesses labels: `model` by its own head or, where rows are `known`, regressions that are fitted to them.

    Classes are guessed by two, on the model's embeddings and on word counts. How much each has to say is told by known
    rows that it was not fitted to: embeddings are far better for many classes in English, counts for Chinese.
    """

    model: Predictor
    task: Task
    known: Dataset | None = None

    def answers(self, data: Dataset) -> Predictions:
        """Answers and probabilities for every row, in the columns of the task's head."""
        if self.known is None:
            return answers_of(self.model, data, [each for each in self.task.outputs if each in self.model.offers])
        if self.task.unit != "row":
            return guessed(self.task, self.known, data, self.model)
        truth, classes = self.task.read_truth(self.known), len(self.task.labels)
        given = [fitted(there, truth, here, classes) for there, here in self._vectors(data)]
        return Predictions(data.row_ids, {"probs": blend(given, best_shares(self._apart, truth))})

    def unlearned(self) -> Floats:
        """Probabilities of the classes of the known rows, each by regressions on others: float[n, k]."""
        assert self.known is not None
        truth, folds = self.task.read_truth(self.known), folds_of(self.known.input_keys)
        probs = np.empty_like(self._apart[0])
        for fold in np.unique(folds):
            inside = folds == fold
            shares = best_shares([each[~inside] for each in self._apart], truth[~inside])
            probs[inside] = blend([each[inside] for each in self._apart], shares)
        return probs

    @cached_property
    def _apart(self) -> list[Floats]:
        """What each regression says of the known rows that it was not fitted to."""
        assert self.known is not None
        truth, folds = self.task.read_truth(self.known), folds_of(self.known.input_keys)
        kinds = self._vectors(self.known)
        return [crossed(there, truth, folds, len(self.task.labels), fit=fitted) for there, _ in kinds]

    def _vectors(self, data: Dataset) -> list[tuple[Any, Any]]:
        """Embeddings, and word counts where words repeat, of the known rows and of others."""
        assert self.known is not None
        embeddings = vectors_of(self.model, self.known), vectors_of(self.model, data)
        counts = counted(both_texts(self.known), both_texts(data))
        return [embeddings] if counts is None else [embeddings, counts]


def unlearned_by(model: Predictor, data: Dataset) -> NDArray[np.bool_]:
    """Which rows a model has not learned, as far as that is known of it: bool[n]."""
    learned = getattr(model, "learned", None)
    known = learned(data) if learned else None
    return np.ones(len(data), dtype=bool) if known is None else np.asarray(~known)


def guessed(task: Task, known: Dataset, asked: Dataset, reader: Predictor) -> Predictions:
    """What regressions say of rows, fitted to the labels of others.

    Sets of labels: logistic regressions on embeddings of length 1 by `reader`, which has no head for the task. Tags:
    one on the words around each word, as embeddings are of whole rows.
    """
    truth = task.read_truth(known)
    if task.unit == "word":
        return _tags(task, known, truth, asked)
    return sets_of_labels(asked, label_by_label(vectors_of(reader, known), truth, vectors_of(reader, asked)))


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
