"""Floors: what a model must beat. The larger class, and TF-IDF with logistic regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.slice import is_cjk


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
