from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding


@remedy(
    treats=("imbalance",),
    needs=("case.train", "data.label", "task.labels"),
    source="King & Zeng, 2001, Logistic regression in rare events data, Political Analysis; "
    "Cui et al., 2019, Class-balanced loss based on effective number of samples, CVPR, https://arxiv.org/abs/1901.05555",
)
def class_weights(
    case: Case, findings: Sequence[Finding], *, power: float = 0.5, most: float = 8.0, epochs: int = 3
) -> Plan:
    """Let the training rows of rare classes count more.

    Every class gets the inverse of its share, relative to the largest class, raised to `power` (1 makes all classes
    count the same, 0 changes nothing), at most `most`, scaled to mean 1. A row with several labels, or with spans of
    several types, counts as its rarest one, a row without any as the largest. Weights that were there are multiplied.
    Training begins again from where plain training began, where that is known: a network that has learned its rows by
    heart fits them under any weights.

    Gives the rare class recall and takes some from the others; too much `power` costs accuracy.
    """

    def weigh(train: Dataset) -> Dataset:
        labels = [set(each) for each in case.task.row_labels(train)]
        counts = Counter(label for row in labels for label in row)
        largest = max(counts.values(), default=1)
        of_class = {label: min((largest / count) ** power, most) for label, count in counts.items()}
        weights = np.array([max((of_class[label] for label in row), default=1.0) for row in labels])
        given = np.array(train.values("weight"), dtype=float) if train.has("weight") else np.ones(len(train))
        weights = weights * given
        return train.with_column("weight", (weights / weights.mean()).tolist())

    return Plan(data=weigh, training={"epochs": epochs}, restart=True)
