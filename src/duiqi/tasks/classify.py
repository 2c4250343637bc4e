"""One class for every text."""

from __future__ import annotations

from duiqi.core.classes import class_task
from duiqi.core.part import task
from duiqi.core.task import Task


@task()
def classify(*, labels: tuple[str, ...] = ()) -> Task:
    """One class for every text (sentiment, intent, topic).

    The truth of a row is the index of its class in `labels`, the answer is a probability for every class. `labels`
    are in the order of the model's outputs; training sets them to the sorted classes of the training rows.
    """
    return class_task("classify", labels)
