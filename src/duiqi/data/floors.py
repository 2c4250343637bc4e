"""Floors: what a model must beat. The larger class, and TF-IDF with logistic regression."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.slice import is_cjk
from duiqi.core.task import Task


def floors(task: Task, train: Dataset, data: Dataset) -> Mapping[str, Predictions]:
    """The floors that make sense for a task, by name."""
    truth = task.read_truth(train)
    if task.unit == "word":
        outside = [np.zeros(len(words), dtype=np.int64) for words in data.values("tokens")]
        return {"majority": Predictions(data.row_ids, {"tags": outside}), "lookup": lookup(train, truth, data)}
    classes = len(task.labels)
    return {"majority": majority(truth, data, classes), "tfidf": tfidf(train, truth, data, classes)}


def majority(train: NDArray[np.int64], data: Dataset, classes: int) -> Predictions:
    """The shares of the classes in training, for every row: the best answer that never reads the text."""
    shares = np.bincount(train, minlength=classes) / len(train)
    return Predictions(data.row_ids, {"probs": np.tile(shares, (len(data), 1))})


def tfidf(train: Dataset, truth: NDArray[np.int64], data: Dataset, classes: int) -> Predictions:
    """TF-IDF over words and pairs of words (Chinese: over characters and pairs), then logistic regression.

    The floor that twenty lines of scikit-learn reach; minutes of training must be better than its seconds.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    chinese = np.mean([is_cjk(text) for text in train.texts[:500]]) > 0.5
    units = {"analyzer": "char", "ngram_range": (1, 2)} if chinese else {"ngram_range": (1, 2)}
    vectors = TfidfVectorizer(sublinear_tf=True, min_df=2, **units)
    try:
        known = vectors.fit_transform(train.texts)
    except ValueError:  # not a single word stands in two rows
        return majority(truth, data, classes)
    present = np.unique(truth)
    if len(present) < 2:
        return majority(truth, data, classes)
    model = LogisticRegression(C=10.0, max_iter=200).fit(known, truth)
    probs = np.zeros((len(data), classes))
    probs[:, model.classes_.astype(int)] = model.predict_proba(vectors.transform(data.texts))
    return Predictions(data.row_ids, {"probs": probs})


def share_of(labels: Sequence[str], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class among the truths, float[k]."""
    return np.bincount(truth, minlength=len(labels)) / max(len(truth), 1)


def lookup(train: Dataset, truth: Sequence[NDArray[Any]], data: Dataset) -> Predictions:
    """The tag that each word had most often in training, outside where it never came: what reads no context."""
    counts: dict[str, Counter[int]] = {}
    for words, tags in zip(train.values("tokens"), truth, strict=True):
        for word, tag in zip(words, tags.tolist(), strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    known = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    said = [np.array([known.get(word, 0) for word in words], dtype=np.int64) for words in data.values("tokens")]
    return Predictions(data.row_ids, {"tags": said})
