"""`Task`: what goes in, what comes out, which head, which metrics. A value; the engine and the metrics read it.

Checked against the tasks to come:

| task          | head                         | inputs           | output | truth of a row             |
|---------------|------------------------------|------------------|--------|----------------------------|
| classify      | sequence_classification      | text             | probs  | class index                |
| classify_pair | sequence_classification      | text, text_pair  | probs  | class index                |
| relation      | marked_classification        | text, spans      | probs  | class index                |
| multilabel    | multilabel_classification    | text (text_pair) | labels | vector of 0 and 1          |
| regress       | regression                   | text (text_pair) | scores | number                     |
| choose        | multiple_choice              | text, choices    | probs  | index of the choice        |
| tag           | crf, token_classification, … | tokens           | tags   | array of tag indices       |
| extract       | question_answering           | text, text_pair  | text   | list of texts              |
| rank          | embedding                    | text             | ranks  | list of documents          |
| generate      | language_model               | text (text_pair) | text   | list of reference texts    |
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
    it, with the words of the row where it has some. `beside` is what a predictor is asked for beside the
    answer, where it offers that.

    `primary` is what the model is chosen by. `row_metric` says how many rows are right as a whole: the first of its
    statistics of a row is 1 where it is. Where an answer has parts, `unit` is "word" or "label", and metrics of one
    class a row are taken over these and summed by row; where it is "answer", over whether it is right.
    `classes` are what `by_class`, three metrics with an option `label`, are given for (precision, recall and F1).
    `metric_options` are options that hang on what was learned.

    `learn(data)` gives the options that training sets from its rows (their labels, the scale of their numbers), and
    `fewest` is how many different labels they must have. `floors` names what the model must beat (`duiqi.data.floors`).
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
    metric_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    learned: Callable[[Dataset], Mapping[str, Any]] | None = None
    fewest: int = 2
    floors: tuple[str, ...] = ("majority", "tfidf")

    def learn(self, data: Dataset) -> Mapping[str, Any]:
        """The options that training sets from its rows: their labels, where the task says nothing else."""
        return self.learned(data) if self.learned else {"labels": self.find_labels(data)}

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
