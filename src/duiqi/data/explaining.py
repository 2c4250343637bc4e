"""Explanations of many texts at once: every method's questions about every text go to the model in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.seed import generator
from duiqi.data.attributions import METHODS, Attribution, Drawn, attributions, samples_for
from duiqi.data.divided import Divided
from duiqi.data.targets import Target, asked_again, numbers_of, reading_of, targets_of


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one row got one answer: `full` is the number explained, `empty` that of the text without any of its words;
    `by` holds the words' weights of every method."""

    row: int
    divided: Divided
    target: Target
    full: float
    empty: float
    by: Mapping[str, Attribution] = field(default_factory=dict)

    def with_method(self, found: Attribution) -> Explanation:
        """The same with the weights of one more method."""
        return replace(self, by={**self.by, found.method: found})


@dataclass(frozen=True, eq=False)
class Subject:
    """Rows to be explained: as they are asked again, cut into words, with the model's answers and what of these is
    explained. Rows without a word have no targets."""

    data: Dataset
    divided: tuple[Divided, ...]
    guess: Predictions
    targets: tuple[tuple[Target, ...], ...]


def subject_of(predictor: Predictor, data: Dataset, wanted: str | None = None) -> Subject:
    """The rows, and what of the model's answers to them is explained."""
    asked, cut, guess, found = targets_of(predictor, data, wanted)
    targets = tuple(tuple(each) if len(row) else () for each, row in zip(found, cut, strict=True))
    return Subject(asked, tuple(cut), guess, targets)


Question = tuple[int, NDArray[np.bool_]]  # a row, and which words of it stay: bool[m, w]


def ask(
    predictor: Predictor, subject: Subject, questions: Sequence[Question], scale: str,
    progress: Callable[[int, int], None] | None = None,
) -> list[NDArray[np.float64]]:  # fmt: skip
    """The numbers of every target of a row without some of its words, float[m, targets] for every question."""
    reading = reading_of(predictor)
    found: list[NDArray[np.float64]] = []
    at = 0
    while at < len(questions):
        end, size = at, 0
        while end < len(questions) and (not size or size + len(questions[end][1]) <= reading.at_once):
            size += len(questions[end][1])
            end += 1
        chunk = questions[at:end]
        rows = [row for row, keep in chunk for _ in range(len(keep))]
        texts = [text for row, keep in chunk for text in subject.divided[row].kept(keep)]
        answers = predictor.predict(asked_again(reading, subject.data, rows, subject.divided, texts), reading.asks)
        start = 0
        for row, keep in chunk:
            span = slice(start, start + len(keep))
            row_id = str(subject.data.row_ids[row])
            found.append(numbers_of(reading, answers.columns, span, subject.targets[row], scale, row_id))
            start += len(keep)
        at = end
        if progress is not None:
            progress(at, len(questions))
    return found


def explained(
    predictor: Predictor, subject: Subject, methods: Sequence[str], *, samples: int | None = None,
    scale: str = "log_odds", seed: int = 0, progress: Callable[[int, int], None] | None = None,
) -> list[Explanation]:  # fmt: skip
    """An explanation for every target of every row, by every method of `METHODS` that is named.

    The draws hang on the seed, the method and the text, not on what else is explained.
    """
    rows = [row for row, targets in enumerate(subject.targets) if targets]
    ends = {row: np.array([[True], [False]]).repeat(len(subject.divided[row]), axis=1) for row in rows}
    questions: list[Question] = []
    drawn: list[dict[str, Drawn]] = []
    for row in rows:
        words = len(subject.divided[row])
        texts = subject.divided[row].texts
        drawn.append(
            {
                name: METHODS[name].draw(words, samples_for(words, samples), generator(seed, name, *texts))
                for name in methods
            }
        )
        questions.append((row, np.concatenate([ends[row], *(each.keep for each in drawn[-1].values())])))
    found = []
    for row, of_row, answers in zip(rows, drawn, ask(predictor, subject, questions, scale, progress), strict=True):
        full, empty = answers[0], answers[1]
        by: list[dict[str, Attribution]] = [{} for _ in subject.targets[row]]
        start = 2
        for name, each in of_row.items():
            said = answers[start : start + len(each.keep)]
            start += len(each.keep)
            for place, weights in enumerate(attributions(name, each, said, full, empty)):
                by[place][name] = weights
        for at, (target, weights_of) in enumerate(zip(subject.targets[row], by, strict=True)):
            found.append(Explanation(row, subject.divided[row], target, float(full[at]), float(empty[at]), weights_of))
    return found
