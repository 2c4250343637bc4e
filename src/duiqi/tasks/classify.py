"""One class for every text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, nearest
from duiqi.core.part import task
from duiqi.core.task import Task


@task()
def classify(*, labels: tuple[str, ...] = ()) -> Task:
    """One class for every text (sentiment, intent, topic).

    The truth of a row is the index of its class in `labels`, the answer is a probability for every class. `labels`
    are in the order of the model's outputs; training sets them to the sorted classes of the training rows.
    """
    labels = tuple(labels)
    index = {label: i for i, label in enumerate(labels)}

    def read_truth(data: Dataset) -> NDArray[np.int64]:
        given = _labels(data)
        unknown = sorted({label for label in given if label not in index})
        if unknown:
            raise DataError(
                f"expected labels among {', '.join(labels[:20])}, given {', '.join(unknown[:5])} "
                f"in {data.name} ({sum(label not in index for label in given)} rows)",
                hint=f"{nearest(unknown[0], labels)} Rename these labels, or train on rows that have them.",
            )
        return np.array([index[label] for label in given], dtype=np.int64)

    return Task(
        name="classify",
        head="sequence_classification",
        inputs=("text",),
        output="probs",
        metrics=("accuracy", "macro_f1", "log_loss", "brier", "calibration_error", "auroc", "mcc"),
        primary="accuracy",
        read_truth=read_truth,
        labels=labels,
        options={"labels": labels},
        row_labels=lambda data: [(label,) for label in _labels(data)],
        spell=lambda answer, words: labels[int(answer)],
        classes=labels,
    )


def _labels(data: Dataset) -> list[str]:
    values = data.values("label")
    lists = sum(isinstance(value, list) for value in values)
    if lists:
        raise DataError(
            f"expected one class a row in column '{data.schema.label}' of {data.name}, given lists in {lists} rows",
            hint="Rows with a tag for every word are another task: --task tag.",
        )
    return [str(value) for value in values]
