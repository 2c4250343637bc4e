"""Out-of-sample probabilities: what cheap models say of rows that they were not fitted on (cross-fitting).

They see word counts, embeddings of a model that has not learned the rows where there is one, and of tagged words what
stands around them. On sst2 with turned labels the geometric mean of the first two told slips better than either alone;
both in one regression, or character n-grams beside them, gave no more (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.predictions import Predictor
from duiqi.core.seed import mix
from duiqi.core.task import Task
from duiqi.data.floors import both_texts, counted, logistic
from duiqi.data.vectors import vectors_of

FOLDS, MORE_FOLDS = 5, 10  # more where that is cheap: each model then sees nine tenths of the rows
CHEAP = 200_000  # rows times classes up to which it is
QUICK = 300_000  # rows times classes from which on counts of texts are fitted by the quick solver
FEATURES = 1 << 18  # places for what stands around a word
LEAST = 1e-9  # of a probability
Floats = NDArray[np.float64]
Fit = Callable[..., Floats]  # (known rows, their labels, rows asked, classes, weights=…) -> float[n, k]


def folds_of(keys: NDArray[np.uint64], many: int = FOLDS) -> NDArray[np.int64]:
    """The fold of every row by the key of its input, int[n]: rows of equal input are left out together."""
    return (mix(keys) % np.uint64(many)).astype(np.int64)


def quick(
    known: Any,
    labels: NDArray[np.int64],
    asked: Any,
    classes: int,
    *,
    weights: Floats | None = None,
    alpha: float = 3e-5,
    least: int = 0,
) -> Floats:
    """One averaged stochastic logistic regression for each class, and the softmax of their scores: for many counts, a
    tenth of the time. `alpha` is the regularisation; few labels are gone through until they were met `least` times.
    """
    from scipy.special import softmax
    from sklearn.linear_model import SGDClassifier

    rounds = max(4, least // len(labels))
    model = SGDClassifier(loss="log_loss", alpha=alpha, max_iter=rounds, tol=None, random_state=0, average=True)
    fit = model.fit(known, labels, sample_weight=weights)
    scores = fit.decision_function(asked)
    scores = scores if scores.ndim > 1 else np.stack([0 * scores, scores], axis=1)
    probs = np.zeros((asked.shape[0], classes))
    probs[:, fit.classes_.astype(int)] = softmax(scores, axis=1)
    return probs


CLOSELY = 3.0  # how closely known rows are fitted; chosen on sst2 with turned labels
THOROUGH = partial(logistic, strength=CLOSELY)
FOR_WORDS = partial(quick, alpha=7.5e-6, least=400_000)  # chosen on cluener2020 with turned tags


def out_of_sample(
    task: Task, train: Dataset, vectors: Sequence[Any], *, weights: Floats | None = None
) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64] | None]:
    """Labels int[m], their probabilities float[m, k] from models fitted on other rows, and how many each row has
    (`None` where that is one).

    Of each kind of `vectors` a model is fitted; their normalised geometric mean counts. Rows of equal input are left
    out together: a copy would give the label away. `weights` float[n] say how much rows count in fitting.
    """
    from scipy.sparse import issparse

    truth = task.read_truth(train)
    classes = {"word": 2 * len(task.labels) + 1, "label": 2}.get(task.unit, len(task.labels))
    cost = len(train) * (len(task.labels) if task.unit == "label" else classes)
    many = FOLDS if task.unit == "word" or cost > CHEAP else MORE_FOLDS
    folds = folds_of(train.input_keys, many)
    if len(np.unique(folds)) < 2:
        raise DataError(
            f"expected rows of different inputs, given {len(train)} alike in {train.name}", hint="Give more rows."
        )
    if task.unit == "word":
        sizes = np.array([len(each) for each in truth], dtype=np.int64)
        labels, places = np.concatenate([np.zeros(0, np.int64), *truth]), np.repeat(folds, sizes)
        return labels, blend([crossed(each, labels, places, classes, fit=FOR_WORDS) for each in vectors]), sizes
    if cost > QUICK and task.unit == "label":  # as many regressions as labels: counts alone
        vectors = [each for each in vectors if issparse(each)] or vectors[:1]
    fits = [quick if issparse(each) and cost > QUICK else THOROUGH for each in vectors]
    if task.unit == "label":
        sizes = np.full(len(train), truth.shape[1])
        kinds = list(zip(vectors, fits, strict=True))
        given = [blend([crossed(each, column, folds, 2, fit=fit) for each, fit in kinds]) for column in truth.T]
        return truth.ravel(), np.stack(given, axis=1).reshape(-1, 2), sizes
    pairs = zip(vectors, fits, strict=True)
    return truth, blend([crossed(each, truth, folds, classes, weights=weights, fit=fit) for each, fit in pairs]), None


def of_texts(train: Dataset, reader: Predictor | None = None) -> list[Any]:
    """Word counts, and embeddings of length 1 where a model gives some: vectors of every row."""
    texts = both_texts(train)
    found = counted(texts, texts)
    vectors = [found[0]] if found else []
    if reader is not None and "embedding" in reader.offers:
        vectors.append(vectors_of(reader, train))
    return vectors or [np.ones((len(train), 1))]


def blend(given: Sequence[Floats], shares: Sequence[float] | None = None) -> Floats:
    """The normalised geometric mean of several models' probabilities; `shares`, which sum to 1, are their weights."""
    shares = [1 / len(given)] * len(given) if shares is None else shares
    logs = [share * np.log(np.clip(each, LEAST, 1)) for share, each in zip(shares, given, strict=True)]
    mean = np.exp(np.sum(logs, axis=0))
    return np.asarray(mean / mean.sum(axis=1, keepdims=True))


