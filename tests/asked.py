"""A model for tests: a function from rows to columns that keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.task import Task


@dataclass
class Asked:
    """A model made of a function from rows to columns; keeps what it was asked."""

    task: Task
    answer: Callable[[Dataset], Mapping[str, Any]]
    offers: frozenset[str] = frozenset({"probs"})
    name: str = "asked"
    fingerprint: str = "asked"
    calls: list[Dataset] = field(default_factory=list)

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        self.calls.append(data)
        return Predictions(data.row_ids, self.answer(data))
