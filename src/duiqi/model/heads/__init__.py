"""Heads: what a task puts on a body. One file each, found by the name in `Task.head`; nothing else asks for kinds."""

from __future__ import annotations

from duiqi.core.errors import ModelError
from duiqi.core.task import Task
from duiqi.model.heads.answering import QuestionAnswering
from duiqi.model.heads.choice import MultipleChoice
from duiqi.model.heads.crf import ConditionalRandomField, RecurrentField
from duiqi.model.heads.embedding import Embedding
from duiqi.model.heads.head import Head, misfit
from duiqi.model.heads.marked import MarkedClassification
from duiqi.model.heads.masked import MaskedLanguageModel, filling
from duiqi.model.heads.multilabel import MultilabelClassification
from duiqi.model.heads.regression import Regression
from duiqi.model.heads.sequence import SequenceClassification
from duiqi.model.heads.token import TokenClassification
from duiqi.model.heads.writing import LanguageModel

_ALL = (
    SequenceClassification(),
    MarkedClassification(),
    MultilabelClassification(),
    Regression(),
    MultipleChoice(),
    QuestionAnswering(),
    Embedding(),
    LanguageModel(),
    TokenClassification(),
    ConditionalRandomField(),
    RecurrentField(),
    MaskedLanguageModel(),
)
HEADS: dict[str, Head] = {head.name: head for head in _ALL}


def head_of(task: Task) -> Head:
    """The head a task asks for."""
    if task.head not in HEADS:
        raise ModelError(
            f"expected a task with a head among {', '.join(HEADS)}, given {task.name} with {task.head}",
            hint="This version cannot train or run this head yet.",
        )
    return HEADS[task.head]


__all__ = [
    "HEADS",
    "ConditionalRandomField",
    "Head",
    "MaskedLanguageModel",
    "SequenceClassification",
    "TokenClassification",
    "filling",
    "head_of",
    "misfit",
]
