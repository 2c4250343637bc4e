from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding


@remedy(
    treats=("imbalance",),
    needs=("case.train", "data.label", "task.classes"),
    source="King & Zeng, 2001, Logistic regression in rare events data, Political Analysis; "
    "Cui et al., 2019, Class-balanced loss based on effective number of samples, CVPR, https://arxiv.org/abs/1901.05555",
)
def class_weights(
    case: Case, findings: Sequence[Finding], *, power: float = 0.5, most: float = 8.0, epochs: int = 3
) -> Plan:
    """Let the training rows of rare classes count more.

    Every class gets the inverse of its share, relative to the largest class, raised to `power` (1 makes all classes
    count the same, 0 changes nothing), at most `most`, scaled to mean 1. Weights that were there are multiplied.
    Training begins again from where plain training began, where that is known: a network that has learned its rows by
    heart fits them under any weights.

    Gives the rare class recall and takes some from the others; too much `power` costs accuracy.
    """

    def weigh(train: Dataset) -> Dataset:
        labels = np.array([str(label) for label in train.values("label")])
        _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        weights = np.minimum((counts.max() / counts) ** power, most)[classes]
        given = np.array(train.values("weight"), dtype=float) if train.has("weight") else np.ones(len(train))
        weights = weights * given
        return train.with_column("weight", (weights / weights.mean()).tolist())

    return Plan(data=weigh, training={"epochs": epochs}, restart=True)
