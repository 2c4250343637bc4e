"""`Head`: what a task puts on a body. It knows how rows become inputs and targets, how the network is opened, and how
its raw answer becomes losses (training) and outputs (prediction)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, ModelError
from duiqi.core.task import Task
from duiqi.model.folder import ON_TOP_FILE
from duiqi.model.tokens import Encoded, Input

ON_TOP = "on_top"  # the module of a network that transformers has no class for


class Head:
    """What the engine asks of a head. `offers` are the outputs it gives; `embedding` is among them where the body's
    states of a row can be averaged. `windows`: whether training, too, reads a long input in windows and not its
    beginning alone. `writes`: whether answers are texts that the model makes, token by token."""

    name: str
    offers: frozenset[str] = frozenset()
    auto: str  # the class of transformers that opens its networks, where these need no labels
    windows = False
    writes = False

    def suited(self, config: Mapping[str, Any], task: Task) -> Head:
        """This head as a model with that config.json takes it for the task; `ModelError` where it cannot."""
        return self

    def settle(self, net: Any, tokenizer: Any) -> None:
        """Tell the opened network what hangs on the tokenizer."""

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        """The network on disk with this head; parameters the disk has not are drawn from torch's generator."""
        import transformers

        options.pop("fresh")
        net: nn.Module = getattr(transformers, self.auto).from_pretrained(path, **options)
        return net

    def arrange(self, net: Any, task: Task) -> None:
        """Bring the outputs of a saved head into the order of the task's labels."""

    def warm(
        self,
        net: nn.Module,
        batches: Iterable[tuple[Mapping[str, Tensor], Tensor | None]],
        targets: Any,
        weights: NDArray[np.float32],
    ) -> None:
        """Give a head drawn at random a first fit to what the body says of some rows, the body left as it is.

        `batches` are inputs and the words of their tokens, `targets` and `weights` those of the rows in that order.
        """

    def inputs(self, data: Dataset) -> list[Input]:
        """What the tokenizer reads of each row to answer it: a tuple of texts, or its `Words`."""
        raise NotImplementedError

    def examples(self, data: Dataset) -> list[Input]:
        """What it reads of each row in training, where that is more than the input."""
        return self.inputs(data)

    def worth(self, targets: Any, encoded: Encoded) -> NDArray[np.int64]:
        """The sequences to train on, of those that the rows became."""
        return np.arange(len(encoded))

    def notes(self, task: Task, encoded: Encoded) -> list[dict[str, Any]]:
        """What the user should know about the examples of a training."""
        return []

    def targets(self, task: Task, data: Dataset) -> Any:
        """What is true of every row: an array or a list."""
        raise NotImplementedError

    def align(self, targets: Any, rows: NDArray[np.int64], words: Tensor | None) -> Tensor:
        """The targets of some rows as the loss reads them."""
        return torch.from_numpy(targets[rows])

    def raw(self, net: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """The raw answer, float[n, k], or of every token float[n, t, k]."""
        raise NotImplementedError

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        """Negative log-likelihood of the targets, float[n], in nats."""
        raise NotImplementedError

    def shares(self, raw: Tensor) -> Tensor:
        """What two number types are compared by, float[m, k]: the probabilities of raw answers."""
        return raw.softmax(dim=-1)

    def rows(self, raw: Tensor, words: Tensor | None) -> list[NDArray[np.float32]]:
        """The raw answers one by one, without padding."""
        raise NotImplementedError

    def answers(self, net: Any, inputs: Mapping[str, Tensor], words: Tensor | None) -> list[NDArray[np.float32]]:
        """The raw answers of a batch of inputs."""
        return self.rows(self.raw(net, inputs), words)

    def merge(
        self, rows: Sequence[NDArray[np.float32]], starts: NDArray[np.int64], sizes: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """One answer per input from those of its windows, which lie together and begin at `starts`. `sizes` are the
        numbers of words, where inputs are given as words."""
        return list(rows)

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        """Finished outputs of the merged answers to the inputs of `data`."""
        return {}

    def copies(self, net: Any) -> int:
        """How many answers the network gives to each input at once."""
        return 1

    def drawing(self, net: Any, task: Task) -> nn.Module:
        """The same network with the task's way to write; `ModelError` for a head that does not write."""
        raise ModelError(
            f"expected a model that writes, of which answers can be drawn, given one for {task.name}",
            hint="Take a model for the task generate.",
        )

    def scored(self, model: Any, data: Dataset) -> dict[str, Any]:
        """What is known of the true answers, where the head offers it: `loglik` and `tokens`."""
        return {}

    def compared(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> NDArray[np.float64]:
        """What two number types are compared by when they answer, float[m, k]: finished probabilities of rows, or of
        all their words; the raw answers where there are none."""
        probs = self.outputs(model, rows, data).get("probs", rows)
        return probs if isinstance(probs, np.ndarray) else np.vstack(probs)


class Opened(Protocol):
    """What a head asks of the model it finishes answers for."""

    @property
    def net(self) -> Any:
        """The network."""

    @property
    def tokenizer(self) -> Any:
        """The tokenizer."""

    @property
    def task(self) -> Task:
        """The task, with its options."""

    @property
    def calibration(self) -> Mapping[str, Any]:
        """What turns raw answers into finished ones."""


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


def load_on_top(net: nn.Module, path: str) -> None:
    """The weights of what stands on top of a standard body, where the folder has some."""
    from safetensors.torch import load_file

    place = Path(path) / ON_TOP_FILE
    if place.is_file():
        getattr(net, ON_TOP).load_state_dict(load_file(place))


def save_on_top(net: nn.Module, folder: Path) -> dict[str, Tensor]:
    """Write what stands on top of a standard body into a file of its own; the weights that are the body's own."""
    from safetensors.torch import save_file

    top = getattr(net, ON_TOP, None)
    if top is not None:
        save_file({name: each.detach().contiguous() for name, each in top.state_dict().items()}, folder / ON_TOP_FILE)
    return {name: each for name, each in net.state_dict().items() if not name.startswith(f"{ON_TOP}.")}
