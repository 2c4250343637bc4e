"""Models that are quick to fit again and again: a frozen body whose vectors are kept, and a regression on top.

A `Body` answers with vectors of texts and never computes one twice; `fit` lays a logistic regression on them, of words
on what stands around them, and gives a `Frozen`, a predictor that can be asked any rows, edited ones too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, SGDClassifier

from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.seed import hash64
from duiqi.core.task import Task
from duiqi.data.crossfit import around_words
from duiqi.model.open import find, open_model

STRENGTH = 0.3  # inverse regularisation; of .3, 3 and 30 the most accurate and the best calibrated on six sets
MANY = 500  # new vectors that are worth being saved
Floats = NDArray[np.float32]


@dataclass(eq=False)
class Body:
    """Vectors of texts, float32[n, d], kept by the exact text."""

    name: str
    kept: dict[str, Floats] = field(default_factory=dict)
    saved: int = 0

    @cached_property
    def model(self) -> Any:
        bundle = find(self.name)
        return open_model(bundle, Catalogue.installed().task("classify", labels=("no", "yes")))

    def texts(self, texts: Sequence[str]) -> Floats:
        new = list(dict.fromkeys(text for text in texts if text not in self.kept))
        if new:
            found = self.model.predict(Dataset.of({"text": new}), ["embedding"])["embedding"]
            self.kept.update(zip(new, np.asarray(found, dtype=np.float32), strict=True))
        return np.stack([self.kept[text] for text in texts])

    def load(self, path: Path | None) -> None:
        """Vectors of an earlier run, where there are some."""
        if path and path.exists():
            held = np.load(path)
            self.kept = dict(zip(held["texts"].tolist(), held["vectors"].astype(np.float32), strict=True))
            self.saved = len(self.kept)

    def save(self, path: Path | None) -> None:
        """All vectors for another run, where many are new."""
        if path and len(self.kept) > self.saved + MANY:
            path.parent.mkdir(parents=True, exist_ok=True)
            vectors = np.stack(list(self.kept.values())).astype(np.float16)
            np.savez(path, texts=np.array(list(self.kept), dtype=object).astype(str), vectors=vectors)
            self.saved = len(self.kept)


def seen(body: Body, data: Dataset) -> Any:
    """What a head sees: of a text its vector; of a pair both vectors, how far they are apart and their product; of
    words, one after the other, what stands in and around them (the small encoders know too little of words)."""
    if data.schema.tokens is not None:
        return around_words(data)[0]
    first = body.texts(data.texts)
    if not data.has("text_pair"):
        return first
    second = body.texts(data.second_texts)
    return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)


@dataclass(frozen=True, eq=False)
class Frozen:
    """A regression on what `seen` gives. `sharpness` multiplies its log-odds; `keys` are the inputs it has learned."""

    task: Task
    body: Body
    weights: Floats  # [d, classes]
    bias: Floats
    keys: NDArray[np.uint64]
    sharpness: float = 1.0
    name: str = "frozen"

    @property
    def offers(self) -> frozenset[str]:
        return frozenset({"tags", "probs", "pieces"} if self.task.unit == "word" else {"probs", "embedding", "pieces"})

    @cached_property
    def fingerprint(self) -> str:
        return f"{hash64(repr((self.weights.tobytes(), self.bias.tobytes(), self.sharpness, self.body.name))):016x}"

    def learned(self, data: Dataset) -> NDArray[np.bool_]:
        """Which rows it was fitted on."""
        return np.isin(data.input_keys, self.keys)

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        columns: dict[str, Any] = {}
        if "pieces" in outputs:
            columns["pieces"] = self.body.model.predict(data, ["pieces"])["pieces"]
        if "embedding" in outputs:
            columns["embedding"] = seen(self.body, data)
        if {"probs", "tags"} & {*outputs}:
            scores = self.sharpness * (seen(self.body, data) @ self.weights + self.bias)
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            probs = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float64)
            if self.task.unit == "word":
                cuts = np.cumsum([len(row) for row in data.words])[:-1]
                columns |= {"probs": np.split(probs, cuts), "tags": np.split(probs.argmax(axis=1), cuts)}
            else:
                columns["probs"] = probs
        return Predictions(data.row_ids, {name: columns[name] for name in outputs})

    def sharper(self, by: float) -> Frozen:
        """The same answers, given with log-odds that are `by` times as large."""
        return replace(self, sharpness=by)


def fit(task: Task, body: Body, train: Dataset) -> Frozen:
    """A regression fitted to the labels of the rows."""
    truth, inputs = task.read_truth(train), seen(body, train)
    if task.unit == "word":
        labels, many = np.concatenate(truth), 2 * len(task.labels) + 1
        model = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=8, tol=None, random_state=0, average=True)
        scale: Any = 1.0
    else:
        labels, many = truth, len(task.labels)
        model = LogisticRegression(C=STRENGTH / np.sqrt(inputs.shape[1]), max_iter=300, tol=1e-3)
        scale = np.maximum(inputs.std(axis=0), 1e-6)
        inputs = inputs / scale
    model.fit(inputs, labels)
    weights, bias = np.zeros((inputs.shape[1], many), np.float32), np.full(many, -20.0, np.float32)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(coefficients) == 1:  # two classes are one regression
        coefficients, intercepts = np.stack([-coefficients[0], coefficients[0]]) / 2, np.array([-1, 1]) * intercepts / 2
    weights[:, model.classes_] = (coefficients / scale).T
    bias[model.classes_] = intercepts
    return Frozen(task, body, weights, bias, train.input_keys)
