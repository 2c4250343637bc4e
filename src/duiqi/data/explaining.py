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
    """Why one row got one answer: `full` is the number explained, `empty` that of the text without any of its words
    (where two texts are taken apart: less what it loses without the words of each); `by` holds the words' weights of
    every method."""

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
    apart = reading_of(predictor).apart
    questions: list[Question] = []
    drawn: list[list[tuple[NDArray[np.int64], dict[str, Drawn]]]] = []
    for row in rows:
        cut = subject.divided[row]
        drawn.append([])
        asked = [np.ones((1, len(cut)), dtype=bool)]
        for own in _together(cut, apart):
            texts = cut.texts if not apart else (*cut.texts, str(own[0]))
            each = {
                name: METHODS[name].draw(len(own), samples_for(len(own), samples), generator(seed, name, *texts))
                for name in methods
            }
            drawn[-1].append((own, each))
            for keep in (np.zeros((1, len(own)), dtype=bool), *(draw.keep for draw in each.values())):
                whole = np.ones((len(keep), len(cut)), dtype=bool)
                whole[:, own] = keep
                asked.append(whole)
        questions.append((row, np.concatenate(asked)))
    found = []
    for row, of_row, answers in zip(rows, drawn, ask(predictor, subject, questions, scale, progress), strict=True):
        cut, targets = subject.divided[row], subject.targets[row]
        full, change = answers[0], np.zeros(len(targets))
        by: list[dict[str, Attribution]] = [{} for _ in targets]
        start = 1
        for own, draws in of_row:
            empty = answers[start]
            change += full - empty
            start += 1
            for name, draw in draws.items():
                said = answers[start : start + len(draw.keep)]
                start += len(draw.keep)
                for place, weights in enumerate(attributions(name, draw, said, full, empty)):
                    by[place][name] = _joined(by[place].get(name), weights, own, len(cut))
        for at, (target, weights_of) in enumerate(zip(targets, by, strict=True)):
            found.append(Explanation(row, cut, target, float(full[at]), float(full[at] - change[at]), weights_of))
    return found


def _together(cut: Divided, apart: bool) -> list[NDArray[np.int64]]:
    """The places of the words that are taken out together: all, or those of each text."""
    field = np.array([piece.field if apart else 0 for piece in cut.pieces])
    return [np.flatnonzero(field == each) for each in np.unique(field)]


def _joined(before: Attribution | None, found: Attribution, own: NDArray[np.int64], words: int) -> Attribution:
    """The weights of some of the words beside those of others, with the worse of their errors."""
    weights = np.zeros(words) if before is None else before.weights.copy()
    weights[own] = found.weights
    errors = dict(found.errors)
    for name, error in (before.errors if before is not None else {}).items():
        worse = min if name == "r_squared" else max
        errors[name] = worse(error, errors.get(name, error))
    return Attribution(found.method, weights, errors)
