"""`Predictions`: what a model answered, aligned to row ids. And `Predictor`: whatever can answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.task import Task

OUTPUTS = (
    *("probs", "tags", "labels", "ranks", "spans", "text", "samples", "candidates", "similarity", "scores", "loglik"),
    *("tokens", "embedding", "gradient", "attention", "pieces"),
)
ANSWERS = ("tags", "labels", "scores", "text")  # columns that are answers as they stand; classes are read off `probs`


@dataclass(frozen=True, eq=False)
class Predictions:
    """Columns aligned to row ids.

    Known columns: `probs` float[n, k] rows sum to 1 · `tags` list of int arrays · `labels` int[n, k], 1 for each label
    that is given (`probs` is then the probability of each, and rows do not sum to 1) · `ranks` float[n] of what is
    right, from 1 · `spans` list of (first character, end), -1 for none · `text` list of str · `samples` list of list
    of str, the answers drawn to each row · `scores` float[n] · `candidates` list of (text, number), the best first: how
    likely each text is the answer that a passage has, or the cosine of the first documents · `similarity` list of
    float[documents], the cosines of those that are right for a row
    · `loglik` float[n], natural log, of `tokens` int[n] together · `embedding` float[n, d]
    · `pieces` list of int[p, 3]: how the tokenizer cuts the first text of a row, as it stands in `Dataset.texts`: the
    first character of each piece, its end, and 1 where it stands for what the tokenizer does not know.
    Of tags, `probs` is a list of float[words, k]; of answers found in a passage float[n, 2], how likely each is wrong
    and right. What a probe notes of rows is no answer: `Case.noted` takes it as it is.
    """

    row_ids: NDArray[np.str_]
    columns: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if len(column) != len(self.row_ids):
                raise ValueError(f"predictions of '{name}': {len(column)} answers for {len(self.row_ids)} rows")

    def __len__(self) -> int:
        return len(self.row_ids)

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    @property
    def probs(self) -> NDArray[np.float64]:
        """Class probabilities, float[n, k]."""
        return np.asarray(self.columns["probs"], dtype=np.float64)

    @cached_property
    def label(self) -> NDArray[np.int64]:
        """The class answered in every row, int[n]: the most probable one, where none is given as `label`."""
        return np.asarray(self.columns["label"]) if "label" in self.columns else self.probs.argmax(axis=1)

    @property
    def answers(self) -> Any:
        """What was answered, in the form of a truth: tags, sets of labels, numbers, texts, else classes."""
        given = [self.columns[name] for name in ANSWERS if name in self.columns]
        return given[0] if given else self.label

    def take(self, rows: NDArray[Any]) -> Predictions:
        """The answers at the given positions or where a mask is true."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        columns = {k: v[rows] if isinstance(v, np.ndarray) else [v[i] for i in rows] for k, v in self.columns.items()}
        return Predictions(self.row_ids[rows], columns)

    def with_columns(self, columns: Mapping[str, Any]) -> Predictions:
        """These answers and more columns."""
        return Predictions(self.row_ids, {**self.columns, **columns})


@runtime_checkable
class Predictor(Protocol):
    """Anything that answers can be diagnosed: a bundle in memory, an HTTP API, a table of recorded answers.

    One whose `probs` are 0 and 1 and say no more than which class it answers has `classes_only`, which is true: nobody
    then takes them for confidences. One that writes may have `drawing(samples, temperature, top_p, draw, progress) ->
    Predictor`, which gives `samples` (`duiqi.core.asking.samples_of`).
    """

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def fingerprint(self) -> str:
        """Changes when an answer could change: weights, tokenizer, adapter, prompt, task, calibration."""

    @property
    def task(self) -> Task:
        """What it was made for."""

    @property
    def offers(self) -> frozenset[str]:
        """Which of `OUTPUTS` it can give."""

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The asked outputs for every row of `data`, in its order."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """A predictor that looks its answers up: predictions made elsewhere, or simulated ones.

    `classes_only`: `probs` are 0 and 1 and say no more than which class was answered. `input_keys` (uint64[n], those of
    `Dataset`) say what was asked, where that is known: a row with other words is another row, whatever its id.
    """

    task: Task
    answers: Predictions
    name: str = "recorded"
    notes: tuple[Mapping[str, Any], ...] = ()
    classes_only: bool = False
    input_keys: NDArray[np.uint64] | None = None

    @property
    def offers(self) -> frozenset[str]:
        return frozenset(self.answers.columns)

    @cached_property
    def fingerprint(self) -> str:
        from duiqi.core.seed import hash64

        columns = sorted((name, _bytes(column)) for name, column in self.answers.columns.items())
        return f"{hash64(repr(columns)):016x}"

    @cached_property
    def _where(self) -> dict[str, int]:
        return {str(row): i for i, row in enumerate(self.answers.row_ids)}

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The recorded answers of these rows; a row without one is a `DataError`."""
        from duiqi.core.errors import DataError

        at = np.array([self._where.get(str(row), -1) for row in data.row_ids], dtype=np.int64)
        if self.input_keys is not None and len(at):
            at[self.input_keys[at] != data.input_keys] = -1
        missing = data.row_ids[at < 0]
        if len(missing):
            raise DataError(
                f"expected a recorded answer for every row of {data.name}, given none for {len(missing)} rows "
                f"(first: {missing[0]})",
                hint="Record the answers for these rows, or give a model instead.",
            )
        taken = self.answers.take(at)
        return Predictions(data.row_ids, {name: taken[name] for name in outputs})


def _bytes(column: Any) -> bytes:
    """What a column says: of a list of arrays their shapes and numbers, of other lists their spelling."""
    if isinstance(column, np.ndarray):
        return column.tobytes()
    return b"|".join(
        repr(each.shape).encode() + each.tobytes() if isinstance(each, np.ndarray) else repr(each).encode()
        for each in column
    )
