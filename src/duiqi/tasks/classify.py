"""One class for every text."""

from __future__ import annotations

from duiqi.core.classes import class_numbers, one_class
from duiqi.core.part import task
from duiqi.core.task import Task


@task()
def classify(*, labels: tuple[str, ...] = ()) -> Task:
    """One class for every text (sentiment, intent, topic).

    The truth of a row is the index of its class in `labels`, the answer is a probability for every class. `labels`
    are in the order of the model's outputs; training sets them to the sorted classes of the training rows.
    """
    labels = tuple(labels)
    return Task(
        name="classify",
        head="sequence_classification",
        inputs=("text",),
        output="probs",
        metrics=("accuracy", "macro_f1", "log_loss", "brier", "calibration_error", "auroc", "mcc"),
        primary="accuracy",
        read_truth=class_numbers(labels),
        labels=labels,
        options={"labels": labels},
        row_labels=lambda data: [(label,) for label in one_class(data)],
        spell=lambda answer, words: labels[int(answer)],
        classes=labels,
    )
