"""A tiny task: short made-up reviews in which one word tells the label."""

from __future__ import annotations

import numpy as np

from duiqi.core.dataset import Dataset

GOOD, BAD = ("good", "fine", "lovely", "great"), ("bad", "awful", "poor", "dull")
FILLER = ("the", "film", "was", "and", "plot", "actor", "scene", "very", "quite", "it")
LABELS = ("negative", "positive")


def reviews(n: int, seed: int = 0, **columns) -> Dataset:
    """`n` short texts; one word says whether they are positive."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n):
        positive = bool(rng.integers(2))
        words = list(rng.choice(FILLER, size=rng.integers(3, 12)))
        words.insert(int(rng.integers(len(words))), str(rng.choice(GOOD if positive else BAD)))
        texts.append(" ".join(words))
        labels.append(LABELS[positive])
    return Dataset.of({"text": texts, "label": labels, **columns})
