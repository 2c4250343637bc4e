"""Classes as truths: the labels of rows that have one class each, their numbers, and the tasks that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, nearest
from duiqi.core.task import Task


def class_task(name: str, labels: Sequence[str], **own: Any) -> Task:
    """A task whose answer is a probability for every class; `own` is what sets it apart from plain classification."""
    labels = tuple(labels)
    plain: dict[str, Any] = {"head": "sequence_classification", "inputs": ("text",), "primary": "accuracy"}
    return Task(
        name=name,
        output="probs",
        metrics=("accuracy", "macro_f1", "log_loss", "brier", "calibration_error", "auroc", "mcc"),
        read_truth=class_numbers(labels),
        labels=labels,
        options={"labels": labels},
        row_labels=lambda data: [(label,) for label in one_class(data)],
        spell=lambda answer, words: labels[int(answer)],
        classes=labels,
        **{**plain, **own},
    )


def one_class(data: Dataset) -> list[str]:
    """The class of every row; `DataError` where rows have lists."""
    values = data.values("label")
    lists = sum(isinstance(value, list) for value in values)
    if lists:
        raise DataError(
            f"expected one class a row in column '{data.schema.label}' of {data.name}, given lists in {lists} rows",
            hint="Rows with a tag for every word are another task (--task tag), so are rows with several labels "
            "(--task multilabel).",
        )
    return [str(value) for value in values]


def class_numbers(labels: Sequence[str]) -> Callable[[Dataset], NDArray[np.int64]]:
    """What reads the place in `labels` of every row's class, int[n], and raises `DataError` for a class not there."""
    index = {label: i for i, label in enumerate(labels)}

    def read_truth(data: Dataset) -> NDArray[np.int64]:
        given = one_class(data)
        refuse_unknown(given, labels, data)
        return np.array([index[label] for label in given], dtype=np.int64)

    return read_truth


def refuse_unknown(given: Sequence[str], labels: Sequence[str], data: Dataset) -> None:
    """Raise a `DataError` for labels that are not among those that were learned."""
    known = set(labels)
    unknown = sorted({label for label in given if label not in known})
    if unknown:
        raise DataError(
            f"expected labels among {', '.join(labels[:20])}, given {', '.join(unknown[:5])} "
            f"in {data.name} ({sum(label not in known for label in given)} rows)",
            hint=f"{nearest(unknown[0], labels)} Rename these labels, or train on rows that have them.",
        )
