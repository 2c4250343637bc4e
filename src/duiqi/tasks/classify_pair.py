"""One class for every pair of texts."""

from __future__ import annotations

from duiqi.core.classes import class_numbers, one_class
from duiqi.core.part import task
from duiqi.core.task import Task


@task(
    source="partial input: Gururangan et al., 2018, Annotation artifacts in natural language inference data, NAACL, "
    "https://arxiv.org/abs/1803.02324",
)
def classify_pair(*, labels: tuple[str, ...] = ()) -> Task:
    """One class for two texts together: inference, paraphrase, relevance, stance.

    Rows have a `text`, a `text_pair` and a class; the model reads both at once. Of a pair that is too long the second
    text is read in windows. Floors are word counts of both texts, how many words they share, and the second text
    alone: where that does well, the data can be answered without comparing.
    """
    labels = tuple(labels)
    return Task(
        name="classify_pair",
        head="sequence_classification",
        inputs=("text", "text_pair"),
        output="probs",
        metrics=("accuracy", "macro_f1", "log_loss", "brier", "calibration_error", "auroc", "mcc"),
        primary="accuracy",
        read_truth=class_numbers(labels),
        labels=labels,
        options={"labels": labels},
        row_labels=lambda data: [(label,) for label in one_class(data)],
        spell=lambda answer, words: labels[int(answer)],
        classes=labels,
        floors=("majority", "tfidf", "overlap", "second_text"),
    )
