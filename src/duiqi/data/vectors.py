"""Vectors of length 1 of rows and texts, whose products are cosines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.asking import answers_of
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictor

GRAMS = (2, 3)  # characters in a row


def vectors_of(reader: Predictor, data: Dataset) -> NDArray[np.float64]:
    """Embeddings of all rows, of length 1: float[n, d]."""
    given = np.asarray(answers_of(reader, data, ["embedding"])["embedding"], dtype=np.float64)
    return given / np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-12)


def characters_of(texts: Sequence[str]) -> Any:
    """Counts of two and three characters in a row, whatever their case, of length 1: sparse float[n, 2²⁰]."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(analyzer="char", ngram_range=GRAMS, alternate_sign=False).transform(texts).tocsr()
