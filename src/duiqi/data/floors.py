"""Floors: what a model must beat. The commonest answer, word counts with a linear model, words that two texts share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.ranking import Pool
from duiqi.core.slice import is_cjk, words
from duiqi.core.task import Task

SENTENCE = re.compile(r"\S.*?(?:[.!?]+[\"”’)]*(?=\s|$)|[。！？]+[”’」』）]*|$)", re.M)
FEATURES = 4  # of two texts: shares of the words of each that the other has, their lengths


def floors(task: Task, train: Dataset, data: Dataset) -> Mapping[str, Predictions]:
    """The floors that make sense for a task, by name."""
    truth = task.read_truth(train)
    return {name: FLOORS[task.output, name](task, train, truth, data) for name in task.floors}


def cheapest(task: Task, train: Dataset, data: Dataset) -> tuple[str, Predictions] | None:
    """The first floor of a task, by its name; `None` for a task without floors."""
    if not task.floors:
        return None
    name = task.floors[0]
    return name, FLOORS[task.output, name](task, train, task.read_truth(train), data)


def majority(train: NDArray[np.int64], data: Dataset, classes: int) -> Predictions:
    """The shares of the classes in training, for every row: the best answer that never reads the text."""
    shares = np.bincount(train, minlength=classes) / len(train)
    return Predictions(data.row_ids, {"probs": np.tile(shares, (len(data), 1))})


def tfidf(train: Dataset, truth: NDArray[np.int64], data: Dataset, classes: int) -> Predictions:
    """TF-IDF over words and pairs of words (Chinese: over characters and pairs), then logistic regression.

    The floor that twenty lines of scikit-learn reach; minutes of training must be better than its seconds.
    """
    return classified(counted(both_texts(train), both_texts(data)), truth, data, classes)


def second_text(train: Dataset, truth: NDArray[np.int64], data: Dataset, classes: int) -> Predictions:
    """The same on the second text of each pair alone: what can be answered without comparing."""
    return classified(counted(train.second_texts, data.second_texts), truth, data, classes)


def overlap(train: Dataset, truth: NDArray[np.int64], data: Dataset, classes: int) -> Predictions:
    """How many words two texts share, and how long they are, then logistic regression."""
    features = [shared(list(zip(rows.texts, rows.second_texts, strict=True))) for rows in (train, data)]
    return classified((features[0], features[1]), truth, data, classes)


def likest(data: Dataset) -> Predictions:
    """Of the choices of a row the one that shares the largest part of its words with the text, the first of equals."""
    choices = data.values("choices")
    flat = [(text, choice) for text, row in zip(both_texts(data), choices, strict=True) for choice in row]
    score, ends = shared(flat)[:, 1], np.cumsum([len(row) for row in choices])
    probs = np.zeros((len(data), max(map(len, choices), default=1)))
    for row, (begin, end) in enumerate(zip(np.concatenate([[0], ends[:-1]]), ends, strict=True)):
        probs[row, int(np.argmax(score[begin:end]))] = 1.0
    return Predictions(data.row_ids, {"probs": probs})


def unlabelled(data: Dataset, labels: int) -> Predictions:
    """No label for any row: what is right most often where labels are rare."""
    nothing = np.zeros((len(data), labels), dtype=np.int64)
    return Predictions(data.row_ids, {"labels": nothing, "probs": nothing.astype(np.float64)})


def labelled(train: Dataset, truth: NDArray[np.int64], data: Dataset) -> Predictions:
    """TF-IDF, then a logistic regression for every label."""
    vectors = counted(both_texts(train), both_texts(data))
    if vectors is None:
        return sets_of_labels(data, np.tile(truth.mean(axis=0), (len(data), 1)))
    return sets_of_labels(data, label_by_label(vectors[0], truth, vectors[1]))


def label_by_label(known: Any, truth: NDArray[np.int64], asked: Any) -> NDArray[np.float64]:
    """Probabilities of sets of labels, float[n, k], by a logistic regression for each; of a label that all known rows
    have, or none, its share."""
    probs = np.tile(truth.mean(axis=0), (asked.shape[0], 1))
    for label in np.flatnonzero((truth.min(axis=0) == 0) & (truth.max(axis=0) == 1)):
        probs[:, label] = logistic(known, truth[:, label], asked, 2)[:, 1]
    return probs


def sets_of_labels(data: Dataset, probs: NDArray[np.float64]) -> Predictions:
    """The labels that are rather true than not."""
    return Predictions(data.row_ids, {"labels": (probs >= 0.5).astype(np.int64), "probs": probs})


def average(truth: NDArray[np.float64], data: Dataset) -> Predictions:
    """The mean of the training rows, for every row."""
    return Predictions(data.row_ids, {"scores": np.full(len(data), truth.mean())})


def ridge(train: Dataset, truth: NDArray[np.float64], data: Dataset) -> Predictions:
    """TF-IDF, then ridge regression."""
    from sklearn.linear_model import Ridge

    vectors = counted(both_texts(train), both_texts(data))
    if vectors is None:
        return average(truth, data)
    fitted = Ridge(alpha=1.0).fit(vectors[0], truth)
    return Predictions(data.row_ids, {"scores": fitted.predict(vectors[1])})


def commonest(truth: Sequence[Sequence[str]], data: Dataset) -> Predictions:
    """The text that most training rows give as theirs, for every row."""
    counts = Counter(text for row in truth for text in (row or [""]))
    return Predictions(data.row_ids, {"text": [counts.most_common(1)[0][0]] * len(data)})


def nearest_sentence(data: Dataset) -> Predictions:
    """Of each passage the sentence that shares most words with the question, the first of equals."""
    said = []
    for text, passage in zip(data.texts, data.second_texts, strict=True):
        asked = set(words(text))
        sentences = [each.strip() for each in SENTENCE.findall(passage)] or [passage]
        said.append(max(sentences, key=lambda sentence: len(asked & set(words(sentence)))))
    return Predictions(data.row_ids, {"text": said})


def popular(truth: Sequence[Sequence[str]], data: Dataset) -> Predictions:
    """Documents by how often they were right in training, whatever the query."""
    pool, counts = Pool.of(data), Counter(text for row in truth for text in row)
    often = np.array([counts[text] for text in pool.documents], dtype=np.float64)
    return Predictions(data.row_ids, pool.answers(lambda rows: np.tile(often, (len(pool.own[rows]), 1))))


def alike(train: Dataset, truth: Sequence[Sequence[str]], data: Dataset) -> Predictions:
    """Documents by the cosine of their TF-IDF vector with that of the query."""
    pool, known = Pool.of(data), [*train.texts, *(text for row in truth for text in row)]
    vectors = counted(known, [*data.texts, *pool.documents])
    if vectors is None:
        return popular(truth, data)
    queries, documents = vectors[1][: len(data)], vectors[1][len(data) :].T.tocsc()
    return Predictions(data.row_ids, pool.answers(lambda rows: (queries[rows] @ documents).toarray()))


def opening(data: Dataset) -> Predictions:
    """The first three sentences of every text (lead-3), or its first three lines."""
    said = [" ".join(each.strip() for each in SENTENCE.findall(text)[:3]) or text for text in data.texts]
    return Predictions(data.row_ids, {"text": said})


def outside(data: Dataset) -> Predictions:
    """No word of any row in a span."""
    return Predictions(data.row_ids, {"tags": [np.zeros(len(row), dtype=np.int64) for row in data.values("tokens")]})


Floor = Callable[[Task, Dataset, Any, Dataset], Predictions]
FLOORS: Mapping[tuple[str, str], Floor] = {
    ("probs", "majority"): lambda task, train, truth, data: majority(truth, data, width(task, train, data)),
    ("probs", "tfidf"): lambda task, train, truth, data: tfidf(train, truth, data, len(task.labels)),
    ("probs", "second_text"): lambda task, train, truth, data: second_text(train, truth, data, len(task.labels)),
    ("probs", "overlap"): lambda task, train, truth, data: (
        overlap(train, truth, data, len(task.labels)) if task.labels else likest(data)
    ),
    ("labels", "majority"): lambda task, train, truth, data: unlabelled(data, len(task.labels)),
    ("labels", "tfidf"): lambda task, train, truth, data: labelled(train, truth, data),
    ("scores", "majority"): lambda task, train, truth, data: average(truth, data),
    ("scores", "tfidf"): lambda task, train, truth, data: ridge(train, truth, data),
    ("text", "commonest"): lambda task, train, truth, data: commonest(truth, data),
    ("text", "sentence"): lambda task, train, truth, data: nearest_sentence(data),
    ("text", "copy"): lambda task, train, truth, data: Predictions(data.row_ids, {"text": data.texts}),
    ("text", "lead"): lambda task, train, truth, data: opening(data),
    ("ranks", "popularity"): lambda task, train, truth, data: popular(truth, data),
    ("ranks", "cosine"): lambda task, train, truth, data: alike(train, truth, data),
    ("tags", "majority"): lambda task, train, truth, data: outside(data),
    ("tags", "lookup"): lambda task, train, truth, data: lookup(train, truth, data),
}


def width(task: Task, train: Dataset, data: Dataset) -> int:
    """How many classes there are, or choices at most."""
    return len(task.labels) or max(len(row) for rows in (train, data) for row in rows.values("choices"))


def both_texts(data: Dataset) -> list[str]:
    """The text of every row, with the second text where there is one."""
    if not data.has("text_pair"):
        return data.texts
    return [f"{text} {pair}" for text, pair in zip(data.texts, data.second_texts, strict=True)]


def counted(train: Sequence[str], texts: Sequence[str]) -> tuple[Any, Any] | None:
    """TF-IDF vectors of training texts and of other texts; `None` where not a single word stands in two texts."""
    found = counting(train)
    return None if found is None else (found[0], found[1](texts))


def counting(train: Sequence[str]) -> tuple[Any, Callable[[Sequence[str]], Any]] | None:
    """TF-IDF vectors of training texts and what gives those of other texts; `None` where not a single word stands in
    two texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    chinese = np.mean([is_cjk(text) for text in train[:500]]) > 0.5
    units = {"analyzer": "char", "ngram_range": (1, 2)} if chinese else {"ngram_range": (1, 2)}
    vectors = TfidfVectorizer(sublinear_tf=True, min_df=2, **units)
    try:
        return vectors.fit_transform(train), vectors.transform
    except ValueError:
        return None


