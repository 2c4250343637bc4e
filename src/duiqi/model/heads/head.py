"""`Head`: what a task puts on a body. It knows how rows become inputs and targets, how the network is opened, and how
its raw answer becomes losses (training) and outputs (prediction)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, ModelError
from duiqi.core.task import Task
from duiqi.model.tokens import Input


class Head(Protocol):
    """What the engine asks of a head."""

    name: str
    offers: frozenset[str]

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        """The network on disk with this head; parameters the disk has not are drawn from torch's generator."""

    def arrange(self, net: nn.Module, task: Task) -> None:
        """Bring the outputs of a saved head into the order of the task's labels."""

    def warm(
        self, net: nn.Module, batches: Iterable[Mapping[str, Tensor]], targets: NDArray[Any], weights: Any
    ) -> None:
        """Give a head drawn at random a first fit to what the body says of some rows, the body left as it is."""

    def inputs(self, data: Dataset) -> list[Input]:
        """What the tokenizer reads, one tuple of texts per row."""

    def targets(self, task: Task, data: Dataset) -> NDArray[Any]:
        """What the loss reads, one entry per row."""

    def raw(self, net: Callable[..., Any], inputs: Mapping[str, Tensor]) -> Tensor:
        """The raw answer, float[n, k]."""

    def losses(self, raw: Tensor, targets: Tensor) -> Tensor:
        """Negative log-likelihood of the targets, float[n], in nats."""

    def merge(self, raw: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """One raw answer per input from those of its windows, which lie together and begin at `starts`."""

    def outputs(self, raw: NDArray[np.float32], calibration: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Finished outputs of raw answers."""


def misfit(saved: Sequence[str], given: Sequence[str]) -> ModelError:
    """The error for labels that do not fit the model's head."""
    return ModelError(
        f"expected the labels of the model's head ({len(saved)}: {_few(saved)}), given {len(given)}: {_few(given)}",
        hint="Rename the labels in the data, or start from a model without a head, such as `default`.",
    )


def _few(labels: Sequence[str]) -> str:
    return ", ".join(labels[:8]) + (" …" if len(labels) > 8 else "")


def log_softmax(raw: NDArray[Any]) -> NDArray[Any]:
    """Log-probabilities, row by row."""
    if raw.ndim != 2:
        raise DataError(f"expected raw answers float[n, k], given shape {raw.shape}")
    shifted = raw - raw.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
