"""One of the choices that come with an input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.task import Task
from duiqi.model.heads.head import Head, Opened, log_softmax
from duiqi.model.heads.sequence import SequenceClassification
from duiqi.model.tokens import Choices, Input

NEVER = -1e4  # the score of a choice that a row has not


class MultipleChoice(SequenceClassification):
    """transformers' own multiple choice models: every choice is read with the text and gets one score."""

    name = "multiple_choice"
    auto = "AutoModelForMultipleChoice"
    offers = frozenset({"probs"})

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        return Head.load(self, path, task, **options)  # its one score has no labels

    def arrange(self, net: nn.Module, task: Task) -> None:
        return

    def warm(
        self,
        net: nn.Module,
        batches: Iterable[tuple[Mapping[str, Tensor], Tensor | None]],
        targets: NDArray[Any],
        weights: NDArray[np.float32],
    ) -> None:
        """Nothing: its one score has no classes to be fitted to."""

    def inputs(self, data: Dataset) -> list[Input]:
        pairs = data.values("text_pair") if data.has("text_pair") else [""] * len(data)
        return [
            Choices((f"{pair or ''} {text}".strip(), *choices))
            for text, pair, choices in zip(data.texts, pairs, data.values("choices"), strict=True)
        ]

    def raw(self, net: Callable[..., Any], inputs: Mapping[str, Tensor]) -> Tensor:
        scores: Tensor = net(**inputs).logits
        return scores.float().masked_fill(~inputs["attention_mask"].bool().any(dim=-1), NEVER)

    def rows(self, raw: Tensor, words: Tensor | None) -> list[NDArray[np.float32]]:
        return [each[each > NEVER / 2] for each in raw.float().cpu().numpy()]

    def merge(
        self, rows: Sequence[NDArray[np.float32]], starts: NDArray[np.int64], sizes: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        return list(rows)

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        """Probabilities float[n, c] with as many columns as the row with most choices has, 0 where a row has fewer."""
        raw = np.full((len(rows), max(map(len, rows), default=1)), NEVER)
        for row, scores in enumerate(rows):
            raw[row, : len(scores)] = scores / model.calibration.get("temperature", 1.0)
        return {"probs": np.exp(log_softmax(raw))}
