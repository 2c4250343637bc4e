"""`Task`: what goes in, what comes out, which head, which metrics. A value; the engine and the metrics read it.

Checked against the tasks to come:

| task       | head                     | inputs            | output   | truth of a row                |
|------------|--------------------------|-------------------|----------|-------------------------------|
| classify   | sequence_classification  | text (text_pair)  | probs    | class index                   |
| multilabel | sequence_classification  | text              | probs    | vector of 0 and 1             |
| tag        | token_classification, crf| tokens            | tags     | array of tag indices          |
| extract    | question_answering       | text, text_pair   | spans    | list of (text, start)         |
| choose     | multiple_choice          | text, choices     | probs    | index of the choice           |
| rank       | embedding                | text, text_pair   | scores   | relevance                     |
| generate   | causal_lm, seq2seq_lm    | text              | text     | list of reference texts       |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duiqi.core.dataset import Dataset


@dataclass(frozen=True)
class Task:
    """One task with its options fixed.

    `read_truth(data)` gives the truths aligned to the rows, in the form that the metrics of this task read.
    `options` are the keyword arguments the part was called with: with `name` they make the same task again.
    `row_labels(data)` gives the labels of every row, and `spell(answer, words)` a truth or answer as people read
    it, with the words of the row where it has some.

    `beside` is what a predictor is asked for beside the answer, where it offers that. `primary` is what the model is
    chosen by. Where an answer has parts, `row_metric` says how many rows are right as a
    whole, and `unit` is "word": metrics of one class a row are then taken over words and summed by row. `classes` are
    what `by_class`, three metrics with an option `label`, are given for (precision, recall and F1).
    """

    name: str
    head: str
    inputs: tuple[str, ...]
    output: str
    metrics: tuple[str, ...]
    primary: str
    read_truth: Callable[[Dataset], Any]
    labels: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    row_labels: Callable[[Dataset], Sequence[Iterable[str]]] = lambda data: ()
    spell: Callable[[Any, Sequence[str]], str] = lambda answer, words: str(answer)
    row_metric: str = "accuracy"
    unit: str = "row"
    beside: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    by_class: tuple[str, str, str] = ("precision", "recall", "macro_f1")

    def find_labels(self, data: Dataset) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({label for row in self.row_labels(data) for label in row}))

    @property
    def outputs(self) -> tuple[str, ...]:
        """What a predictor is asked for: the answer and what goes with it."""
        return (self.output, *self.beside)

    def to_json(self) -> dict[str, Any]:
        """Name and options: enough for `catalogue.task(name, **options)` to make it again."""
        return {
            "name": self.name,
            "options": {k: list(v) if isinstance(v, tuple) else v for k, v in self.options.items()},
        }
