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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from duiqi.core.dataset import Dataset


@dataclass(frozen=True)
class Task:
    """One task with its options fixed.

    `read_truth(data)` gives the truths aligned to the rows, in the form that the metrics of this task read.
    `options` are the keyword arguments the part was called with: with `name` they make the same task again.
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

    def to_json(self) -> dict[str, Any]:
        """Name and options: enough for `catalogue.task(name, **options)` to make it again."""
        return {
            "name": self.name,
            "options": {k: list(v) if isinstance(v, tuple) else v for k, v in self.options.items()},
        }