def shared(pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """Of every pair the share of the first text's words that the second has, the reverse, and the logarithms of their
    lengths: float[n, 4]."""
    features = np.zeros((len(pairs), FEATURES))
    for row, (first, second) in enumerate(pairs):
        a, b = set(words(first)), set(words(second))
        both = len(a & b)
        features[row] = (both / max(len(a), 1), both / max(len(b), 1), np.log1p(len(a)), np.log1p(len(b)))
    return features


def classified(vectors: tuple[Any, Any] | None, truth: NDArray[np.int64], data: Dataset, classes: int) -> Predictions:
    """Logistic regression on vectors of training rows and of the rows asked; the majority where there are none."""
    if vectors is None or len(np.unique(truth)) < 2:
        return majority(truth, data, classes)
    return Predictions(data.row_ids, {"probs": logistic(vectors[0], truth, vectors[1], classes)})


def logistic(
    known: Any,
    truth: NDArray[np.int64],
    asked: Any,
    classes: int,
    *,
    strength: float = 10.0,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Probabilities of the asked rows from a logistic regression on the known ones, float[n, k].

    `strength` is the inverse of the regularisation: larger ones fit the known rows more closely. `weights` say how much
    each known row counts.
    """
    return regression(known, truth, classes, strength=strength, weights=weights)(asked)


def regression(
    known: Any, truth: NDArray[np.int64], classes: int, *, strength: float, weights: NDArray[np.float64] | None
) -> Callable[[Any], NDArray[np.float64]]:
    """What gives the probabilities of `logistic` for any rows, fitted once."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=200).fit(known, truth, sample_weight=weights)

    def answer(asked: Any) -> NDArray[np.float64]:
        probs = np.zeros((asked.shape[0], classes))
        probs[:, model.classes_.astype(int)] = model.predict_proba(asked)
        return probs

    return answer


def share_of(labels: Sequence[str], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class among the truths, float[k]."""
    return np.bincount(truth, minlength=len(labels)) / max(len(truth), 1)


def lookup(train: Dataset, truth: Sequence[NDArray[Any]], data: Dataset) -> Predictions:
    """The tag that each word had most often in training, outside where it never came: what reads no context."""
    counts: dict[str, Counter[int]] = {}
    for row, tags in zip(train.values("tokens"), truth, strict=True):
        for word, tag in zip(row, tags.tolist(), strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    known = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    said = [np.array([known.get(word, 0) for word in row], dtype=np.int64) for row in data.values("tokens")]
    return Predictions(data.row_ids, {"tags": said})
