"""A model whose answers hang on no word: on a hash of the whole text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.seed import hash64
from duiqi.core.task import Task

WIDTH = 8.0  # of the log-odds that the hash gives, from half of it below 0 to half of it above


@dataclass(frozen=True)
class Whole:
    """Another model's answers, with a share `strength` of their log-odds replaced by what a hash of the text says."""

    other: Predictor
    strength: float
    name: str = "whole"
    fingerprint: str = "whole"
    offers: frozenset[str] = frozenset({"probs"})

    @property
    def task(self) -> Task:
        return self.other.task

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """Probabilities of two classes."""
        probs = np.clip(self.other.predict(data, ["probs"]).probs, 1e-9, 1)
        own = np.log(probs[:, 1]) - np.log(probs[:, 0])
        said = np.array([WIDTH * (hash64(text) / 2**64 - 0.5) for text in data.shown])
        second = 1 / (1 + np.exp(-((1 - self.strength) * own + self.strength * said)))
        return Predictions(data.row_ids, {"probs": np.stack([1 - second, second], axis=1)})
