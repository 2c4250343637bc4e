"""A tiny task: short made-up reviews in which one word tells the label."""

from __future__ import annotations

import csv

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


def write_csv(path, rows=600, *, seed=3, wrong=0.4):
    """Reviews from three regions; in the south a share of the labels is wrong."""
    data = reviews(rows, seed=seed)
    rng = np.random.default_rng(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "region"])
        for text, label in zip(data.texts, data.values("label"), strict=True):
            region = str(rng.choice(["north", "south", "east"]))
            if region == "south" and rng.random() < wrong:
                label = "negative" if label == "positive" else "positive"
            writer.writerow([text, label, region])
    return path
