"""The answer to a question, as it stands in a passage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duiqi.core.answers import are_answers
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.part import task
from duiqi.core.task import Task


@task(
    source="Rajpurkar et al., 2016, SQuAD, EMNLP, https://arxiv.org/abs/1606.05250; no answer: Rajpurkar, Jia & Liang, "
    "2018, Know what you don't know, ACL, https://arxiv.org/abs/1806.03822",
)
def extract(*, no_answer: bool = False) -> Task:
    """The answer to a question as it stands in a passage, or that it stands nowhere in it.

    Rows have a `text` (the question), a `text_pair` (the passage, of any length: it is read in windows that overlap)
    and a list of answers, each with its `text` and the character where it starts; an empty list says that the passage
    has none. Training sets `no_answer` where such rows occur: only then may the model answer with nothing.

    An answer is right where it equals one of those given but for case and punctuation. The confidence is the share of
    the answer among all candidates of the passage. The floor is the sentence that shares most words with the question.
    """
    return Task(
        name="extract",
        head="question_answering",
        inputs=("text", "text_pair"),
        output="text",
        metrics=("token_f1", "exact_match", "log_loss", "calibration_error"),
        primary="token_f1",
        read_truth=texts_of,
        options={"no_answer": no_answer},
        spell=lambda answer, words: " · ".join([answer] if isinstance(answer, str) else answer[:3]) or "–",
        row_metric="exact_match",
        unit="answer",
        beside=("spans", "probs"),
        learned=learn,
        fewest=0,
        floors=("commonest", "sentence"),
    )


def learn(data: Dataset) -> Mapping[str, Any]:
    """Whether some rows have no answer."""
    return {"no_answer": not all(texts_of(data))}


def texts_of(data: Dataset) -> list[list[str]]:
    """The answers of every row; `DataError` where the labels are none."""
    rows = data.values("label")
    if rows and not are_answers(rows) and any(rows):
        raise DataError(
            f'expected lists of answers {{"text": …, "start": …}} in column \'{data.schema.label}\' of {data.name}, '
            f"given {rows[0]!r}",
            hint="Name the column that holds them with --label COLUMN.",
        )
    return [list(dict.fromkeys(each["text"] for each in row)) for row in rows]
