"""Any number of labels for every text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.classes import refuse_unknown
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.part import task
from duiqi.core.task import Task


@task(source="Tsoumakas & Katakis, 2007, Multi-label classification: an overview, Int. J. Data Warehousing and Mining")
def multilabel(*, labels: tuple[str, ...] = ()) -> Task:
    """Any number of labels for every text, none among them: topics of an article, emotions of a message.

    Rows have a list of labels. Every label is a decision of its own with a probability of its own, and is given from
    .5 on. A row is right when all its labels are and no other is given.
    """
    labels = tuple(labels)
    index = {label: i for i, label in enumerate(labels)}

    def read_truth(data: Dataset) -> NDArray[np.int64]:
        given = lists_of(data)
        refuse_unknown([label for row in given for label in row], labels, data)
        truth = np.zeros((len(given), len(labels)), dtype=np.int64)
        for row, said in enumerate(given):
            truth[row, [index[label] for label in said]] = 1
        return truth

    def spell(answer: Any, words: Any) -> str:
        return " · ".join(label for label, given in zip(labels, answer, strict=True) if given) or "–"

    return Task(
        name="multilabel",
        head="multilabel_classification",
        inputs=("text",),
        output="labels",
        metrics=(
            "micro_f1",
            "micro_precision",
            "micro_recall",
            "exact_match",
            "accuracy",
            "log_loss",
            "calibration_error",
        ),
        primary="micro_f1",
        read_truth=read_truth,
        labels=labels,
        options={"labels": labels},
        row_labels=lists_of,
        spell=spell,
        row_metric="exact_match",
        unit="label",
        beside=("probs",),
        classes=labels,
        by_class=("micro_precision", "micro_recall", "micro_f1"),
        fewest=1,
    )


def lists_of(data: Dataset) -> list[list[str]]:
    """The labels of every row; `DataError` where they are no lists."""
    values = data.values("label")
    wrong = [row for row, value in enumerate(values) if not isinstance(value, list)]
    if wrong:
        raise DataError(
            f"expected a list of labels a row in column '{data.schema.label}' of {data.name}, given "
            f"{values[wrong[0]]!r} in row {data.row_ids[wrong[0]]} ({len(wrong)} rows)",
            hint='Write lists, also of one label: ["sports"]. Rows with one class each: --task classify.',
        )
    return [[str(label) for label in value] for value in values]