def best_shares(given: Sequence[Floats], truth: NDArray[np.int64]) -> tuple[float, ...]:
    """The weights of one model, or of two, under which their blend makes the true classes likeliest, in tenths."""
    if len(given) == 1:
        return (1.0,)
    tenths = [(each / 10, 1 - each / 10) for each in range(11)]
    rows = np.arange(len(truth))
    likely = [np.log(np.clip(blend(given, shares)[rows, truth], LEAST, 1)).sum() for shares in tenths]
    return tenths[int(np.argmax(likely))]


def crossed(
    vectors: Any,
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
    classes: int,
    *,
    weights: Floats | None = None,
    fit: Fit,
) -> Floats:
    """Probabilities float[m, k] of a regression that has seen the other folds only.

    A class that those do not have has as many as the least likely of the others; where they have one class only, it is
    as good as certain.
    """
    probs = np.full((len(labels), classes), 1.0 / classes)
    for fold in np.unique(folds):
        inside, outside = folds == fold, folds != fold
        met = np.unique(labels[outside])
        if len(met) < 2:
            probs[inside] = np.where(np.arange(classes) == met, 1.0, LEAST)
            continue
        counts = weights[outside] if weights is not None else None
        given = fit(vectors[outside], labels[outside], vectors[inside], classes, weights=counts)
        given[:, np.setdiff1d(np.arange(classes), met)] = given[:, met].min(axis=1, keepdims=True)
        given = np.clip(given, LEAST, None)
        probs[inside] = given / given.sum(axis=1, keepdims=True)
    return probs


def around_words(data: Dataset) -> list[Any]:
    """What stands in and around every word, hashed: sparse float32[words, 2¹⁸]."""
    from sklearn.feature_extraction import FeatureHasher

    hasher = FeatureHasher(FEATURES, input_type="string", alternate_sign=False, dtype=np.float32)
    found = hasher.transform(each for row in data.values("tokens") for each in _seen(row))
    return [found.tocsr()]


def _seen(row: Sequence[str]) -> Iterator[list[str]]:
    words = ["<", "<", *(word.lower() for word in row), ">", ">"]
    for at, word in enumerate(row):
        b, a, w, y, z = words[at : at + 5]
        yield [
            f"w{w}", f"a{a}", f"b{b}", f"y{y}", f"z{z}", f"aw{a}|{w}", f"wy{w}|{y}", f"ay{a}|{y}", f"baw{b}|{a}|{w}",
            f"wyz{w}|{y}|{z}", f"<{w[:3]}", f"{w[-3:]}>", f"s{_shape(word)}",
        ]  # fmt: skip


def _shape(word: str) -> str:
    return "".join("X" if c.isupper() else "x" if c.islower() else "0" if c.isdigit() else c for c in word[:4])
