"""Whether an edited row still deserves the label of its source: asked of a model, or of how alike both texts are.

An edit that keeps labels by design still breaks some: a typing error can hit the one word that told. What contradicts
a label is the fall of its probability from source to edit, not its level: a row that a model gets wrong anyway is
not contradicted by its edit. A model that was trained on the rows is sure of them, but it is so on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import parts_of
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.task import Task
from duiqi.data.floors import FLOORS

Filter = Literal["words", "model", "similarity", "none"]
Answer = Callable[[Dataset], Predictions]

GRAMS = (2, 3)  # characters in a row
FEWEST_OF_KIND = 10


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
    from sklearn.feature_extraction.text import HashingVectorizer

    if not len(made):
        return np.zeros(0)
    counts = HashingVectorizer(analyzer="char", ngram_range=GRAMS, alternate_sign=False)
    before, after = counts.transform(source.shown), counts.transform(made.shown)
    return np.asarray(before[of].multiply(after).sum(axis=1)).ravel()


def _answering(filter: Filter, predictor: Predictor, rows: Dataset) -> Answer | None:
    """Who says how probable labels are; `None` where nobody can."""
    task = predictor.task
    if filter == "model" and "probs" in predictor.offers and task.unit != "answer":
        asked = [each for each in dict.fromkeys((*task.outputs, "probs")) if each in predictor.offers]
        return lambda data: predictor.predict(data, asked)
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


def deserving(task: Task, train: Dataset, made: Dataset, *, most_doubtful: float) -> NDArray[np.bool_]:
    """Which rows that have no source deserve their label, as far as word counts can tell: bool[n].

    A linear model on word counts, in which all classes weigh alike, must find the label the likeliest, and likelier
    than it finds those of the `most_doubtful` share of the real rows of the class, when it has not seen these. None
    where no word stands in two rows, or all rows are of one class: nobody can then say.
    """
    from duiqi.data.crossfit import THOROUGH, out_of_sample
    from duiqi.data.floors import counted

    truth, wanted = task.read_truth(train), task.read_truth(made)
    vectors = counted(train.texts, [*train.texts, *made.texts])
    counts = np.bincount(truth, minlength=len(task.labels))
    if vectors is None or not len(made) or (counts > 0).sum() < 2:
        return np.zeros(len(made), dtype=bool)
    weights = len(train) / ((counts > 0).sum() * np.maximum(counts, 1)[truth])
    known, both = vectors
    own = out_of_sample(task, train, [known], weights=weights)[1][np.arange(len(train)), truth]
    least = np.array([np.quantile(own[truth == label], most_doubtful) if count else 1.0
                      for label, count in enumerate(counts)])  # fmt: skip
    probs = THOROUGH(known, truth, both[len(train) :], len(task.labels), weights=weights)
    return np.asarray((probs.argmax(axis=1) == wanted) & (probs[np.arange(len(made)), wanted] >= least[wanted]))


def belonging(
    train: Dataset, made: Dataset, reader: Predictor | None, *, most_strange: float, neighbours: int = 5
) -> NDArray[np.bool_]:
    """Which made rows look like the real rows of their class, bool[n]: as like their nearest ones, in the mean of so
    many cosines, as all but the `most_strange` share of the real rows are like theirs.

    Compared are embeddings where a `reader` gives some, else counts of two and three characters in a row. A class of
    fewer than ten rows shows no such bound, and all rows are compared.
    """
    if not len(made):
        return np.zeros(0, dtype=bool)
    labels, wanted = np.array(train.values("label"), dtype=np.str_), np.array(made.values("label"), dtype=np.str_)
    known, asked = _vectors(train, reader), _vectors(made, reader)
    kept = np.zeros(len(made), dtype=bool)
    for label in np.unique(wanted):
        mine, rows = labels == label, np.flatnonzero(wanted == label)
        real = known[mine] if mine.sum() >= FEWEST_OF_KIND else known
        count = min(neighbours, real.shape[0] - 1)
        own = _cosines(real, real)
        np.fill_diagonal(own, -1.0)
        least = np.quantile(_nearest(own, count), most_strange)
        kept[rows] = _nearest(_cosines(asked[rows], real), count) >= least
    return kept


def _nearest(cosines: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.asarray(np.sort(cosines, axis=1)[:, -count:].mean(axis=1))


def _cosines(first: Any, second: Any) -> NDArray[np.float64]:
    found = first @ second.T
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found)


def _vectors(data: Dataset, reader: Predictor | None) -> Any:
    """Vectors of length 1 of every row."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    if reader is not None and "embedding" in reader.offers:
        return normalize(np.asarray(reader.predict(data, ["embedding"])["embedding"], dtype=np.float64))
    return HashingVectorizer(analyzer="char", ngram_range=GRAMS, alternate_sign=False).transform(data.shown).tocsr()
